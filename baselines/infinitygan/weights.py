"""Published weights of InfinityGAN."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile


def _infinitygan(name: str, folder: str) -> WeightFile:
    return WeightFile(
        name=name,
        filename=f"{name}-best_fid.pth.tar",
        url=None,
        sha256=None,
        n_bytes=None,
        licence="CC BY-NC-SA 4.0 and NVIDIA Source Code License",
        non_commercial=True,
        note=f"best_fid.pth.tar of the folder {folder}, linked from the README of "
        "github.com/hubert0527/infinityGAN (Google Drive)",
    )


WEIGHTS = (
    _infinitygan("infinitygan", "InfinityGAN"),
    _infinitygan("infinitygan-hr", "InfinityGAN-HR"),
    _infinitygan("infinitygan-ur", "InfinityGAN-UR"),
    _infinitygan("infinitygan-iof", "InfinityGAN-IOF"),
    _infinitygan("infinitygan-iop", "InfinityGAN-IOP"),
)
