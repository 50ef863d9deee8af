"""The two-order degradation that Real-ESRGAN is trained on: kernels, sharpening, noise, JPEG.

Images are (n, 3, h, w) RGB in [0, 1]. Random numbers come from what the caller passes.

Source: Wang et al., "Real-ESRGAN", ICCV Workshops 2021, section 3 and appendix.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import j1
from torch import Tensor
from torch.nn import functional as F

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.registry import nearest

Kernel = NDArray[np.float64]
Uniform = Callable[[float, float], float]  # a number between two bounds


# Blur kernels, float64 with sum 1.


def _grid(side: int) -> tuple[Kernel, Kernel]:
    """x and y of the pixels of a kernel, from its centre."""
    axis = np.arange(side) - (side - 1) / 2
    x, y = np.meshgrid(axis, axis)
    return x, y


@dataclass(frozen=True)
class Shape:
    """Covariance of a kernel.

    Attributes:
        sig_x, sig_y: standard deviations along its axes in pixels.
        theta: angle of its first axis.
        isotropic: round, of `sig_x`.
    """

    sig_x: float
    sig_y: float = 1.0
    theta: float = 0.0
    isotropic: bool = True

    def distance(self, side: int) -> Kernel:
        """Squared Mahalanobis distance of every pixel from the centre."""
        x, y = _grid(side)
        if self.isotropic:
            return np.asarray((x**2 + y**2) / self.sig_x**2)
        cos, sin = math.cos(self.theta), math.sin(self.theta)
        along, across = cos * x + sin * y, cos * y - sin * x
        return np.asarray((along / self.sig_x) ** 2 + (across / self.sig_y) ** 2)


def gaussian_kernel(side: int, shape: Shape) -> Kernel:
    """exp(-m / 2) of the squared distance m."""
    return _normalised(np.exp(-0.5 * shape.distance(side)))


def generalized_kernel(side: int, shape: Shape, beta: float) -> Kernel:
    """exp(-m^beta / 2): pointed for beta < 1, flat for beta > 1."""
    return _normalised(np.exp(-0.5 * shape.distance(side) ** beta))


def plateau_kernel(side: int, shape: Shape, beta: float) -> Kernel:
    """1 / (1 + m^beta)."""
    return _normalised(1 / (1 + shape.distance(side) ** beta))


def sinc_kernel(side: int, cutoff: float, pad_to: int = 0) -> Kernel:
    """Ideal circular low-pass, which rings.

    Args:
        side: odd.
        cutoff: in radians a pixel, up to pi.
        pad_to: side to fill up with zeros to; 0 leaves it.

    Raises:
        UsageError: an even side.
    """
    if side % 2 == 0:
        raise UsageError(f"a sinc kernel has an odd side, got {side}")
    radius = np.hypot(*_grid(side))
    centre = radius == 0
    safe = np.where(centre, 1, radius)
    kernel = np.where(
        centre, cutoff**2 / (4 * np.pi), cutoff * j1(cutoff * safe) / (2 * np.pi * safe)
    )
    return pad_kernel(_normalised(kernel), max(pad_to, side))


def pad_kernel(kernel: Kernel, side: int) -> Kernel:
    """Zeros around a kernel up to a side."""
    return np.pad(kernel, (side - len(kernel)) // 2)


def _normalised(kernel: Kernel) -> Kernel:
    return np.asarray(kernel / kernel.sum())


@dataclass(frozen=True)
class KernelRanges:
    """What `mixed_kernel` draws from.

    Attributes:
        kinds: probability of every kind.
        sigma_x, sigma_y: of the standard deviations in pixels.
        rotation: of the angle.
        beta_generalized, beta_plateau: of the exponents; half of them are below 1.
    """

    kinds: tuple[tuple[str, float], ...] = (
        ("iso", 0.45),
        ("aniso", 0.25),
        ("generalized_iso", 0.12),
        ("generalized_aniso", 0.03),
        ("plateau_iso", 0.12),
        ("plateau_aniso", 0.03),
    )
    sigma_x: tuple[float, float] = (0.2, 3.0)
    sigma_y: tuple[float, float] = (0.2, 3.0)
    rotation: tuple[float, float] = (-math.pi, math.pi)
    beta_generalized: tuple[float, float] = (0.5, 4.0)
    beta_plateau: tuple[float, float] = (1.0, 2.0)


def mixed_kernel(kind: str, side: int, ranges: KernelRanges, uniform: Uniform) -> Kernel:
    """A random kernel of one kind.

    Args:
        kind: one of the kinds of `KernelRanges`.
        side: of the kernel.
        ranges: what to draw from.
        uniform: called for sigma x, then sigma y and the angle of anisotropic ones, then a coin
            and the exponent of the generalized and plateau ones.
    """
    known = [name for name, _ in KernelRanges().kinds]
    if kind not in known:
        raise UnknownNameError(f"unknown kernel {kind!r}; {nearest(kind, known)}")
    if kind.endswith("aniso"):
        sigmas = uniform(*ranges.sigma_x), uniform(*ranges.sigma_y)
        shape = Shape(*sigmas, uniform(*ranges.rotation), isotropic=False)
    else:
        shape = Shape(uniform(*ranges.sigma_x))
    if kind in ("iso", "aniso"):
        return gaussian_kernel(side, shape)
    generalized = kind.startswith("generalized")
    low, high = ranges.beta_generalized if generalized else ranges.beta_plateau
    beta = uniform(low, 1.0) if uniform(0.0, 1.0) < 0.5 else uniform(1.0, high)
    return (generalized_kernel if generalized else plateau_kernel)(side, shape, beta)


# Filters.


def filter2d(images: Tensor, kernels: Tensor) -> Tensor:
    """Correlate with odd kernels, borders reflected.

    Args:
        images: (n, c, h, w).
        kernels: (1, k, k) for all, or (n, k, k), one each.
    """
    n, c, h, w = images.shape
    side = kernels.shape[-1]
    if side % 2 == 0:
        raise UsageError(f"a kernel has an odd side, got {side}")
    padded = F.pad(images, (side // 2,) * 4, mode="reflect")
    each = kernels.to(images).expand(n, side, side).repeat_interleave(c, 0)
    filtered = F.conv2d(padded.reshape(1, n * c, *padded.shape[2:]), each[:, None], groups=n * c)
    return filtered.reshape(n, c, h, w)


def usm_kernel(side: int = 51) -> Kernel:
    """Gaussian of OpenCV's default width for its side: sigma 8 for 51 pixels."""
    return gaussian_kernel(side, Shape(0.3 * ((side - 1) * 0.5 - 1) + 0.8))


