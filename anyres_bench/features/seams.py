"""`seams[:PERIOD]`: straight lines across which an image jumps, found in the image alone.

Tiles that were rendered apart leave a step along a line. Of luminance, each pixel's step to its
neighbour less the mean of the two steps beside it is averaged along a line over segments, so that
texture cancels and a step does not; its mean square over the segments is the energy of the line.
The number of an image is log2 of the strongest line's energy over the median line's, once for
segments of 32 px and once for 128 px (or the whole line). With PERIOD, tile boundaries are known to
lie at its multiples: then it is the mean energy of those lines over the median of the others.

Photographs have straight edges too: what is a seam and what is a wall only the difference to real
images of the same views says (`anyres_bench.metrics.seams`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.data.pixels import Pixels
from anyres_bench.data.spectra import Array, luminance
from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.spectrum import ROUNDING

SEGMENTS = (32, 128)  # px
MIN_SIDE = 32  # px
_NOISE = 5 * ROUNDING  # variance of a step less its neighbours, of pixels rounded to 8 bits


class SeamExtractor:
    """Two numbers an image; see the module.

    Args:
        period: distance of the tile boundaries, px; None where they are not known.
    """

    dim = len(SEGMENTS)
    n_views = 1
    is_fid = False

    def __init__(self, period: int | None = None) -> None:
        self.period = period

    @property
    def id(self) -> str:
        """The rule, with the period where it is known."""
        return "seams" if self.period is None else f"seams:{self.period}"

    def __call__(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) uint8 to (n, 2) float32.

        Raises:
            UsageError: a side is below 32 px, or no tile boundary lies inside.
        """
        size, least = tuple(images.shape[2:]), max(MIN_SIDE, (self.period or 0) + 3)
        if min(size) < least:
            raise UsageError(f"{self.id} takes images of {least} px and more; got {size}")
        pixels = images.permute(0, 2, 3, 1).numpy()
        rows = [[seam_score(each, length, self.period) for length in SEGMENTS] for each in pixels]
        return torch.from_numpy(np.asarray(rows, np.float32).reshape(-1, self.dim))


def build(spec: ExtractorSpec) -> SeamExtractor:
    """The extractor of the spec `seams` or `seams:PERIOD`.

    Raises:
        UsageError: PERIOD is no number from 4.
    """
    if not spec.argument:
        spec.plain()
        return SeamExtractor()
    if not spec.argument.isdecimal() or not 4 <= int(spec.argument) <= 1 << 20:
        raise UsageError(f"extractor seams:{spec.argument}: the period is a number of px from 4")
    return SeamExtractor(int(spec.argument))


def seam_score(pixels: Pixels, length: int, period: int | None = None) -> float:
    """log2 of the energy of the strongest line, or of those at multiples of `period`.

    Args:
        pixels: (h, w, 3).
        length: of the segments, px.
        period: distance of the tile boundaries, px.
    """
    grey, ratios = luminance(pixels), []
    for image in (grey, grey.T):
        energy = line_energies(image, length)
        floor = _NOISE / min(length, len(image))
        for lines, others in _split(energy, period):
            ratios.append((lines + floor) / (float(np.median(others)) + floor))
    return math.log2(max(ratios) if period is None else float(np.mean(ratios)))


def line_energies(grey: Array, length: int) -> Array:
    """(w - 3,): energy of the line between columns x + 1 and x + 2 of (h, w) grey levels."""
    steps = np.diff(grey, axis=1)
    jumps = steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2
    length = min(length, len(jumps))
    n = len(jumps) // length
    segments = jumps[: n * length].reshape(n, length, -1).mean(axis=1)
    return np.asarray(np.square(segments).mean(axis=0))


def _split(energy: Array, period: int | None) -> Iterator[tuple[float, Array]]:
    """Energy of the lines that may be seams, and of those that they are held against."""
    if period is None:
        yield float(energy.max()), energy
        return
    on = (np.arange(len(energy)) + 2) % period == 0
    yield float(energy[on].mean()), energy[~on]
