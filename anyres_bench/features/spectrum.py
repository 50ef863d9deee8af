"""`spectrum`: power in quarter octaves from Nyquist down, of images as they are.

The radial power density of luminance under a Hann window (`anyres_bench.data.spectra`), averaged
over 20 bands of a quarter octave, the lowest from 1/32 of Nyquist. Each is a decimal logarithm, to
which the density that rounding to 8 bits leaves is added first, so that a flat image has numbers
too. Bands are fractions of Nyquist: they say the same at every size.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.data.pixels import Pixels
from anyres_bench.data.spectra import Array, luminance, radial_spectrum
from anyres_bench.features.extractor import ExtractorSpec

N_OCTAVES, PER_OCTAVE = 5, 4
N_BANDS = N_OCTAVES * PER_OCTAVE
EDGES = 2.0 ** (np.arange(-N_BANDS, 1) / PER_OCTAVE)
"""(N_BANDS + 1,) ends of the bands, fractions of Nyquist, ascending."""
ROUNDING = float(np.square([0.299, 0.587, 0.114]).sum() / 12)
"""Power density, grey levels squared, of luminance whose three channels were rounded to 8 bits."""
MIN_SIDE = 32  # px: below it the lowest octave lies inside the first ring


class SpectrumExtractor:
    """Log power of 20 bands; see the module."""

    id = "spectrum"
    dim = N_BANDS
    n_views = 1
    is_fid = False

    def __call__(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) uint8 to (n, 20) float32, low bands first.

        Raises:
            UsageError: a side is shorter than 32 px.
        """
        if min(images.shape[2:]) < MIN_SIDE:
            raise UsageError(
                f"{self.id} takes images of {MIN_SIDE} px and more; got "
                f"{images.shape[2]}x{images.shape[3]}"
            )
        rows = [log_powers(pixels) for pixels in images.permute(0, 2, 3, 1).numpy()]
        return torch.from_numpy(np.asarray(rows, np.float32).reshape(-1, self.dim))


def build(spec: ExtractorSpec) -> SpectrumExtractor:
    """The extractor of the spec `spectrum`, which has no weights and no options."""
    spec.plain()
    return SpectrumExtractor()


def log_powers(pixels: Pixels) -> Array:
    """(20,) log10 of the power density of an (h, w, 3) image in `EDGES`' bands."""
    return np.asarray(np.log10(band_powers(luminance(pixels), EDGES) + ROUNDING))


def band_powers(grey: Array, edges: Array) -> Array:
    """Mean power density of (h, w) grey levels between neighbouring frequencies.

    A ring of the spectrum that lies in two bands counts in each by its area there.

    Args:
        edges: (k + 1,) ascending fractions of Nyquist.
    """
    power = radial_spectrum(grey).power
    return np.asarray(_areas(len(power), tuple(edges)) @ power)


@functools.lru_cache(maxsize=32)
def _areas(n_rings: int, edges: tuple[float, ...]) -> Array:
    """(k, n_rings): share of each band's area that lies in each ring."""
    ends = np.arange(n_rings + 1) / n_rings
    low, high = np.asarray(edges[:-1])[:, None], np.asarray(edges[1:])[:, None]
    inner, outer = np.clip(ends[:-1], low, high), np.clip(ends[1:], low, high)
    areas = outer**2 - inner**2
    return np.asarray(areas / areas.sum(axis=1, keepdims=True))
