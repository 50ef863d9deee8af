"""How a model's base image becomes a larger canvas, by the name that a `View` carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyres_bench.core.errors import GeneratorError, UsageError
from anyres_bench.core.geometry import Size, tiles
from anyres_bench.data.protocols import ANYRES_UP

if TYPE_CHECKING:
    from torch import Tensor


def warp_base(name: str, base: Tensor, canvas: Size) -> Tensor:
    """The canvas that a batch of base images becomes.

    `anyres-up`: window by window of the base's own size, each cut from the base by the
    anti-aliased affine resampler and set in place; later windows lie on earlier ones.

    Args:
        name: of the warp.
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

    if name != ANYRES_UP:
        raise UsageError(f"unknown warp {name!r}; known: {ANYRES_UP}")
    size = Size(*base.shape[2:])
    if size.height != size.width or size.height > canvas.shorter:
        raise GeneratorError(
            f"the model's own size is {size}; {ANYRES_UP} needs a square that is not larger than "
            f"the canvas of {canvas}"
        )
    whole = base.new_empty(*base.shape[:2], *canvas)
    for window in tiles(canvas, size):
        cut = window.affine().inverse().expand(len(base), 3, 3).to(base)
        box = window.box
        whole[:, :, box.top : box.bottom, box.left : box.right] = affine_resample(base, cut)[0]
    return whole
