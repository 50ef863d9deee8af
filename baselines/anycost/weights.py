"""Published weights of Anycost-GAN."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile


def _anycost(config: str) -> WeightFile:
    return WeightFile(
        name=config,
        filename=f"generator_{config}.pt",
        url=f"https://hanlab18.mit.edu/projects/anycost-gan/files/generator_{config}.pt",
        sha256=None,
        n_bytes=None,
        licence="MIT",
        gone=True,
        note="users report that the files were removed in 2024 and are still missing in November "
        "2025 (github.com/mit-han-lab/anycost-gan/issues/30); no digest is published",
    )


WEIGHTS = (
    _anycost("anycost-ffhq-config-f"),
    _anycost("anycost-ffhq-config-f-flexible"),
    _anycost("anycost-car-config-f"),
    _anycost("stylegan2-ffhq-config-f"),
)
