"""How what a model renders becomes what is compared, by the name that a `View` carries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from anyres_bench.core.errors import GeneratorError, UsageError
from anyres_bench.core.geometry import Size, tiles
from anyres_bench.data.views import BASE_WARP

if TYPE_CHECKING:
    from torch import Tensor


def warped(name: str, rendered: Tensor, canvas: Size) -> Tensor:
    """Rendered images as a protocol compares them.

    `anyres-up`: the base image becomes the canvas. `scaleinv...`: the canvas becomes an image of
    the real images' size; see `anyres_bench.metrics.scaleinv`.

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
    match = re.fullmatch(r"scaleinv(\d+)-full(\d+)-x(\d+)", name)
    if match is None:
        raise UsageError(f"unknown warp {name!r}; known: {BASE_WARP} and scaleinv...")
    real, full, scale = map(int, match.groups())
    return scale_inverse(rendered, full=full, real=real, scale=scale)


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
