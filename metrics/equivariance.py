"""EQ-T, EQ-T_frac and EQ-R: does a generator move what it draws when its input is moved?

Each compares, in decibels, an image drawn under a transform of the generator's input with the image
drawn without it and moved afterwards. Images are (n, c, h, w) in [-1, 1], so the peak-to-peak
amplitude is 2. One logarithm is taken at the end, of the mean over all samples, channels and valid
pixels.

Source: Karras et al., "Alias-Free Generative Adversarial Networks", NeurIPS 2021, appendix E.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import Stream
from anyres_bench.data.views import Motion
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import matrix
from anyres_bench.metrics.metric import BankMetric
from anyres_bench.models.resample import filter2d
from anyres_bench.models.warp import affine_resample, plane_filter

_LOBES = 3  # of the Lanczos kernel
_SUPPORT = 6  # px on either side of the centre of the rotation's filters
_PEAK_TO_PEAK = 2.0
HIGHEST = 20 * math.log10(_PEAK_TO_PEAK * 2**24)
"""dB, of differences as small as the rounding of float32."""


@dataclass(frozen=True)
class SquaredError:
    """Sums that add: over batches, ranks, samples.

    Attributes:
        total: squared difference under the mask.
        weight: of the mask, over all channels.
    """

    total: float = 0.0
    weight: float = 0.0

    @classmethod
    def of(cls, reference: Tensor, image: Tensor, mask: Tensor) -> SquaredError:
        """Of two batches (n, c, h, w) and a mask (n or 1, 1, h, w)."""
        mask = mask.double().expand_as(image)
        total = ((reference.double() - image.double()).square() * mask).sum()
        return cls(float(total), float(mask.sum()))

    def __add__(self, other: SquaredError) -> SquaredError:
        return SquaredError(self.total + other.total, self.weight + other.weight)

    def decibels(self) -> float:
        """The signal-to-noise ratio; infinite where nothing differs.

        Raises:
            MetricError: no pixel was valid.
        """
        if not self.weight:
            raise MetricError("no pixel is valid under these transforms; use larger images")
        if not self.total:
            return math.inf
        return 20 * math.log10(_PEAK_TO_PEAK) - 10 * math.log10(self.total / self.weight)


@dataclass(frozen=True)
class Equivariance(BankMetric):
    """EQ-T, EQ-T_frac or EQ-R, whichever the protocol moves; features of `masked-difference`."""

    name: ClassVar[str] = "equivariance"
    needs_real: ClassVar[bool] = False
    dim: ClassVar[int | None] = 2
    extractor: ClassVar[str | None] = "masked-difference"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"eq": (-math.inf, HIGHEST)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"eq": True}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"eq": decibels}, of the sums over all items; `HIGHEST` where nothing differs.

        Raises:
            MetricError: no pixel was valid.
        """
        total, weight = matrix("features", fake.features()).sum(axis=0, dtype=np.float64)
        return {"eq": min(SquaredError(float(total), float(weight)).decibels(), HIGHEST)}


def input_transform(motion: Motion) -> Tensor:
    """The transform (1, 3, 3) of a generator's input that moves what it draws."""
    if motion.kind == "r":
        return rotation(-motion.amount[0])[None]
    x, y = motion.amount
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[:2, 2] = torch.tensor([-x, -y])
    return matrix[None]


def compared(motion: Motion, still: Tensor, moved: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What is compared: the still images moved, the moved ones, and the mask, all (n, c, h, w).

    Args:
        motion: of the input.
        still: drawn without it.
        moved: drawn under it.
    """
    image = moved
    if motion.kind == "r":
        reference, mask = rotate(still, motion.amount[0])
        image, inside = pseudo_rotate(moved, motion.amount[0])
        mask = mask * inside
    else:
        x, y = motion.amount
        reference, mask = (translate if motion.kind == "t" else translate_fraction)(still, (x, y))
    return reference, image, mask.expand_as(image)


def translate(images: Tensor, shift: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Move images by whole pixels, the nearest to a shift; zeros come in (EQ-T).

    Args:
        images: (n, c, h, w).
        shift: (x, y), shares of the width and of the height.

    Returns:
        Images like `images`, and the mask (1, 1, h, w) of what came from inside.
    """
    height, width = images.shape[2:]
    x, y = round(shift[0] * width), round(shift[1] * height)
    moved = torch.zeros_like(images)
    rows, columns = (_overlap(y, height), _overlap(x, width))
    moved[:, :, rows[1], columns[1]] = images[:, :, rows[0], columns[0]]
    mask = torch.zeros_like(images[:1, :1])
    mask[:, :, rows[1], columns[1]] = 1
    return moved, mask


def _overlap(shift: int, size: int) -> tuple[slice, slice]:
    """What stays inside, before and after a move."""
    n = max(size - abs(shift), 0)
    before, after = max(-shift, 0), max(shift, 0)
    return slice(before, before + n), slice(after, after + n)


def translate_fraction(images: Tensor, shift: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Move images by a shift that need not be whole, by Lanczos interpolation (EQ-T_frac).

    Args, Returns: as `translate`; pixels whose kernel reached outside are not valid.
    """
    height, width = images.shape[2:]
    along_y, valid_y = _fraction(shift[1] * height, height, images)
    along_x, valid_x = _fraction(shift[0] * width, width, images)
    return along_y @ images @ along_x.T, (valid_y[:, None] * valid_x)[None, None]


def _fraction(shift: float, size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """The move of one axis as a matrix (size, size), and which of its pixels are valid."""
    whole = math.floor(shift)
    offsets = np.arange(1 - _LOBES, _LOBES + 1)
    at = offsets - (shift - whole)
    taps = np.sinc(at) * np.sinc(at / _LOBES)
    taps /= taps.sum()
    matrix = np.zeros((size, size))
    kept = range(max(whole + offsets[0], 0), size + min(whole + _LOBES, 0))
    for row in kept:
        columns = row - whole - offsets
        inside = (columns >= 0) & (columns < size)
        if 0 <= row < size:
            matrix[row, columns[inside]] = taps[inside]
    rows = np.arange(size)
    valid = (rows >= max(whole + _LOBES, 0)) & (rows < size + min(whole + offsets[0], 0))
    return torch.from_numpy(matrix).to(like), torch.from_numpy(valid).to(like)


def rotate(images: Tensor, angle: float) -> tuple[Tensor, Tensor]:
    """Rotate images about their middle, band-limited before and after (EQ-R).

    Args:
        images: (n, c, h, w).
        angle: radians.

    Returns:
        Images like `images`, and the mask (n, 1, h, w) of pixels that saw no border.
    """
    matrices = rotation(angle).expand(len(images), 3, 3)
    return affine_resample(images, matrices, support=_SUPPORT)


def pseudo_rotate(images: Tensor, angle: float) -> tuple[Tensor, Tensor]:
    """Band-limit images as rotating them by an angle would, without rotating (EQ-R).

    What a generator draws under a rotation of its input is filtered so, for a fair comparison.
    Args, Returns: as `rotate`.
    """
    kernel = plane_filter(rotation(-angle), support=_SUPPORT, up=1)
    border = kernel.shape[0] // 2
    mask = F.pad(torch.ones_like(images[:1, :1]), (-border,) * 4)
    return filter2d(images, kernel.to(images)), F.pad(mask, (border,) * 4)


def rotation(angle: float) -> Tensor:
    """The matrix (3, 3) float64 of a rotation, in (x, y, 1) columns and y down."""
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.tensor([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], dtype=torch.float64)
