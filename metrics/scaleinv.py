"""ScaleInv and spatial FID: what InfinityGAN's evaluation does to images before its network.

ScaleInv renders an image at scale s, shrinks it by the factor of the training images, crops the
middle and resizes it to the real images' size, without antialiasing: at s = 1 the picture is first
shrunk to 127 px and enlarged to 128, at s = 16 it is decimated. Spatial FID cuts an image into
4 x 4 cells and compares the vectors of all cells, one behind the other.

Source: Lin et al., "InfinityGAN: Towards Infinite-Pixel Image Synthesis", ICLR 2022, and its
evaluation as described in its repository.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.data.crop_rules import spatial_cells


def scale_inverse(images: Tensor, *, full: int, real: int, scale: int) -> Tensor:
    """Generated images as ScaleInv compares them.

    Args:
        images: (n, 3, side, side), the generator's own output for that scale.
        full: side that the model was trained at, px.
        real: side of the real images, px.
        scale: s.

    Returns:
        (n, 3, real, real).
    """
    shrunk = F.interpolate(
        images, scale_factor=1 / (full / real), mode="bilinear", align_corners=True
    )
    cut = centre_crop(shrunk, real * scale)
    return F.interpolate(cut, size=(real, real), mode="bilinear", align_corners=True)


def centre_crop(images: Tensor, side: int) -> Tensor:
    """The middle square of (n, c, h, w); smaller images stay as they are."""
    height, width = images.shape[2:]
    if min(height, width) < side:
        return images
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, :, top : top + side, left : left + side]


def spatial_features(images: Tensor, features: Callable[[Tensor], Tensor]) -> Tensor:
    """The vectors of 4 x 4 cells, row by row, one behind the other.

    The released code mixes the cells of different images of a batch; here a row is one image's.

    Args:
        images: (n, 3, side, side) in [-1, 1].
        features: of cells (n, 3, h, w) in [0, 1] to (n, dim).

    Returns:
        (n, 16 * dim).
    """
    shown = ((images + 1) / 2).clamp(0, 1)
    starts, cell = spatial_cells(images.shape[-1])
    cells = [shown[:, :, y : y + cell, x : x + cell] for y in starts for x in starts]
    return torch.cat([features(part) for part in cells], dim=1)
