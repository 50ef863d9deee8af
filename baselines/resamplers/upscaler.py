"""The plain filters: `nearest:BASE`, `bilinear:BASE`, `bicubic:BASE`, `lanczos:BASE`.

Bicubic and Lanczos are Pillow's: a = -1/2, three lobes.
"""

from __future__ import annotations

from functools import partial

from anyres_bench.models.upscaling import Base, Filtered, Upscaled, over_base


def _over(
    name: str, rest: str, base: str = "u8", device: str = "cpu", accept_licence: bool = False
) -> Upscaled:
    """`NAME:BASE`; `base` is how the base image is stored, "u8" or "f32"."""
    how = Base(base, device, accept_licence)
    return over_base(name, rest, partial(Filtered, name), how)


nearest, bilinear, bicubic, lanczos = (
    partial(_over, name) for name in ("nearest", "bilinear", "bicubic", "lanczos")
)
load_nearest, load_bilinear, load_bicubic, load_lanczos = (
    partial(Filtered, name) for name in ("nearest", "bilinear", "bicubic", "lanczos")
)