def sharpen(images: Tensor, weight: float = 0.5, threshold: float = 10.0) -> Tensor:
    """Unsharp masking where it changes something; images of more than 25 px a side.

    Args:
        images: (n, c, h, w) in [0, 1].
        weight: of the difference from the blurred image.
        threshold: grey levels of 255 by which a pixel must differ.
    """
    residual = images - _softened(images)
    mask = _softened((residual.abs() * 255 > threshold).to(images))
    sharp = (images + weight * residual).clamp(0, 1)
    return mask * sharp + (1 - mask) * images


def _softened(images: Tensor) -> Tensor:
    """Filtered with `usm_kernel`, which is the product of its row sums: one axis at a time."""
    taps = torch.from_numpy(usm_kernel().sum(0)).to(images)
    n, c, h, w = images.shape
    x = F.pad(images, (len(taps) // 2,) * 4, mode="reflect").reshape(
        n * c, 1, -1, w + len(taps) - 1
    )
    return F.conv2d(F.conv2d(x, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1)).reshape(n, c, h, w)


# JPEG.

# fmt: off
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)
# fmt: on
_CHROMA_CORNER = ((17, 18, 24, 47), (18, 21, 26, 66), (24, 26, 56, 99), (47, 66, 99, 99))
_TO_YCC = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def _tables() -> tuple[Tensor, Tensor]:
    """Quantisation of luma and chroma, transposed as published: encoders do not do that."""
    luma = torch.tensor(_LUMA, dtype=torch.float32).reshape(8, 8)
    chroma = torch.full((8, 8), 99.0)
    chroma[:4, :4] = torch.tensor(_CHROMA_CORNER)
    return luma.T, chroma.T


def soft_round(x: Tensor) -> Tensor:
    """Rounding with a gradient: the nearest integer and the cube of the distance."""
    return x.round() + (x - x.round()) ** 3


def jpeg(
    images: Tensor, quality: Tensor | float, rounding: Callable[[Tensor], Tensor] = torch.round
) -> Tensor:
    """Compress and decompress as JPEG with halved chroma.

    Args:
        images: (n, 3, h, w) in [0, 1]; sides are filled up with black to multiples of 16.
        quality: one for all or (n,), above 0 and below 100.
        rounding: of the coefficients, `torch.round` or `soft_round`.

    Returns:
        (n, 3, h, w) in [0, 1].
    """
    n, _, h, w = images.shape
    quality = torch.as_tensor(quality).to(images).reshape(-1)
    if not bool(((quality > 0) & (quality < 100)).all()):
        raise UsageError(f"JPEG qualities above 0 and below 100, got {quality.tolist()}")
    factor = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100
    factor = factor.expand(n).reshape(n, 1, 1, 1, 1)
    luma_table, chroma_table = (table.to(images) * factor for table in _tables())
    padded = F.pad(images, (0, -w % 16, 0, -h % 16)) * 255
    planes = torch.einsum("ij,njhw->nihw", images.new_tensor(_TO_YCC), padded)
    luma = _code(planes[:, :1] - 128, luma_table, rounding) + 128
    chroma = _code(F.avg_pool2d(planes[:, 1:], 2), chroma_table, rounding)
    chroma = chroma.repeat_interleave(2, 2).repeat_interleave(2, 3)
    planes = torch.cat([luma, chroma], 1)
    rgb = torch.einsum("ij,njhw->nihw", images.new_tensor(_TO_RGB), planes)
    return (rgb.clamp(0, 255) / 255)[:, :, :h, :w]


def _code(planes: Tensor, table: Tensor, rounding: Callable[[Tensor], Tensor]) -> Tensor:
    """Round the cosine coefficients of the 8x8 blocks of (n, c, h, w); table (n, 1, 1, 8, 8)."""
    n, c, h, w = planes.shape
    k, x = torch.arange(8.0)[:, None], torch.arange(8.0)
    dct = torch.cos((2 * x + 1) * k * math.pi / 16) / 2
    dct[0] /= math.sqrt(2)
    dct = dct.to(planes)
    blocks = planes.reshape(n, c, h // 8, 8, w // 8, 8).transpose(3, 4)  # (n, c, y, x, 8, 8)
    table = table[:, :, :, None]
    coefficients = rounding(dct @ blocks @ dct.T / table) * table
    return (dct.T @ coefficients @ dct).transpose(3, 4).reshape(n, c, h, w)
