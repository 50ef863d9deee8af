"""A picture's planes, octave by octave, seen through small filters; the built-in extractor's eyes.

Everything here is per picture, in plain numpy on one thread: the same bits on any number of cores.

Source: Laws, "Textured image segmentation", USC 1980: products of the smoothing, slope and ripple
filters s = [1, 2, 1] / 4, d = [-1, 0, 1] / 2 and e = [-1, 2, -1] / 4 along each axis; Burt and
Adelson, IEEE Trans. Communications 31(4), 1983, for measuring them octave by octave.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Numbers = NDArray[np.float64]

BANDS = ("sd", "ds", "se", "es", "dd", "de", "ed", "ee")
"""Filter along y, then along x; "ss" is left out, the next octave sees it."""

_CHUNK_PIXELS = 1 << 14  # filtered at a time: the working set stays in the cache
_QUARTER, _HALF, _EIGHTH, _THREE = (np.float32(x) for x in (0.25, 0.5, 0.125, 3))


@dataclass(frozen=True)
class Octave:
    """What one plane looks like at one scale.

    Attributes:
        magnitude: (8,) mean magnitude of each of `BANDS`, in grey levels.
        rms: (8,) root mean square of each.
        diagonal: mean product of the two slopes over their mean energy, in [-1, 1]: which diagonal
            edges lie along.
        polarity: mean sign of the ripples: whether fine detail is bright on dark or dark on bright.
        slope: (h - 2, w - 2) magnitude of the slope, |y| + |x|.
    """

    magnitude: Numbers
    rms: Numbers
    diagonal: float
    polarity: float
    slope: Map


def planes(image: NDArray[np.uint8]) -> Map:
    """Luminance, red against blue, green against both: RGB turned, (3, h, w) in grey levels."""
    red, green, blue = image.astype(np.float32)
    return np.stack(
        [
            (red + green + blue) * np.float32(3**-0.5),
            (red - blue) * np.float32(2**-0.5),
            (red + blue - green - green) * np.float32(6**-0.5),
        ]
    )


def octaves(plane: Map, n: int) -> list[Octave]:
    """The plane at its own scale, at half of it, and so on, `n` times."""
    seen = [look(plane)]
    for _ in range(n - 1):
        plane = halve(plane)
        seen.append(look(plane))
    return seen


def look(plane: Map) -> Octave:
    """Filter a plane of at least 3 px a side and sum up what comes out."""
    height, width = plane.shape[0] - 2, plane.shape[1] - 2
    slope = np.empty((height, width), np.float32)
    magnitude, square = np.zeros(len(BANDS)), np.zeros(len(BANDS))
    product = polarity = 0.0
    for rows in _chunks(height, width):
        bands = dict(_filtered(plane[rows.start : rows.stop + 2]))
        for i, name in enumerate(BANDS):
            magnitude[i] += np.abs(bands[name]).sum()
            square[i] += np.square(bands[name]).sum()
        product += float((bands["sd"] * bands["ds"]).sum())
        polarity += float(np.sign(bands["se"] + bands["es"]).sum())
        slope[rows] = np.abs(bands["sd"]) + np.abs(bands["ds"])
    n = height * width
    energy = square[0] + square[1]
    diagonal = 2 * product / energy if energy else 0.0
    return Octave(magnitude / n, np.sqrt(square / n), diagonal, polarity / n, slope)


def halve(plane: Map) -> Map:
    """Smooth by [1, 3, 3, 1] / 8 along each axis, edges repeated, and keep every other sample."""
    for _ in range(2):  # along y, then along x
        n = (len(plane) + 1) // 2
        padded = np.concatenate([plane[:1], plane, plane[-1:], plane[-1:]])
        a, b, c, d = (padded[i : i + 2 * n - 1 : 2] for i in range(4))
        plane = ((a + d + _THREE * (b + c)) * _EIGHTH).T
    return plane


def blocks(plane: Map, n: int) -> Numbers:
    """Means of n x n equal parts, (n, n); a plane of fewer than n px a side repeats its pixels."""
    rows, columns = (np.arange(n + 1) * side // n for side in plane.shape)
    return np.asarray(
        [
            [
                _mean(plane[top : max(bottom, top + 1), left : max(right, left + 1)])
                for left, right in itertools.pairwise(columns)
            ]
            for top, bottom in itertools.pairwise(rows)
        ]
    )


def _mean(part: Map) -> float:
    """As `part.mean(dtype=np.float64)`, whose checks take longer than a small part's sum."""
    return float(np.add.reduce(part, axis=None, dtype=np.float64)) / part.size


def _chunks(height: int, width: int) -> Iterator[slice]:
    step = max(1, _CHUNK_PIXELS // width)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def _filtered(plane: Map) -> Iterator[tuple[str, Map]]:
    """Name and response of every filter."""
    for along_y, smoothed in _triple(plane[:-2], plane[1:-1], plane[2:]):
        for along_x, response in _triple(smoothed[:, :-2], smoothed[:, 1:-1], smoothed[:, 2:]):
            yield along_y + along_x, response


def _triple(before: Map, here: Map, after: Map) -> Iterator[tuple[str, Map]]:
    """A plane smoothed, its slope and its ripple, from itself shifted."""
    both, twice = before + after, here + here
    yield "s", (both + twice) * _QUARTER
    yield "d", (after - before) * _HALF
    yield "e", (twice - both) * _QUARTER
