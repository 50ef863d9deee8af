"""What `evaluate` takes of a metric: its values, held against what it promises, and intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.core.threads import one_blas_thread
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.intervals import Estimate, interval, interval_values, paired_difference
from anyres_bench.metrics.metric import Metric
from anyres_bench.metrics.study import KeptValues
from anyres_bench.results import Interval

_ROUNDING = 1e-9  # by which a value may lie outside its bounds, of 1 or of the bound


_SMALL_DIM = 1024  # up to which matrices are quicker on one thread, measured with 154 and 500


@dataclass(frozen=True)
class Measurement:
    """Values of a metric, and intervals of those that rank."""

    values: dict[str, float]
    intervals: dict[str, Interval]


def measure(
    metric: Metric,
    real: FeatureBank | None,
    fake: FeatureBank,
    seed: int,
    kept: KeptValues | None = None,
) -> Measurement:
    """All values of a metric, the same for equal banks and seeds.

    Args:
        metric: which.
        real: features of the reference; not looked at, and may be None, where the metric needs
            none.
        fake: features of the model's samples.
        seed: of the metric's own random numbers.
        kept: what keeps replicates of the values, of which differences are made too.

    Raises:
        MetricError: the metric is not defined on these features, or breaks its promises.
    """
    with _threads(fake):
        return _measure(metric, real if metric.needs_real else None, fake, seed, kept)


def ranking_values(
    metric: Metric, real: FeatureBank | None, fake: FeatureBank, seed: int
) -> dict[str, float]:
    """The values that have intervals in `measure`, without making these.

    Raises:
        MetricError: as for `measure`, or too few groups are left for an interval.
    """
    with _threads(fake):
        return interval_values(metric, real, fake, _stream(metric, seed))


def _measure(
    metric: Metric,
    real: FeatureBank | None,
    fake: FeatureBank,
    seed: int,
    kept: KeptValues | None,
) -> Measurement:
    values = dict(metric.finish(real, fake, _stream(metric, seed)))
    check_values(metric, values)
    try:
        found = interval(metric, real, fake, _stream(metric, seed), kept=kept)
    except MetricError:
        # The value stands; too few groups are left for an interval when a fold is taken out.
        return Measurement(values, {})
    # An interval's own value is drawn with the random numbers of its replicates.
    values |= {name: estimate.value for name, estimate in found.items()}
    check_values(metric, values)
    intervals = {name: of.interval for name, of in found.items() if of.interval is not None}
    return Measurement(values, intervals)


def _threads(fake: FeatureBank) -> AbstractContextManager[None]:
    """One thread for the algebra of few dimensions; that of Inception's 2,048 takes all."""
    return one_blas_thread() if fake.dim <= _SMALL_DIM else nullcontext()


def difference(
    metric: Metric,
    real: FeatureBank | None,
    fake_a: FeatureBank,
    fake_b: FeatureBank,
    seed: int,
    kept: KeptValues | None = None,
) -> dict[str, Estimate]:
    """The values of model a less those of model b, what they share cancelled.

    Args:
        kept: what keeps the replicates of each of the two.

    Raises:
        MetricError: as for `measure`, or a side has too few groups.
    """
    with _threads(fake_a):
        return paired_difference(metric, real, fake_a, fake_b, _stream(metric, seed), kept=kept)


def check_values(metric: Metric, values: Mapping[str, float]) -> None:
    """Hold values against what their metric promises.

    Raises:
        MetricError: one is missing, is no finite float, or lies outside its bounds.
    """
    if missing := sorted(metric.higher_is_better.keys() - values.keys()):
        raise MetricError(f"metric {metric.id} gives no {', '.join(missing)}, which should rank")
    for name, value in values.items():
        if type(value) is not float or not math.isfinite(value):
            raise MetricError(f"metric {metric.id}: {name} is {value!r}, expected a finite float")
        of, _, _ = name.partition("@")  # NAME@STRATUM is bounded as NAME is
        if of not in metric.bounds:
            raise MetricError(f"metric {metric.id} states no bounds of {name}")
        low, high = metric.bounds[of]
        if not _at_most(low, value) or not _at_most(value, high):
            raise MetricError(
                f"metric {metric.id}: {name} is {value!r}, outside its bounds {low} to {high}"
            )


def _at_most(a: float, b: float) -> bool:
    """Whether a <= b, up to rounding."""
    return a <= b or (math.isfinite(a) and a - b <= _ROUNDING * max(1.0, abs(b)))


def _stream(metric: Metric, seed: int) -> Stream:
    return stream(seed, "metric", metric.id)
