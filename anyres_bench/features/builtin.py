"""The built-in extractor: statistics of texture, colour and layout at native scale, no download.

Each image becomes one vector of plain numbers; nothing is learned, only the unit of each number is
taken from photographs. They are measured on the pixels as they are, octave by octave from the
finest, so an image of any size from 32 px is described without being resized, and damage to the
finest detail is seen at every size.

What these numbers cannot see is meaning: a face with three eyes is as good as one with two. The
Fréchet distance on them is not FID. `docs/extractors.md` shows what they respond to.

Source: Portilla and Simoncelli, "A parametric texture model based on joint statistics of complex
wavelet coefficients", IJCV 40, 2000, for which statistics of filtered pictures matter.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.octaves import Map, Numbers, Octave, blocks, octaves, planes

ID = "builtin-v1"
MIN_SIDE = 32
N_OCTAVES = 4

_FLOOR = 0.1  # grey levels: what rounding to 8 bits leaves in a flat picture
_STRIPS = (8, 32)  # px; lengths along which seams are looked for
_SOFT = np.float32(2)  # grey levels; larger steps count no more, so edges do not drown seams
_PERIODS = (2, 4, 8, 16)  # px; grids that upsamplers and block codecs leave


class BuiltinExtractor:
    """Features that need no weights; see the module."""

    @property
    def id(self) -> str:
        """Names the rule from pixels to numbers; it changes whenever a number does."""
        return ID

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return len(_units())

    n_views = 1
    is_fid = False

    def __call__(self, images: Tensor) -> Tensor:
        """Features of a batch, (n, 3, h, w) uint8 to (n, dim) float32.

        Each image is described by itself, on one thread, so a row is the same bit for bit in any
        batch and with any number of threads.

        Raises:
            UsageError: not uint8 RGB, or a side is shorter than 32 px.
        """
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
            raise UsageError(
                f"got {images.dtype} images of shape {tuple(images.shape)}; expected uint8 "
                "(n, 3, h, w)"
            )
        if min(images.shape[2:]) < MIN_SIDE:
            raise UsageError(
                f"images of {images.shape[2]}x{images.shape[3]} px are too small for {ID}, which "
                f"needs {MIN_SIDE} px a side; evaluate at a larger size"
            )
        rows = [describe(image) / _units() for image in images.cpu().contiguous().numpy()]
        return torch.from_numpy(np.asarray(rows, np.float32).reshape(-1, self.dim))


def build(spec: ExtractorSpec) -> BuiltinExtractor:
    """The extractor of the spec `builtin`, which has no weights and no options."""
    spec.pick()
    if spec.file is not None:
        raise UsageError(f"extractor builtin has no weights to read from {spec.file}")
    return BuiltinExtractor()


def describe(image: NDArray[np.uint8]) -> Numbers:
    """All numbers of one (3, h, w) image, each in its natural unit."""
    picture = ImageOctaves.of(image)
    return np.concatenate([group(picture) for group in GROUPS])


@dataclass(frozen=True)
class ImageOctaves:
    """One image and its planes octave by octave."""

    image: NDArray[np.uint8]  # (3, h, w)
    planes: Map  # luminance and two opponent colours, (3, h, w), grey levels
    luma: list[Octave]
    colours: tuple[list[Octave], list[Octave]]

    @classmethod
    def of(cls, image: NDArray[np.uint8]) -> ImageOctaves:
        """Look at a (3, h, w) image."""
        turned = planes(image)
        luma, *colours = (octaves(plane, N_OCTAVES) for plane in turned)
        return cls(image, turned, luma, (colours[0], colours[1]))


def tone(picture: ImageOctaves) -> Numbers:
    """How bright and how colourful: means, spreads, correlations, asymmetries, clipped shares."""
    means = picture.planes.mean(axis=(1, 2), dtype=np.float64)
    spreads = picture.planes.std(axis=(1, 2), dtype=np.float64)
    above = (picture.planes > means[:, None, None].astype(np.float32)).mean(axis=(1, 2)) - 0.5
    clipped = [np.log(np.mean(picture.image == level) + 1e-3) for level in (0, 255)]
    pairs = [
        _correlation(picture.planes[i], picture.planes[j]) for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    return np.concatenate([means, np.log(spreads + 1), pairs, above, clipped])


def layout(picture: ImageOctaves) -> Numbers:
    """What is where, coarsely: luminance in 4 x 4 parts, colours and detail in 2 x 2."""
    coarse = [blocks(picture.planes[0], 4), *(blocks(plane, 2) for plane in picture.planes[1:])]
    detail = np.log(blocks(picture.luma[0].slope, 2) + _FLOOR)
    return np.concatenate([_contrasts(part)[1:] for part in (*coarse, detail)])


def detail(picture: ImageOctaves) -> Numbers:
    """Strength of each filter in each octave of luminance; of colours, against luminance."""
    luma = _log_strengths(picture.luma)
    first, second = (_log_strengths(colour) - luma for colour in picture.colours)
    alike = [_alike(values) for values in (luma, first + second, first - second)]
    return np.concatenate([*alike, _unlike(luma)])


def sparsity(picture: ImageOctaves) -> Numbers:
    """Whether detail is rare and strong or everywhere and weak: rms over mean magnitude."""
    ratios = [(octave.rms + _FLOOR) / (octave.magnitude + _FLOOR) for octave in picture.luma]
    return _alike(np.log(ratios))


def structure(picture: ImageOctaves) -> Numbers:
    """How detail is arranged: diagonals, polarity, patchiness, and ties between octaves."""
    diagonal = [octave.diagonal for octave in picture.luma]
    polarity = [octave.polarity for octave in picture.luma]
    parts = [blocks(octave.slope, 4) for octave in picture.luma]
    patchy = [np.log((part.std() + _FLOOR) / (part.mean() + _FLOOR)) for part in parts]
    pairs = zip(picture.luma, picture.luma[1:], strict=False)
    ties = [_tie(fine.slope, coarse.slope) for fine, coarse in pairs]
    return np.concatenate(
        [_contrasts(np.asarray([row])) for row in (diagonal, polarity, patchy, ties)]
    )


def artefacts(picture: ImageOctaves) -> Numbers:
    """Traces of machinery along rows and columns: seams between tiles, grids, flat runs."""
    luma = picture.planes[0]
    both = [_line_traces(luma), _line_traces(np.ascontiguousarray(luma.T))]
    return np.asarray(np.mean(both, axis=0))


def _line_traces(plane: Map) -> Numbers:
    """Straight vertical traces: 4 of seams, 4 of grids, 1 of flat runs."""
    step = plane[:, 1:] - plane[:, :-1]
    # What a step exceeds its neighbours by: a ramp has none, a seam keeps all of its height.
    sharp: Map = np.clip(step[:, 1:-1] - (step[:, :-2] + step[:, 2:]) / 2, -_SOFT, _SOFT)
    seams = [number for strip in _STRIPS for number in _seams(sharp, strip)]
    profile = np.log(np.abs(step).mean(axis=0) + _FLOOR).astype(np.float64)
    profile = profile[1:-1] - (profile[:-2] + profile[2:]) / 2
    grids = [_periodicity(profile, period) for period in _PERIODS]
    flat = np.log(np.mean(step == 0) + 1e-2)
    return np.asarray([*seams, *grids, flat])


def _seams(sharp: Map, strip: int) -> tuple[float, float]:
    """How far the column with the most consistent steps stands out, and how few such there are."""
    n = len(sharp) // strip
    means = sharp[: n * strip].reshape(n, strip, -1).mean(axis=1)
    column = np.square(means).mean(axis=0).astype(np.float64) + 1e-2
    peaked = np.sqrt(np.square(column).mean()) / column.mean()
    return float(np.log(column.max() / column.mean())), float(np.log(peaked))


def _periodicity(profile: Numbers, period: int) -> float:
    """Log of the variance between the phases of a period over that expected without one."""
    n = len(profile) // period
    phases = profile[: n * period].reshape(n, period)
    between, within = phases.mean(axis=0).var() * n, phases.var()
    return float(np.log((between + 1e-3) / (within + 1e-3)))


def _log_strengths(plane: list[Octave]) -> Numbers:
    return np.log([octave.magnitude + _FLOOR for octave in plane])


# Both take (octaves, 8) numbers of the filters and turn them by cosines into what all share, how it
# changes with scale, and so on: neighbours say nearly the same, what counts is where they differ.


def _alike(values: Numbers) -> Numbers:
    """Filters along y and along x taken together."""
    sd, ds, se, es, dd, de, ed, ee = values.T
    return _contrasts(np.stack([(sd + ds) / 2, (se + es) / 2, dd, (de + ed) / 2, ee], axis=1))


def _unlike(values: Numbers) -> Numbers:
    """Filters along y against those along x."""
    sd, ds, se, es, _, de, ed, _ = values.T
    return _contrasts(np.stack([sd - ds, se - es, de - ed], axis=1) / 2)


def _contrasts(values: Numbers) -> Numbers:
    """The two-dimensional cosine transform of a small table, flat; the mean comes first."""
    rows, columns = values.shape
    return (_cosines(rows) @ values @ _cosines(columns).T).ravel()


@functools.cache
def _cosines(n: int) -> Numbers:
    frequency, place = np.arange(n)[:, None], np.arange(n) + 0.5
    return np.cos(np.pi * frequency * place / n) / n


def _tie(fine: Map, coarse: Map) -> float:
    """Correlation of the log slopes of an octave and the next, place by place."""
    height, width = (min(a // 2, b) for a, b in zip(fine.shape, coarse.shape, strict=True))
    shrunk = fine[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))
    return _correlation(np.log1p(shrunk), np.log1p(coarse[:height, :width]))


def _correlation(a: Map, b: Map) -> float:
    a, b = a - a.mean(), b - b.mean()
    energy = float(np.square(a).mean()) * float(np.square(b).mean())
    return float((a * b).mean()) / (math.sqrt(energy) + 1e-2)


# Group -> the unit of each of its numbers: its spread among the design photographs of the study, so
# that every number weighs the same; seams, the first four artefacts, weigh twice as much.
# fmt: off
GROUPS: dict[Callable[[ImageOctaves], Numbers], tuple[float, ...]] = {
    tone: (
        54, 25, 7.1, 0.43, 0.79, 0.6, 0.44, 0.4, 0.47, 0.092, 0.14, 0.14, 1.2, 1.3,
    ),
    layout: (
        16, 9.4, 6.4, 21, 6.6, 4.8, 3.6, 13, 5, 3.9, 3.3, 7.6, 3.4, 3.1, 2.5, 3.8, 5.1, 1.7,
        0.98, 1.3, 0.46, 0.13, 0.18, 0.063,
    ),
    detail: (
        0.51, 0.079, 0.022, 0.031, 0.042, 0.15, 0.035, 0.014, 0.013, 0.014, 0.058, 0.019,
        0.01, 0.008, 0.0093, 0.018, 0.011, 0.0064, 0.0049, 0.006, 1.2, 0.19, 0.043, 0.07,
        0.071, 0.29, 0.064, 0.029, 0.023, 0.026, 0.12, 0.037, 0.023, 0.014, 0.016, 0.037,
        0.022, 0.014, 0.0085, 0.011, 0.39, 0.065, 0.02, 0.024, 0.026, 0.097, 0.025, 0.012,
        0.0093, 0.012, 0.036, 0.013, 0.0089, 0.0056, 0.0076, 0.013, 0.0068, 0.0055, 0.0033,
        0.0049, 0.22, 0.046, 0.047, 0.057, 0.018, 0.015, 0.027, 0.01, 0.0097, 0.013, 0.0069,
        0.0052,
    ),
    sparsity: (
        0.11, 0.015, 0.0066, 0.0066, 0.0087, 0.035, 0.0082, 0.0039, 0.0037, 0.0045, 0.015,
        0.0056, 0.0036, 0.0026, 0.0032, 0.0061, 0.0036, 0.0027, 0.0018, 0.0021,
    ),
    structure: (
        0.25, 0.066, 0.028, 0.013, 0.07, 0.041, 0.026, 0.015, 0.39, 0.14, 0.074, 0.047,
        0.16, 0.065, 0.035,
    ),
    artefacts: (
        0.095, 0.022, 0.12, 0.048, 0.96, 0.59, 0.41, 0.26, 0.69,
    ),
}
# fmt: on


@functools.cache
def _units() -> Numbers:
    return np.concatenate([np.asarray(units) for units in GROUPS.values()])
