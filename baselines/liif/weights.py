"""Published weights of LIIF."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile


def _liif(encoder: str) -> WeightFile:
    return WeightFile(
        name=f"liif-{encoder}",
        filename=f"{encoder}-liif.pth",
        url=None,
        sha256=None,
        n_bytes=None,
        licence="BSD-3-Clause",
        note="linked from the README of github.com/yinboc/liif (Dropbox and Google Drive)",
    )


WEIGHTS = (
    _liif("edsr-baseline"),
    _liif("rdn"),
)
