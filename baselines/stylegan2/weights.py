"""Published snapshots of StyleGAN2-ADA."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile

_ADDRESS = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained"


def _ada(name: str, sha256: str, n_bytes: int | None) -> WeightFile:
    return WeightFile(
        name=f"stylegan2-ada-{name}",
        filename=f"{name}.pkl",
        url=f"{_ADDRESS}/{name}.pkl",
        sha256=sha256,
        n_bytes=n_bytes,
        licence="NVIDIA Source Code License",
        non_commercial=True,
    )


WEIGHTS = (
    _ada("ffhq", "a205a346e86a9ddaae702e118097d014b7b8bd719491396a162cca438f2f524c", 381_624_121),
    _ada("metfaces", "880a460d011a3696c088f58f5844b44271b17903963f2671f96f72dfbce5f76f", None),
)
