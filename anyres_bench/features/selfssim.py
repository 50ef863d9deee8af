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
from anyres_bench.data.pixels import to_uint8
from anyres_bench.features.extractor import ExtractorSpec

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5  # px; both shrink with pictures below 11 px
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
DIVISOR = 32  # sides are halved five times


class SelfSSIMExtractor:
    """MS-SSIM of the second view of an item, resized by nearest neighbour, against the first."""

    id = "self-ssim"
    dim = 1
    n_views = 2
    is_fid = False

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """(n, 1) float32 of two batches (n, 3, h, w) uint8; item by item, so rows stand alone.

        Raises:
            MetricError: a side of `first` is not divisible by 32.
        """
        check_divisible(first)
        rows = [_of_bytes(a[None], b[None]) for a, b in zip(first, second, strict=True)]
        return torch.cat(rows)[:, None].float() if rows else torch.empty(0, 1)


def build(spec: ExtractorSpec) -> SelfSSIMExtractor:
    """The extractor of the spec `self-ssim`, which has no weights and no options."""
    spec.plain()
    return SelfSSIMExtractor()


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
    check_divisible(first)
    return _of_bytes(to_uint8(first, "floor"), to_uint8(second, "floor"))


def check_divisible(images: Tensor) -> None:
    """Refuse pictures whose sides cannot be halved five times.

    Raises:
        MetricError: a side is not divisible by 32.
    """
    if any(side % DIVISOR for side in images.shape[2:]):
        raise MetricError(
            f"SelfSSIM got {tuple(images.shape[2:])} (height, width); both must be divisible by "
            f"{DIVISOR}, because they are halved five times"
        )


def _of_bytes(first: Tensor, second: Tensor) -> Tensor:
    """As `self_ssim`, of uint8; picking pixels commutes with rounding them."""
    return ms_ssim(first.double(), nearest(second.double(), first))


def nearest(images: Tensor, like: Tensor) -> Tensor:
    """Resize by nearest neighbour, pixel floor(i * n_in / n_out), to the size of `like`."""
    return F.interpolate(images, size=tuple(like.shape[2:]), mode="nearest")


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
