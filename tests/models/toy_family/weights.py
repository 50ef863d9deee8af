"""Published files: one, to be got by hand."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile

WEIGHTS = (
    WeightFile(
        name="toy-file",
        filename="toy.pth",
        url=None,
        sha256=None,
        n_bytes=None,
        licence="CC0-1.0",
        note="there is none",
    ),
)
