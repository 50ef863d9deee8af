"""What a spectrum has in each octave, and how it falls: what worlds share with photographs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anyres_bench.data.spectra import Spectrum

Array = NDArray[np.float64]


def octave_energy(spectrum: Spectrum, n_octaves: int) -> Array:
    """log10 of the variance in each octave, from the highest (1/2 to 1 of Nyquist) downwards.

    A 1/f^2 spectrum has the same in every octave.

    Returns:
        (..., n_octaves).
    """
    energies = []
    for octave in range(n_octaves):
        high = 0.5**octave
        inside = (spectrum.frequency > high / 2) & (spectrum.frequency <= high)
        assert inside.any(), f"no frequencies in octave {octave}"
        area = np.pi * (high * high - high * high / 4) / 4  # of the ring, in the plane's units
        energies.append(np.log10(spectrum.power[..., inside].mean(axis=-1) * area))
    return np.stack(energies, axis=-1)


def exponent(spectrum: Spectrum, low: float, high: float) -> Array:
    """-d log power / d log frequency between two frequencies, by least squares over octaves.

    Rings are weighted by 1 / frequency, so that every octave counts the same.
    """
    inside = (spectrum.frequency >= low) & (spectrum.frequency <= high)
    x, y = np.log(spectrum.frequency[inside]), np.log(spectrum.power[..., inside])
    weight = 1 / spectrum.frequency[inside]
    x = x - np.average(x, weights=weight)
    return np.asarray(-(y * x * weight).sum(axis=-1) / (x * x * weight).sum())
