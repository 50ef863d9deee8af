"""`pair`, `lpips`, `difference`: how two views of one item agree.

A protocol such as `pair-at64and256` shows each item twice. The larger view is shrunk to the smaller
one's size (Lanczos, 8 bits) and compared with it. Items are looked at one by one, so a row is the
same bit for bit in any batch.

Source: Wang et al., "Image quality assessment: from error visibility to structural similarity",
IEEE Trans. Image Processing 13(4), 2004.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.pixels import Pixels, resize_uint8, to_float
from anyres_bench.data.spectra import luminance
from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.lpips import NETS, load_lpips
from anyres_bench.features.selfssim import ssim_parts
from anyres_bench.features.spectrum import ROUNDING, band_powers

PSNR_BAND = 0.5  # of the smaller view's Nyquist; above it antialiasing filters differ
_LEVEL_NOISE = 1 / 12  # grey levels squared: of rounding to 8 bits, the least error that counts
HIGHEST_PSNR = 10 * math.log10(255**2 / _LEVEL_NOISE)
"""dB, of two equal images."""

Compare = Callable[[Pixels, Pixels], list[float]]


class PairExtractor:
    """Numbers of two views of one item; the second must be as large as the first or larger.

    Args:
        name: the id.
        dim: how many numbers there are.
        compare: what makes them of (h, w, 3) and (H, W, 3) pixels.
    """

    n_views = 2
    is_fid = False

    def __init__(self, name: str, dim: int, compare: Compare) -> None:
        self.id, self.dim, self._compare = name, dim, compare

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """Two batches (n, 3, h, w) and (n, 3, H, W) uint8 to (n, dim) float32.

        Raises:
            UsageError: the second view is smaller.
        """
        small, large = Size(*first.shape[2:]), Size(*second.shape[2:])
        if large.height < small.height or large.width < small.width:
            raise UsageError(
                f"{self.id} compares a view with a larger one or an equal one; got {small} and "
                f"{large}"
            )
        views = zip(_pixels(first), _pixels(second), strict=True)
        rows = [self._compare(a, b) for a, b in views]
        return torch.from_numpy(np.asarray(rows, np.float32).reshape(-1, self.dim))


def build(spec: ExtractorSpec) -> PairExtractor:
    """The extractor of the spec `pair`: `agreement`."""
    spec.plain()
    return PairExtractor("pair", 3, agreement)


def build_difference(spec: ExtractorSpec) -> PairExtractor:
    """The extractor of the spec `difference`: the mean squared difference, in grey levels."""
    spec.plain()
    return PairExtractor("difference", 1, squared_difference)


def build_lpips(spec: ExtractorSpec) -> PairExtractor:
    """The extractor of the specs `lpips+alex`, `lpips+vgg` and `lpips+squeeze`.

    Raises:
        WeightsError: the weights cannot be had; the message says what to do.
    """
    (net,) = spec.pick(NETS)
    distance = load_lpips(net, device=spec.device, accept_licence=spec.accept_licence)

    def compare(small: Pixels, large: Pixels) -> list[float]:
        a, b = (_batch(pixels) for pixels in (small, shrunk(large, small)))
        return [float(distance(a, b)[0])]

    return PairExtractor(f"lpips+{net}", 1, compare)


class MaskedDifference:
    """Sum of the squared differences of two views under a mask, and the sum of the mask.

    The third view is the mask, of as many channels. Views of the protocols `eq-` are floats.
    """

    id = "masked-difference"
    dim = 2
    n_views = 3
    is_fid = False

    def __call__(self, reference: Tensor, image: Tensor, mask: Tensor) -> Tensor:
        """Three batches (n, 3, h, w) to (n, 2) float32; summed in float64."""
        weight = mask.double()
        squares = (reference.double() - image.double()).square() * weight
        return torch.stack([squares.sum((1, 2, 3)), weight.sum((1, 2, 3))], dim=1).float()


def build_masked_difference(spec: ExtractorSpec) -> MaskedDifference:
    """The extractor of the spec `masked-difference`, which has no weights and no options."""
    spec.plain()
    return MaskedDifference()


def agreement(small: Pixels, large: Pixels) -> list[float]:
    """What the consistency of two sizes is made of.

    Returns:
        SSIM of the shrunk larger image and the smaller one; their PSNR below half of the smaller
        one's Nyquist frequency, dB; and the base-2 logarithm of the larger one's energy above the
        smaller one's Nyquist frequency, grey levels squared.
    """
    seen = shrunk(large, small)
    a, b = (torch.from_numpy(x.transpose(2, 0, 1)[None].copy()).double() for x in (small, seen))
    ssim, _ = ssim_parts(a, b)
    return [float(ssim[0]), band_limited_psnr(small, seen), log_energy_above(large, small)]


def squared_difference(a: Pixels, b: Pixels) -> list[float]:
    """Mean squared difference of two images of one size, grey levels squared."""
    if a.shape != b.shape:
        raise UsageError(f"difference compares views of one size; got {a.shape} and {b.shape}")
    return [float(np.square(a.astype(np.float64) - b).mean())]


def shrunk(large: Pixels, small: Pixels) -> Pixels:
    """The larger image at the smaller one's size."""
    return resize_uint8(large, Size(*small.shape[:2]), "lanczos")


def band_limited_psnr(a: Pixels, b: Pixels) -> float:
    """PSNR in dB of the differences below `PSNR_BAND`; at most `HIGHEST_PSNR`."""
    height, width = a.shape[:2]
    spectrum = np.fft.fft2(a.astype(np.float64) - b, axes=(0, 1))
    y, x = 2 * np.fft.fftfreq(height)[:, None], 2 * np.fft.fftfreq(width)[None]
    kept = np.hypot(y, x) <= PSNR_BAND
    error = float(np.square(np.abs(spectrum[kept])).sum()) / (a.size * height * width)
    return 10 * math.log10(255**2 / (error + _LEVEL_NOISE))


def log_energy_above(large: Pixels, small: Pixels) -> float:
    """log2 of the energy of the larger image between the smaller one's Nyquist and its own.

    The density that rounding to 8 bits leaves is added; where the sizes are equal it is all.
    """
    nyquist = max(a / b for a, b in zip(small.shape[:2], large.shape[:2], strict=True))
    if nyquist >= 1:
        return math.log2(ROUNDING)
    density = float(band_powers(luminance(large), np.asarray([nyquist, 1.0]))[0])
    area = math.pi / 4 * (1 - nyquist**2)  # share of the frequency plane
    return math.log2((density + ROUNDING) * area)


def _pixels(images: Tensor) -> list[Pixels]:
    return list(images.permute(0, 2, 3, 1).cpu().contiguous().numpy())


def _batch(pixels: Pixels) -> Tensor:
    return to_float(torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy()))
