"""Published weights of LIIF."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile


def _liif(encoder: str, dropbox: str, drive: str, sha256: str, n_bytes: int) -> WeightFile:
    filename = f"{encoder}-liif.pth"
    return WeightFile(
        name=f"liif-{encoder}",
        filename=filename,
        url=f"https://www.dropbox.com/s/{dropbox}/{filename}?dl=1",
        sha256=sha256,
        n_bytes=n_bytes,
        licence="BSD-3-Clause",
        known_from="one third party",
        pages=(f"https://drive.google.com/file/d/{drive}/view",),
        note="the size is that of the README of github.com/yinboc/liif, rounded there",
    )


WEIGHTS = (
    _liif(
        "edsr-baseline",
        "6f402wcn4v83w2v",
        "1wBHSrgPLOHL_QVhPAIAcDC30KSJLf67x",
        "1cf77e16f33ee17bd04049f497eaea1e06f25585dbb1919e4c7cd1d9d4d23d57",
        18_890_445,
    ),
    _liif(
        "rdn",
        "mzha6ll9kb9bwy0",
        "1xaAx6lBVVw_PJ3YVp02h3k4HuOAXcUkt",
        "7bf835bc969b85ead12ef3bd8e4bca7349777ae1fdbea6021f1b62608f4a323a",
        268_184_311,
    ),
)
