"""Paired differences of two results of one task."""

from __future__ import annotations

from dataclasses import dataclass

from anyres_bench.core.errors import IncomparableError, UnknownNameError
from anyres_bench.core.files import cache_dir
from anyres_bench.evaluation.banks import kept_bank
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import FeatureStore
from anyres_bench.metrics.measuring import difference
from anyres_bench.metrics.metric import Metric, metric_from
from anyres_bench.results import Result, Task, newest_version, require_one_task


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


def paired(a: Result, b: Result) -> dict[str, Difference] | None:
    """The values of `a` minus those of `b`, their shared windows and images cancelled.

    None where the features of one are no longer in the cache of this machine, and where the metric,
    or this version of the task, is not known here.

    Raises:
        IncomparableError: they are not of one task, one set of images and one seed.
    """
    task = require_one_task([Task.parse(a.task), Task.parse(b.task)])
    for what, one, two in (
        ("set of images", a.dataset.digest, b.dataset.digest),
        ("seed", a.seed, b.seed),
    ):
        if one != two:
            raise IncomparableError(
                f"the results are of one task, but not of one {what}: {one} and {two}; evaluate "
                "both models again on the same"
            )
    metric = _metric(task)
    if metric is None:
        return None
    real = _bank(a, "real", task) if metric.needs_real else None
    fake_a, fake_b = (_bank(result, "fake", task) for result in (a, b))
    if fake_a is None or fake_b is None or (real is None and metric.needs_real):
        return None
    found = difference(metric, real, fake_a, fake_b, a.seed)
    return {name: Difference(x.value, x.interval.low, x.interval.high) for name, x in found.items()}


def _metric(task: Task) -> Metric | None:
    """The metric of a task; None where this package would compute another number."""
    if task.version != newest_version(task)[0]:
        return None
    try:
        return metric_from(task.metric)
    except UnknownNameError:
        return None


def _bank(result: Result, side: str, task: Task) -> FeatureBank | None:
    state = result.states.get(side)
    if state is None:
        return None
    return kept_bank(FeatureStore(cache_dir() / "features"), state.key, task.extractor, state.n)
