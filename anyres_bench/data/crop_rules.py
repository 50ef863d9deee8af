"""Where other projects crop: their seeded rules, draw for draw.

A rule that draws takes the generator that its project draws from, because the order of draws is
part of the rule: Python's `random.Random`, or torch's CPU generator. What an unseeded project drew
cannot be had again; ours are seeded by (image, protocol).

Source: the crop functions of DMD2, infd, PixVerve-95K, AnyRes-GAN, ScaleSpaceGAN, Diffusion-4K and
InfinityGAN, as described in `docs/dialects.md`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.geometry import Box, Size

if TYPE_CHECKING:
    import torch

NATIVE = 299  # px, Inception's own size: a crop of it is not resized


def centre(image: Size, side: int = NATIVE) -> Box | None:
    """The square in the middle, halves rounded to even; None where it does not fit, and the whole
    image is taken instead (SDXL-Lightning's FID-patch, DMD2)."""
    if min(image) < side:
        return None
    top, left = (round((n - side) / 2) for n in image)
    return Box(top, left, side, side)


def infd(image: Size, side: int, rng: torch.Generator) -> Box:
    """One uniform square, top drawn before left; none is drawn where the image is as large."""
    import torch

    if image == (side, side):
        return Box.whole(image)
    top, left = (int(torch.randint(0, n - side + 1, (1,), generator=rng)) for n in image)
    return Box(top, left, side, side)


def pixverve(image: Size, rng: random.Random, side: int = NATIVE) -> Box:
    """One uniform square, top drawn before left; real and fake are cut at the same places."""
    top, left = rng.randint(0, image.height - side), rng.randint(0, image.width - side)
    return Box(top, left, side, side)


def subpatch(image: Size, rng: random.Random, side: int = NATIVE) -> Box:
    """One uniform square, left drawn before top (AnyRes-GAN)."""
    left = rng.randint(0, image.width - side)
    return Box(rng.randint(0, image.height - side), left, side, side)


def scalespace(scales: Sequence[float], rng: torch.Generator) -> NDArray[np.float64]:
    """Random windows of side 2^-scale: matrices from the window to the square of side 1.

    Returns:
        (n, 3, 3) float64, in (x, y, 1) columns; the translation is from the middle.
    """
    import torch

    drawn = torch.rand(len(scales), 2, generator=rng).double().numpy()
    side = 2.0 ** -np.asarray(scales, np.float64)
    matrices = np.zeros((len(scales), 3, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = side
    matrices[:, 2, 2] = 1
    matrices[:, :2, 2] = (2 * drawn - 1) * 0.5 * (1 - side[:, None])
    return matrices


def scalespace_bins(labels: Sequence[float]) -> NDArray[np.int64]:
    """The bin of each label: its floor, the largest a little lower so that it makes none alone.

    The released code clips with the largest of a batch; here it is that of all labels.
    """
    values = np.asarray(labels, np.float64)
    return np.floor(np.clip(values, 0, values.max() - 0.001)).astype(np.int64)


def diffusion4k_grid(side: int) -> tuple[int, int]:
    """Patches along each side and their side, px; `side` is what was asked for, not the image's."""
    return side // 64, 64


def spatial_cells(side: int, n: int = 4) -> tuple[list[int], int]:
    """First pixels of the n cells along a side and their side, px; the rest is dropped."""
    cell = side // n
    return [k * cell for k in range(n)], cell


def diffusion4k_view(image: Size, side: int) -> tuple[Size, Box]:
    """The size that an image is resized to, its shorter side becoming `side`, and the centre crop
    of it; fractions are cut off, and halves of the crop's place are rounded to even."""
    short, long = sorted(image)
    other = int(side * long / short)
    resized = Size(side, other) if image.height <= image.width else Size(other, side)
    top, left = (round((n - side) / 2) for n in resized)
    return resized, Box(top, left, side, side)
