"""How long a metric and its intervals will take, found on a few rows of the shape of the features.

What a metric takes grows with the rows in ways of its own, so it is timed on 32 rows a side, on
twice as many, and so on until that takes a while or all rows are there; the rest follows the growth
that was seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.evaluation.sample_sets import SampleSet
from anyres_bench.evaluation.strata import joined, real_side
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.measuring import measure
from anyres_bench.metrics.metric import Metric

_FIRST_ROWS = 32
_LONG_S = 0.5  # a measurement that takes longer is the last
_MOST_GROWTH = 3.0  # power of the number of rows; matrices that are factored


@dataclass(frozen=True)
class MetricForecast:
    """Seconds of a metric's values and intervals.

    Attributes:
        seconds: of all rows.
        n_timed: rows of a side that were timed.
    """

    seconds: float
    n_timed: int


def metric_forecast(
    metric: Metric, samples: Mapping[str, SampleSet], dim: int
) -> MetricForecast | None:
    """What a metric will take; None where it makes nothing of numbers that are no features.

    Args:
        metric: which.
        samples: those of each side and stratum, as `state_name` names them.
        dim: of the features.
    """
    largest = max(map(len, samples.values()))
    timed: list[tuple[int, float]] = []
    _seconds(metric, samples, dim, min(_FIRST_ROWS, largest))  # libraries are loaded
    for n in _doubled(largest):
        seconds = _seconds(metric, samples, dim, n)
        if seconds is not None:
            timed.append((n, seconds))
            if seconds > _LONG_S:
                break
    if not timed:
        return None
    n, seconds = timed[-1]
    return MetricForecast(seconds * (largest / n) ** _growth(timed), n)


def _growth(timed: list[tuple[int, float]]) -> float:
    """The power of the number of rows that the last two times grow with, at least one."""
    if len(timed) < 2:
        return 1.0
    (n, before), (twice, after) = timed[-2:]
    return min(max(math.log(after / before) / math.log(twice / n), 1.0), _MOST_GROWTH)


def _doubled(largest: int) -> Iterator[int]:
    n = _FIRST_ROWS
    while n < largest:
        yield n
        n *= 2
    yield largest


def _seconds(metric: Metric, samples: Mapping[str, SampleSet], dim: int, n: int) -> float | None:
    """Of at most n rows of each set, with the groups that they have; None: the metric refuses."""
    banks = joined({name: _bank(name, of, dim, n) for name, of in samples.items()})
    start = time.perf_counter()
    try:
        measure(metric, real_side(banks), banks["fake"], 0)
    except MetricError:
        return None
    return max(time.perf_counter() - start, 1e-6)


def _bank(name: str, samples: SampleSet, dim: int, n: int) -> FeatureBank:
    """Rows of numbers between 0 and 1, which distances, scores and similarities may all be."""
    index = np.arange(min(n, len(samples)))
    rows = stream(0, "forecast", name).uniform((len(index), dim)).astype(np.float32)
    return FeatureBank(index, np.asarray(samples.groups)[index], rows)
