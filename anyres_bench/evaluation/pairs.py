"""Paired differences of two results of one task."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from anyres_bench import __version__
from anyres_bench.core.errors import IncomparableError, MetricError, UnknownNameError
from anyres_bench.core.files import cache_dir, sha256_text
from anyres_bench.core.seeds import stream
from anyres_bench.core.threads import one_blas_thread
from anyres_bench.evaluation.banks import kept_bank
from anyres_bench.evaluation.kept_numbers import KeptNumbers, code_of, kept_replicates
from anyres_bench.evaluation.strata import joined, real_side, side_of, sides_of
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import FeatureStore
from anyres_bench.metrics.measuring import difference
from anyres_bench.metrics.metric import Metric, metric_from
from anyres_bench.results import Result, Task, newest_version, require_one_task

_QUICK_DIM = 512  # of features whose distances are had in well under a second


@dataclass(frozen=True)
class Difference:
    """One model's value minus another's, the ends of its interval and what limits its trust."""

    value: float
    low: float
    high: float
    cautions: tuple[str, ...] = ()

    def __neg__(self) -> Difference:
        return Difference(-self.value, -self.high, -self.low, self.cautions)

    @property
    def equal(self) -> bool:
        """Whether the two are known to be the same: no image is another."""
        return self.value == self.low == self.high == 0

    @property
    def separated(self) -> bool:
        """Whether the interval does not hold zero."""
        return not self.low <= 0 <= self.high


BankOf = Callable[[Result, str], FeatureBank | None]


def cached_bank(result: Result, side: str) -> FeatureBank | None:
    """The features of a side of a result in the cache of this machine; None where they are gone."""
    state, task = result.states[side], Task.parse(result.task)
    store = FeatureStore(cache_dir() / "features")
    return kept_bank(store, state.key, task.extractor, state.n)


def paired(
    a: Result, b: Result, bank_of: BankOf = cached_bank, origin: str = ""
) -> dict[str, Difference] | None:
    """The values of `a` minus those of `b`, their shared windows and images cancelled.

    None where the features of one are no longer to be had, and where the metric, or this version of
    the task, is not known here.

    Args:
        a, b: of one task.
        bank_of: where features are.
        origin: digest of features that are not in the cache; the difference is kept by it.

    Raises:
        IncomparableError: they are not of one task, one set of images and one seed.
        MetricError: they are of too few images for an interval.
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
    file = KeptNumbers("differences", _pair_key(a, b, metric, origin))
    found = _kept(file.read())
    if found is None and (found := _computed(a, b, metric, bank_of)) is not None:
        file.write({n: [of.value, of.low, of.high, [*of.cautions]] for n, of in found.items()})
    return found


def _computed(
    a: Result, b: Result, metric: Metric, bank_of: BankOf
) -> dict[str, Difference] | None:
    sides_a, sides_b = (_banks(result, metric, bank_of) for result in (a, b))
    if sides_a is None or sides_b is None:
        return None
    fakes = sides_a["fake"], sides_b["fake"]
    found = difference(metric, real_side(sides_a), *fakes, a.seed, kept_replicates(metric))
    return {
        name: Difference(of.value, of.interval.low, of.interval.high, of.interval.cautions)
        for name, of in found.items()
        if of.interval is not None
    }


def _pair_key(a: Result, b: Result, metric: Metric, origin: str) -> str:
    """Digest of all that a difference depends on: features, seed, and the code of both."""
    states = [{side: state.key for side, state in one.states.items()} for one in (a, b)]
    parts = [a.task, a.seed, states, code_of(metric), __version__, *([origin] if origin else [])]
    return sha256_text(json.dumps(parts, sort_keys=True))


def _kept(content: object) -> dict[str, Difference] | None:
    """Differences that were kept; None where the content is something else."""
    if not isinstance(content, dict):
        return None
    try:
        return {
            name: Difference(float(value), float(low), float(high), tuple(map(str, cautions)))
            for name, (value, low, high, cautions) in content.items()
        }
    except (TypeError, ValueError):
        return None


def at_infinity(result: Result) -> float | None:
    """A Fréchet distance extrapolated to infinitely many images.

    None where the features are no longer in the cache of this machine, or have so many dimensions
    that it would take long.
    """
    if result.extractor.dim > _QUICK_DIM:
        return None
    metric = metric_from("fd-infinity")
    banks = _banks(result, metric, cached_bank)
    if banks is None:
        return None
    real, fake = banks["real"], banks["fake"]
    try:
        with one_blas_thread():
            (value,) = metric.finish(real, fake, stream(result.seed, "metric", metric.id)).values()
    except MetricError:  # too few images for a line
        return None
    return value


def _metric(task: Task) -> Metric | None:
    """The metric of a task; None where this package would compute another number."""
    if task.version != newest_version(task)[0]:
        return None
    try:
        return metric_from(task.metric)
    except UnknownNameError:
        return None


def _banks(result: Result, metric: Metric, bank_of: BankOf) -> dict[str, FeatureBank] | None:
    """The features that a metric looks at, by side; None where some are gone."""
    found = {}
    for name in result.states:
        if side_of(name) not in sides_of(metric):
            continue
        bank = bank_of(result, name)
        if bank is None:
            return None
        found[name] = bank
    banks = joined(found)
    return banks if banks.keys() == set(sides_of(metric)) else None
