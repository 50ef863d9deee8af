"""Values with their intervals, and paired differences of two results of one task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anyres_bench.core.errors import IncomparableError, MetricError
from anyres_bench.core.files import cache_dir
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.evaluation.results import Result
from anyres_bench.evaluation.sides import kept_bank
from anyres_bench.evaluation.tasks import Task, require_one_task
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import StateStore
from anyres_bench.metrics.intervals import DEFAULT, Interval, interval, paired_difference
from anyres_bench.metrics.metric import Metric, metric_from


@dataclass(frozen=True)
class Measured:
    """Values of a metric, and intervals of those that rank."""

    values: dict[str, float]
    intervals: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Difference:
    """One model's value minus another's, and the ends of its interval."""

    value: float
    low: float
    high: float

    @property
    def separated(self) -> bool:
        """Whether the interval does not hold zero."""
        return not self.low <= 0 <= self.high


def measure(metric: Metric[Any], real: FeatureBank, fake: FeatureBank, seed: int) -> Measured:
    """All values of a metric.

    Raises:
        MetricError: the metric is not defined on these features.
    """
    values = metric.finish(real, fake, _stream(metric, seed))
    try:
        intervals = interval(metric, real, fake, _stream(metric, seed))
    except MetricError:
        # The value stands; too few groups are left for an interval when a fold is taken out.
        return Measured(values, {})
    # An interval's own value is drawn with the random numbers of its replicates.
    values |= {name: found.value for name, found in intervals.items()}
    return Measured(values, {name: _record(found) for name, found in intervals.items()})


def paired(a: Result, b: Result) -> dict[str, Difference] | None:
    """The values of `a` minus those of `b`, their shared windows and images cancelled.

    None where the features of one are no longer in the cache of this machine.

    Raises:
        IncomparableError: they are not of one task, one set of images and one seed.
    """
    task = require_one_task([Task.parse(a.task), Task.parse(b.task)])
    for what, one, two in (
        ("set of images", a.dataset["digest"], b.dataset["digest"]),
        ("seed", a.seed, b.seed),
    ):
        if one != two:
            raise IncomparableError(
                f"the results are of one task, but not of one {what}: {one} and {two}; evaluate "
                "both models again on the same"
            )
    real, fake_a, fake_b = (
        _bank(*which, task) for which in ((a, "real"), (a, "fake"), (b, "fake"))
    )
    if real is None or fake_a is None or fake_b is None:
        return None
    metric = metric_from(task.metric)
    found = paired_difference(metric, real, fake_a, fake_b, _stream(metric, a.seed))
    return {name: Difference(x.value, x.low, x.high) for name, x in found.items()}


def _bank(result: Result, side: str, task: Task) -> FeatureBank | None:
    state = result.states[side]
    store = StateStore(cache_dir() / "features")
    return kept_bank(store, state["key"], task.extractor, state["n"])


def _stream(metric: Metric[Any], seed: int) -> Stream:
    return stream(seed, "metric", metric.id)


def _record(found: Interval) -> dict[str, Any]:
    return {
        "low": found.low,
        "high": found.high,
        "standard_error": found.standard_error,
        "freedom": found.freedom,
        "confidence": DEFAULT.confidence,
        "method": f"jackknife over {DEFAULT.folds} folds of groups a side",
    }
