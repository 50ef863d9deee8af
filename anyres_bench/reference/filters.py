"""Low-pass filters of StyleGAN3, designed in float64 and stored in float32."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import j1
from torch import Tensor

# Below this many taps a separable kernel is kept as its outer product, as in official state dicts.
_MIN_SEPARABLE_TAPS = 8


@dataclass(frozen=True)
class Lowpass:
    """What a low-pass filter has to do.

    Attributes:
        n_taps: length of the filter; 1 means "no filter".
        cutoff: frequency of the half-power point, in cycles per image side.
        width: width of the transition band, same unit.
        rate: sampling rate that the filter runs at, in samples per image side.
        radial: rotationally symmetric instead of separable.
    """

    n_taps: int
    cutoff: float
    width: float
    rate: float
    radial: bool = False

    def design(self) -> Tensor | None:
        """The taps, with a sum of 1.

        Returns:
            float32 (n_taps,) for a separable filter, (n_taps, n_taps) for a radial one, None for
            one tap.

        Source: Alias-Free GAN (Karras et al., 2021), appendix C; the separable design equals
        scipy's `firwin(n_taps, cutoff, width=width, fs=rate)`.
        """
        if self.n_taps == 1:
            return None
        taps = self._radial() if self.radial else self._separable()
        return torch.from_numpy(taps / taps.sum()).float()

    def _separable(self) -> NDArray[np.float64]:
        position = np.arange(self.n_taps) - (self.n_taps - 1) / 2
        window = self._window()
        return np.asarray(np.sinc(2 * self.cutoff / self.rate * position) * window)

    def _radial(self) -> NDArray[np.float64]:
        position = (np.arange(self.n_taps) - (self.n_taps - 1) / 2) / self.rate
        radius = np.hypot(*np.meshgrid(position, position))
        safe = np.where(radius == 0, 1.0, radius)
        jinc = j1(2 * np.pi * self.cutoff * safe) / (np.pi * safe)
        jinc = np.where(radius == 0, self.cutoff, jinc)  # its limit, met by an odd number of taps
        window = self._window()
        return np.asarray(jinc * np.outer(window, window))

    def _window(self) -> NDArray[np.float64]:
        relative_width = self.width / (self.rate / 2)
        attenuation = 2.285 * (self.n_taps - 1) * np.pi * relative_width + 7.95
        return np.kaiser(self.n_taps, _kaiser_beta(float(attenuation)))


def _kaiser_beta(attenuation: float) -> float:
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return 0.5842 * math.pow(attenuation - 21, 0.4) + 0.07886 * (attenuation - 21)
    return 0.0


def normalized_kernel(taps: Sequence[float]) -> Tensor:
    """A kernel with a sum of 1 from unnormalised separable `taps`, such as [1, 3, 3, 1].

    Returns:
        float32; (n, n) for fewer than 8 taps, (n,) otherwise.
    """
    kernel = torch.tensor(taps, dtype=torch.float32)
    if len(taps) < _MIN_SEPARABLE_TAPS:
        kernel = torch.outer(kernel, kernel)
    return kernel / kernel.sum()
