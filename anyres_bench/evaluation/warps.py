"""How what a model renders becomes what is compared, by the name that a `View` carries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from anyres_bench.core.errors import GeneratorError, UsageError
from anyres_bench.core.geometry import Size, tiles
from anyres_bench.data.pixels import resize_uint8, to_float, to_uint8
from anyres_bench.data.shrunk import FORM
from anyres_bench.data.views import BASE_WARP

if TYPE_CHECKING:
    from torch import Tensor


def warped(name: str, rendered: Tensor, canvas: Size) -> Tensor:
    """Rendered images as a protocol compares them.

    `anyres-up`: the base image becomes the canvas. `scaleinv...`: the canvas becomes an image of
    the real images' size; see `anyres_bench.metrics.scaleinv`. `ar1-shrunk...`: the canvas becomes
    8 bits and is shrunk as a stored image is.

    Args:
        name: of the warp.
        rendered: (n, 3, height, width) float32.
        canvas: that was asked for.

    Raises:
        GeneratorError: a base image is larger than the canvas, or no square.
    """
    from anyres_bench.metrics.scaleinv import scale_inverse

    if name == BASE_WARP:
        return enlarged(rendered, canvas)
    if found := re.fullmatch(FORM, name):
        return shrunk(rendered, Size.square(int(found[1])))
    match = re.fullmatch(r"scaleinv(\d+)-full(\d+)-x(\d+)", name)
    if match is None:
        raise UsageError(f"unknown warp {name!r}; known: {BASE_WARP}, ar1-shrunk..., scaleinv...")
    real, full, scale = map(int, match.groups())
    return scale_inverse(rendered, full=full, real=real, scale=scale)


def shrunk(rendered: Tensor, size: Size) -> Tensor:
    """Canvases in 8 bits, shrunk by Lanczos as the images of a dataset are.

    Args:
        rendered: (n, 3, height, width) float32.
        size: of the result.

    Returns:
        (n, 3, height, width) float32 that hold 8 bits.
    """
    import torch

    levels = to_uint8(rendered.cpu()).permute(0, 2, 3, 1).contiguous().numpy()
    small = np.stack([resize_uint8(image, size) for image in levels])
    return to_float(torch.from_numpy(small).permute(0, 3, 1, 2))


def enlarged(base: Tensor, canvas: Size) -> Tensor:
    """The canvas that a batch of base images becomes.

    Window by window of the base's own size, each cut from the base by the anti-aliased affine
    resampler and set in place; later windows lie on earlier ones.

    Args:
        base: (n, 3, side, side) float32.
        canvas: size of the result.

    Returns:
        (n, 3, height, width) float32.

    Raises:
        GeneratorError: the base is larger than the canvas, or no square.

    Source: the `fid-up` evaluation of AnyRes-GAN as it was meant; the released one stops with an
    IndexError.
    """
    from anyres_bench.models.warp import affine_resample

    size = Size(*base.shape[2:])
    if size.height != size.width or size.height > canvas.shorter:
        raise GeneratorError(
            f"the model's own size is {size}; {BASE_WARP} needs a square that is not larger than "
            f"the canvas of {canvas}"
        )
    whole = base.new_empty(*base.shape[:2], *canvas)
    for window in tiles(canvas, size):
        cut = window.affine().inverse().expand(len(base), 3, 3).to(base)
        box = window.box
        whole[:, :, box.top : box.bottom, box.left : box.right] = affine_resample(base, cut)[0]
    return whole
