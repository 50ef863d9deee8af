"""SelfSSIM: one latent drawn at two sizes, compared by MS-SSIM, as ScaleParty computes it.

The second picture is resized to the first's size by nearest neighbour, both become 8-bit by cutting
off fractions, and MS-SSIM is averaged over a batch, then over batches. The weights of the levels do
not sum to 1. It is not symmetric, and blur wins it: bicubic enlargement is near 1. Report it beside
a measure of quality.

Source: Ntavelis et al., "Arbitrary-Scale Image Synthesis", CVPR 2022 (the measure); Wang et al.,
"Multi-scale structural similarity for image quality assessment", Asilomar 2003.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.core.errors import MetricError

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5  # px; both shrink with pictures below 11 px
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_DIVISOR = 32  # sides are halved five times


def self_ssim(first: Tensor, second: Tensor) -> Tensor:
    """MS-SSIM of each pair, `second` resized to the size of `first`.

    Args:
        first, second: (n, 3, h, w) in [-1, 1], of two sizes; sides of `first` divisible by 32.

    Returns:
        (n,) float64.

    Raises:
        MetricError: the batches differ in length, or a side of `first` is not divisible by 32.
    """
    if len(first) != len(second):
        raise MetricError(f"{len(first)} pictures and {len(second)}; expected pairs")
    if any(side % _DIVISOR for side in first.shape[2:]):
        raise MetricError(
            f"SelfSSIM got {tuple(first.shape[2:])} (height, width); both must be divisible by "
            f"{_DIVISOR}, because they are halved five times"
        )
    a, b = to_bytes(first).double(), to_bytes(nearest(second, first)).double()
    return ms_ssim(a, b)


def nearest(images: Tensor, like: Tensor) -> Tensor:
    """Resize by nearest neighbour, pixel floor(i * n_in / n_out), to the size of `like`."""
    return F.interpolate(images, size=tuple(like.shape[2:]), mode="nearest")


def to_bytes(images: Tensor) -> Tensor:
    """[-1, 1] to uint8, fractions cut off."""
    return (((images + 1) / 2).clamp(0, 1) * 255).to(torch.uint8)


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """MS-SSIM of each pair of (n, c, h, w) float64 levels 0 to 255; (n,)."""
    ssims, structures = [], []
    for level in range(len(WEIGHTS)):
        if level:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        ssim, structure = ssim_parts(a, b)
        ssims.append(ssim.clamp(min=0))
        structures.append(structure.clamp(min=0))
    parts = [*structures[:-1], ssims[-1]]
    powers = [part**weight for part, weight in zip(parts, WEIGHTS, strict=True)]
    return torch.stack(powers).prod(dim=0)


def ssim_parts(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast-structure factor, means over places and channels; each (n,).

    Args:
        a, b: (n, c, h, w) float64, 0 to 255.
    """
    size = min(_WINDOW, *a.shape[2:])
    kernel = _gaussian(size, size * _SIGMA / _WINDOW).to(a)
    mean_a, mean_b = _blur(a, kernel), _blur(b, kernel)
    var_a = _blur(a * a, kernel) - mean_a**2
    var_b = _blur(b * b, kernel) - mean_b**2
    covariance = _blur(a * b, kernel) - mean_a * mean_b
    structure = (2 * covariance + _C2) / (var_a + var_b + _C2)
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    return (luminance * structure).mean(dim=(1, 2, 3)), structure.mean(dim=(1, 2, 3))


def _gaussian(size: int, sigma: float) -> Tensor:
    """Taps with sum 1; an even number of them has its middle between two."""
    at = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    taps = torch.exp(-(at**2) / (2 * sigma**2))
    return taps / taps.sum()


def _blur(x: Tensor, taps: Tensor) -> Tensor:
    """Along both axes, only where the window lies inside."""
    n, c, h, w = x.shape
    flat = x.reshape(n * c, 1, h, w)
    flat = F.conv2d(F.conv2d(flat, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))
    return flat.reshape(n, c, *flat.shape[2:])
