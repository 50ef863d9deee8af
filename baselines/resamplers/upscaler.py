"""The plain filters: `nearest:BASE`, `bilinear:BASE`, `bicubic:BASE`, `lanczos:BASE`."""

from __future__ import annotations

from functools import partial

from anyres_bench.models.upscaling import Base, Filtered, Upscaled, over_base

load_nearest = partial(Filtered, "nearest")
load_bilinear = partial(Filtered, "bilinear")
load_bicubic = partial(Filtered, "bicubic")
load_lanczos = partial(Filtered, "lanczos")


def nearest(
    rest: str, base: str = "u8", device: str = "cpu", accept_licence: bool = False
) -> Upscaled:
    """`nearest:BASE`: repeated pixels."""
    return over_base("nearest", rest, load_nearest, Base(base, device, accept_licence))


def bilinear(
    rest: str, base: str = "u8", device: str = "cpu", accept_licence: bool = False
) -> Upscaled:
    """`bilinear:BASE`."""
    return over_base("bilinear", rest, load_bilinear, Base(base, device, accept_licence))


def bicubic(
    rest: str, base: str = "u8", device: str = "cpu", accept_licence: bool = False
) -> Upscaled:
    """`bicubic:BASE`: Pillow's, a = -1/2."""
    return over_base("bicubic", rest, load_bicubic, Base(base, device, accept_licence))


def lanczos(
    rest: str, base: str = "u8", device: str = "cpu", accept_licence: bool = False
) -> Upscaled:
    """`lanczos:BASE`: Pillow's, three lobes."""
    return over_base("lanczos", rest, load_lanczos, Base(base, device, accept_licence))
