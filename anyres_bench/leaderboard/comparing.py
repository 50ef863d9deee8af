"""Features, moments and pictures of a submission against those that are made here."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DataError
from anyres_bench.core.seeds import stream
from anyres_bench.evaluation.report_samples import free_row
from anyres_bench.evaluation.sample_sets import N_SHOWN, SampleSet
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.features.stats import FeatureBank
from anyres_bench.leaderboard.feature_files import read_features
from anyres_bench.leaderboard.moment_files import read_moments
from anyres_bench.leaderboard.rules import NotSaid
from anyres_bench.metrics.frechet import frechet_from_moments, moments_of

if TYPE_CHECKING:
    from torch import Tensor

_BATCH = 16
_SPREAD = 0.01  # of features: how far a row may move on another processor, root mean square
_HALF = 2.0**-10  # relative rounding of float16, with room
_LEVELS, _MOST_LEVELS, _SHARE = 2, 8, 0.999  # of 8-bit values of pictures


@dataclass(frozen=True)
class RowDraw:
    """Which rows are made again: a share of them, and the seed that draws it."""

    fraction: float
    seed: int


def compare_features(
    inside: Enclosure,
    files: Sequence[str],
    samples: SampleSet,
    extractor: FeatureExtractor,
    draw: RowDraw,
) -> str:
    """Compare a seeded part of the rows.

    Raises:
        DataError: a row is another.
    """
    bank, precision = read_features(inside, files)
    n = max(1, math.ceil(draw.fraction * len(samples)))
    places = stream(draw.seed, "verify", files[0]).choice(len(samples), n)
    items = sorted(samples.order[int(i)] for i in places)
    made = _rendered(samples, extractor, items)
    submitted = _rows_of(bank, items)
    rows = bank.features().astype(np.float64)
    slack = _SPREAD * float(np.sqrt(np.mean((rows - rows.mean(axis=0)) ** 2)))
    if precision == "float16":
        slack += _HALF * float(np.sqrt(np.mean(submitted**2)))
    apart = np.sqrt(np.mean((made - submitted) ** 2, axis=1))
    if wrong := [items[int(i)] for i in np.flatnonzero(~(apart <= max(slack, 1e-6)))]:
        worst = float(np.max(apart))
        raise DataError(
            f"{len(wrong)} of {n} rows are others, such as that of sample {wrong[0]}: they differ "
            f"by up to {worst:.3g}, allowed is {slack:.3g}"
        )
    return f"{n} of {len(samples)} rows made again, differing by {apart.max():.2g} of {slack:.2g}"


def compare_moments(
    inside: Enclosure,
    files: Sequence[str],
    samples: SampleSet,
    extractor: FeatureExtractor,
    draw: RowDraw,
) -> str:
    """Compare moments with those of all rows made again.

    Rows that move by d at most move the Frechet distance to what they were by d squared at most.

    Raises:
        DataError: they are others.
        NotSaid: only a part of the rows is to be made.
    """
    if draw.fraction < 1:
        raise NotSaid("moments are of all rows: --fraction 1 makes these and compares")
    submitted = read_moments(inside, files)
    rows = _rendered(samples, extractor, list(samples.order))
    made = moments_of(rows)
    apart = frechet_from_moments(made, submitted)
    slack = _SPREAD**2 * float(np.trace(made.covariance()))
    if not apart <= max(slack, 1e-12):
        raise DataError(
            f"moments of other features: their Frechet distance is {apart:.3g}, allowed is "
            f"{slack:.3g}"
        )
    return f"{len(rows)} rows made again, a Frechet distance of {apart:.2g} of {slack:.2g}"


def _rendered(
    samples: SampleSet, extractor: FeatureExtractor, items: Sequence[int]
) -> NDArray[np.float64]:
    parts = [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
    batches = [extractor(*views).numpy() for views in samples.batches(parts)]
    return np.concatenate(batches).astype(np.float64)


def _rows_of(bank: FeatureBank, items: Sequence[int]) -> NDArray[np.float64]:
    """The rows of samples, in their order.

    Raises:
        DataError: one is missing, or there twice.
    """
    places = {int(index): place for place, index in enumerate(bank.index)}
    if len(places) != len(bank) or not set(items) <= places.keys():
        raise DataError("its rows are not those of the samples, each once")
    rows: NDArray[np.float64] = bank.features()[[places[item] for item in items]].astype(np.float64)
    return rows


def compare_pictures(inside: Enclosure, name: str, samples: SampleSet) -> str:
    """Compare a row of pictures.

    Raises:
        DataError: it shows something else.
    """
    first: Tensor = next(samples.batches([samples.order[:N_SHOWN]]))[0]
    made = free_row(samples, first)
    with inside.open(name) as file, Image.open(io.BytesIO(file.read())) as opened:
        submitted = np.asarray(opened.convert("RGB"))
    if made is None or made.shape != submitted.shape:
        here = "none that may be shown" if made is None else f"{made.shape[1]} x {made.shape[0]} px"
        raise DataError(f"{submitted.shape[1]} x {submitted.shape[0]} px, here {here}")
    apart = np.abs(made.astype(np.int16) - submitted)
    share = float(np.mean(apart <= _LEVELS))
    if share < _SHARE or int(apart.max()) > _MOST_LEVELS:
        raise DataError(
            f"{1 - share:.2%} of its values are off by more than {_LEVELS} levels, one by "
            f"{int(apart.max())}"
        )
    return f"{len(first)} pictures made again, off by {int(apart.max())} levels at most"
