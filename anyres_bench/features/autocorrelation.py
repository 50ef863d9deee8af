"""`autocorrelation`: how well an image agrees with itself when it is moved far.

Of luminance without its coarse part (a Gaussian of 1/32 of the shorter side), the normalised
correlation with itself at every lag from 1/8 of the shorter side up to half of each side, over the
pixels that both copies share; the number of an image is the highest. A picture that is repeated has
1, whatever it shows; one without repeats has what chance and texture leave.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.ndimage
import torch
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.data.pixels import Pixels
from anyres_bench.data.spectra import Array, luminance
from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.spectrum import ROUNDING

MIN_SIDE = 32  # px
_COARSE, _NEAREST, _FARTHEST = 1 / 32, 1 / 8, 1 / 2  # of a side


class AutocorrelationExtractor:
    """The highest correlation of an image with itself at a far lag; see the module."""

    id = "autocorrelation"
    dim = 1
    n_views = 1
    is_fid = False

    def __call__(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) uint8 to (n, 1) float32.

        Raises:
            UsageError: a side is below 32 px.
        """
        if min(images.shape[2:]) < MIN_SIDE:
            raise UsageError(
                f"{self.id} takes images of {MIN_SIDE} px and more; got {tuple(images.shape[2:])}"
            )
        peaks = [highest_peak(pixels) for pixels in images.permute(0, 2, 3, 1).numpy()]
        return torch.from_numpy(np.asarray(peaks, np.float32)[:, None])


def build(spec: ExtractorSpec) -> AutocorrelationExtractor:
    """The extractor of the spec `autocorrelation`, which has no weights and no options."""
    spec.plain()
    return AutocorrelationExtractor()


def highest_peak(pixels: Pixels) -> float:
    """Of an (h, w, 3) image, in [-1, 1]."""
    grey = luminance(pixels)
    shorter = min(grey.shape)
    fine = grey - scipy.ndimage.gaussian_filter(grey, shorter * _COARSE)
    correlation = self_correlation(fine)
    y, x = (np.abs(_lags(side)) for side in grey.shape)
    far = np.maximum(y[:, None], x[None]) >= shorter * _NEAREST
    shared = (y <= grey.shape[0] * _FARTHEST)[:, None] & (x <= grey.shape[1] * _FARTHEST)
    return float(np.clip(correlation[far & shared].max(), -1, 1))


def self_correlation(image: Array) -> Array:
    """(2h, 2w): correlation with itself at each lag, over the pixels that both copies share.

    What rounding to 8 bits leaves is added to the energies, so a flat image has 0.
    """
    shape = tuple(2 * side for side in image.shape)
    one, squares, ones = (scipy.fft.rfft2(x, shape) for x in (image, image**2, np.ones_like(image)))
    product = scipy.fft.irfft2(np.abs(one) ** 2, shape)
    energy = scipy.fft.irfft2(squares * ones.conj(), shape)
    other = scipy.fft.irfft2(squares.conj() * ones, shape)
    n_shared = np.outer(*(np.maximum(side - np.abs(_lags(side)), 1) for side in image.shape))
    noise = ROUNDING * n_shared
    return np.asarray(
        product / np.sqrt((np.maximum(energy, 0) + noise) * (np.maximum(other, 0) + noise))
    )


def _lags(side: int) -> Array:
    """(2 side,): the lag of each place of a padded transform, px."""
    return np.asarray(scipy.fft.fftfreq(2 * side, 1 / (2 * side)))
