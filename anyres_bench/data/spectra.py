"""Power spectra of images, and what they tell about a picture's past.

Frequencies are fractions of the Nyquist frequency. Power is a density: its mean over the frequency
plane is the variance of the grey levels, whatever the size of the image.

The effective resolution is read off the spectrum of an image's most textured tiles. A natural
picture falls as a power of the frequency; enlarging one by s multiplies its spectrum by the square
of the interpolation kernel's transform, which all but ends at 1 / s of Nyquist. So power laws that
went through each kernel at each scale, over a floor of noise (of the sensor, of JPEG), are fitted,
and the scale that explains the spectrum best is taken. Softness of the lens or of a denoiser counts
as what it is: less resolution. Measured on crops of 160 sharp photographs, enlarged 1.5 to 6 times
by the three kernels, plain and as JPEG of quality 75: median error 2 to 10 percent, 77 to 97
percent within 20; of those enlarged twice or more 99.8 percent lie at or below 0.75, of the
untouched 95 percent above.

Source: van der Schaaf and van Hateren, "Modelling the power spectra of natural images", Vision
Research 36, 1996, for the power law and its spread over photographs.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import UsageError
from anyres_bench.data.kernels import KERNELS
from anyres_bench.data.pixels import Pixels

Array = NDArray[np.float64]

_REC601 = np.asarray([0.299, 0.587, 0.114])
_ROWS = 16  # of an image that are made grey at once

_TILE = 128  # side of a tile in pixels, for the effective resolution
_MIN_SIDE = 32
_MOST_TILES = 48  # the most textured ones
_MOST_CANDIDATES = 400
_LOWEST = 0.03  # of Nyquist: below it a tile holds too few waves
_N_BANDS = 32
_ENLARGED_BY = ("bilinear", "bicubic", "lanczos")
_SCALES = np.concatenate([[1.0], np.geomspace(1.08, 8.0, 40)])
_FLOORS = 10.0 ** np.asarray([-1.2, -0.7, -0.3, 0.0, 0.3, 0.6])  # grey levels squared
# Exponents of power over photographs: mean and standard deviation.
_EXPONENT, _EXPONENT_SPREAD = 2.6, 0.4
_MISFIT = 0.2  # of log10 power in a band, between photographs and the model
_LEAST = 1e-4  # of Nyquist; a power law has no value at 0, where the kernels' zeros outdo it
_GAUSS_NEWTON_STEPS = 6
_TOLERANCE = 1.2  # scales within this factor count as the one found


@dataclass(frozen=True)
class Spectrum:
    """Power over rings of the frequency plane.

    Attributes:
        frequency: (k,) middle of each ring, as a fraction of Nyquist.
        power: (..., k) mean power density in each ring.
    """

    frequency: Array
    power: Array


class ResolutionEstimate(NamedTuple):
    """How much of the Nyquist frequency holds signal.

    Attributes:
        value: in (0, 1]; an image enlarged s times has about 1 / s, down to 1/8, or up to a third
            less by bilinear enlarging, which blurs as well.
        confidence: in [0, 1], probability under the model that the scale lies within 20 percent.
    """

    value: float
    confidence: float


def luminance(pixels: Pixels) -> Array:
    """Grey levels (..., h, w) in 0..255 of (..., h, w, 3) RGB, by the weights of Rec. 601."""
    rows = pixels.reshape(-1, *pixels.shape[-2:])
    grey = np.empty(rows.shape[:-1])
    for start in range(0, len(rows), _ROWS):  # matmul makes floats of all that it is given
        stop = start + _ROWS
        np.matmul(rows[start:stop], _REC601, out=grey[start:stop])
    return grey.reshape(pixels.shape[:-1])


def radial_spectrum(grey: Array) -> Spectrum:
    """Hann-windowed power spectrum, averaged over rings one frequency step wide.

    Args:
        grey: (..., h, w), each image by itself.

    Returns:
        Rings up to the Nyquist frequency; step 2 / min(h, w).

    Raises:
        UsageError: a side is shorter than 4 pixels.
    """
    height, width = grey.shape[-2:]
    if min(height, width) < 4:
        raise UsageError(f"got images of {height}x{width} pixels, a spectrum needs 4x4 or more")
    window = np.outer(_hann(height), _hann(width))
    ring, weight, n_rings = _rings(height, width)
    counts = np.bincount(ring, weight)[:n_rings]
    sums, scale = [], (window**2).sum()
    for image in grey.reshape(-1, height, width):
        power = np.abs(np.fft.rfft2((image - image.mean()) * window)) ** 2 / scale
        sums.append(np.bincount(ring, power.ravel() * weight)[:n_rings])
    frequency = (np.arange(n_rings) + 0.5) / n_rings
    return Spectrum(frequency, (np.stack(sums) / counts).reshape(*grey.shape[:-2], n_rings))


def effective_resolution(grey: Array) -> ResolutionEstimate:
    """How much of the Nyquist frequency of an image holds signal.

    A constant image, and one with a side shorter than 32 pixels, tells nothing: 1 with confidence
    0.

    Args:
        grey: (h, w) grey levels.
    """
    if min(grey.shape) < _MIN_SIDE or np.ptp(grey) == 0:
        return ResolutionEstimate(1.0, 0.0)
    spectrum = radial_spectrum(_textured_tiles(grey))
    likelihood = _likelihood(Spectrum(spectrum.frequency, spectrum.power.mean(axis=0)))
    best = int(np.argmax(likelihood))
    ratio = _SCALES / _SCALES[best]
    near = (ratio <= _TOLERANCE) & (ratio >= 1 / _TOLERANCE)
    return ResolutionEstimate(
        float(1 / _SCALES[best]), float(likelihood[near].sum() / likelihood.sum())
    )


def blockiness(grey: Array, period: int = 8) -> float:
    """How much neighbours differ across a grid of blocks, over how much they differ elsewhere.

    Of the `period` places that a grid can have along each axis the strongest is taken, so a cropped
    JPEG is found out too; about 1 where there is no grid, and 1 for a constant image.

    Args:
        grey: (h, w) grey levels.
        period: side of a block in pixels.

    Raises:
        UsageError: the image is smaller than two blocks.
    """
    if min(grey.shape) < 2 * period:
        raise UsageError(f"got {grey.shape[0]}x{grey.shape[1]} pixels, need {2 * period} or more")
    ratios = []
    for image in (grey, grey.T):
        differences = np.diff(image, axis=0)
        steps = np.abs(differences, out=differences).mean(axis=1)
        places = np.asarray([steps[i::period].mean() for i in range(period)])
        typical = float(np.median(places))
        ratios.append(float(places.max()) / typical if typical else 1.0)
    return float(np.mean(ratios))


def _hann(n: int) -> Array:
    """Without the zeros at its ends."""
    return np.asarray(np.hanning(n + 2)[1:-1])


@functools.lru_cache(maxsize=8)
def _rings(height: int, width: int) -> tuple[NDArray[np.intp], Array, int]:
    """Ring of each place of a flat half spectrum (beyond Nyquist is one ring), and its weight."""
    n_rings = min(height, width) // 2
    y, x = 2 * np.fft.fftfreq(height)[:, None], 2 * np.fft.rfftfreq(width)[None]
    ring = np.minimum((np.hypot(y, x) * n_rings).astype(np.intp), n_rings)
    weight = np.full(ring.shape, 2.0)
    weight[:, 0] = 1  # the other half repeats all columns but the first and, if even, the last
    if width % 2 == 0:
        weight[:, -1] = 1
    return ring.ravel(), weight.ravel(), n_rings


def _textured_tiles(grey: Array) -> Array:
    """(n, t, t): the half of the tiles that vary most, at most `_MOST_TILES`."""
    side = min(_TILE, *grey.shape)
    step = side // 2
    while (grey.shape[0] // step) * (grey.shape[1] // step) > _MOST_CANDIDATES:
        step *= 2
    windows = np.lib.stride_tricks.sliding_window_view(grey, (side, side))[::step, ::step]
    # One by one, because tiles overlap: all at once are several times the image.
    deviation = np.asarray([tile.copy().std() for row in windows for tile in row])
    n_kept = min(_MOST_TILES, (len(deviation) + 1) // 2)
    kept = np.argsort(-deviation, kind="stable")[:n_kept]
    return np.ascontiguousarray(windows[np.unravel_index(kept, windows.shape[:2])])


def _likelihood(spectrum: Spectrum) -> Array:
    """Of each of `_SCALES`, relative to the best: summed over kernels and floors."""
    bands = _bands(len(spectrum.frequency))
    x = np.log10(bands @ spectrum.frequency)
    y = np.log10(bands @ spectrum.power + 1e-9)
    templates = _templates(len(spectrum.frequency))
    template = np.repeat(templates, len(_FLOORS), axis=0)
    floor = np.tile(_FLOORS, len(templates))[:, None]
    misfit = _misfit(x, y, template, floor)
    likelihood = np.exp(0.5 * (misfit.min() - misfit))
    return np.asarray(likelihood.reshape(len(_SCALES), -1).sum(axis=1))


def _misfit(x: Array, y: Array, template: Array, floor: Array) -> Array:
    """-2 log likelihood of each template: y as log10(10^(a - b x) template + floor).

    The level a and the exponent b, which has a prior, are fitted by Gauss-Newton steps.
    """
    a = np.full(len(template), y[0] + _EXPONENT * x[0])
    b = np.full(len(template), _EXPONENT)
    prior = (_MISFIT / _EXPONENT_SPREAD) ** 2
    for _ in range(_GAUSS_NEWTON_STEPS):
        signal = _power_law(a, b, x) * template
        share = signal / (signal + floor)
        residual = y - np.log10(signal + floor)
        aa, ab = (share**2).sum(axis=1), -(share**2 * x).sum(axis=1)
        bb = (share**2 * x**2).sum(axis=1) + prior
        ra = (share * residual).sum(axis=1)
        rb = -(share * residual * x).sum(axis=1) + prior * (_EXPONENT - b)
        determinant = aa * bb - ab * ab + 1e-9
        a, b = a + (bb * ra - ab * rb) / determinant, b + (aa * rb - ab * ra) / determinant
    residual = y - np.log10(_power_law(a, b, x) * template + floor)
    squares = (residual**2).sum(axis=1) / _MISFIT**2
    return np.asarray(squares + ((b - _EXPONENT) / _EXPONENT_SPREAD) ** 2)


def _power_law(a: Array, b: Array, x: Array) -> Array:
    # Bounded, so that a step gone astray cannot overflow.
    return np.asarray(10 ** np.clip(a[:, None] - b[:, None] * x, -8, 12))


@functools.lru_cache(maxsize=8)
def _bands(n_rings: int) -> Array:
    """(bands, n_rings) averaging matrix onto bands of equal width in log frequency."""
    frequency = (np.arange(n_rings) + 0.5) / n_rings
    band = np.floor(_N_BANDS * (1 - np.log(frequency) / np.log(_LOWEST)))
    matrix = (band == np.arange(_N_BANDS)[:, None]).astype(np.float64)
    counts = matrix.sum(axis=1, keepdims=True)
    return np.asarray((matrix / np.maximum(counts, 1))[counts[:, 0] > 0])


@functools.lru_cache(maxsize=8)
def _templates(n_rings: int) -> Array:
    """(scales x kernels, bands): power of an enlarged power law over the law itself."""
    bands = _bands(n_rings)
    return np.stack(
        [bands @ _template(float(s), name, n_rings) for s in _SCALES for name in _ENLARGED_BY]
    )


def _template(scale: float, kernel: str, n_rings: int) -> Array:
    """(n_rings,) by averaging over rings of a half plane of n_rings frequencies a side.

    Beyond the old Nyquist frequency lie images of the old spectrum, which is periodic; the kernel
    damps them.
    """
    if scale == 1:
        return np.ones(n_rings)
    frequency = (np.arange(n_rings) + 0.5) / n_rings
    old = frequency * scale
    folded = np.maximum(np.abs((old + 1) % 2 - 1), _LEAST)
    gain = _transform(kernel, old) ** 2
    power = np.hypot(folded[:, None], folded) ** -_EXPONENT * gain[:, None] * gain
    radius = np.hypot(frequency[:, None], frequency)
    law = (radius * scale) ** -_EXPONENT
    ring = np.minimum((radius * n_rings).astype(np.intp), n_rings).ravel()
    ratio = np.bincount(ring, power.ravel()) / np.bincount(ring, law.ravel())
    return np.asarray(ratio[:n_rings])


def _transform(kernel: str, frequency: Array) -> Array:
    """Fourier transform of an interpolation kernel at fractions of Nyquist."""
    support, function = KERNELS[kernel]
    x = (np.arange(800) + 0.5) / 800 * support
    values = function(x)
    return np.asarray(np.cos(np.pi * frequency[:, None] * x) @ values / values.sum())
