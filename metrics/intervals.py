"""How sure a value is, and how sure a difference of two.

Groups (all patches of an image, all renderings of a latent) are what is independent. Variances are
those of `replication`, ends those of `limits`; both keep to what a value can be, and nothing has no
width because no image happened to show it.

The interval is about the expectation of the value at these numbers of images. It does not contain
the bias that some metrics have at every finite number (the Frechet distance above all), so compare
only at equal numbers, as task ids enforce.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.limits import Ends, difference_limits, limits, size_limits
from anyres_bench.metrics.metric import Metric, sizes_of
from anyres_bench.metrics.replication import replicate
from anyres_bench.metrics.study import KeptValues, Replicated, Study
from anyres_bench.results import Interval

_FEWEST = 4  # groups of a side, as if of equal size: fewer tell no variance
_ROUNDING = 1e-9  # of two values, below which they do not differ


@dataclass(frozen=True)
class Options:
    """How intervals are made.

    Attributes:
        folds: parts that a side is dealt into; as many as it has groups where these are fewer, and
            for half-samples the next lower power of two.
        confidence: share of intervals that hold the expectation, in (0, 1).
    """

    folds: int = 20
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.folds < 2 or not 0 < self.confidence < 1:
            raise UsageError(
                f"folds={self.folds}, confidence={self.confidence}: expected at least 2 folds and "
                "a confidence between 0 and 1"
            )


DEFAULT = Options()


@dataclass(frozen=True)
class Estimate:
    """A value, or a difference of two, computed from all rows, and where its expectation lies.

    Attributes:
        interval: None where the images do not tell: the value does not move with any of them.
    """

    value: float
    interval: Interval | None

    @property
    def low(self) -> float:
        """Lower end; NaN where there is none."""
        return self.interval.low if self.interval else math.nan

    @property
    def high(self) -> float:
        """Upper end; NaN where there is none."""
        return self.interval.high if self.interval else math.nan


@runtime_checkable
class Trimmable(Protocol):
    """A metric whose ranking values are cheaper alone."""

    def only_ranked(self) -> Metric:
        """A metric that gives these as they are, and nothing else."""
        ...


@runtime_checkable
class Ranged(Protocol):
    """A metric whose values have narrower bounds on given rows than on all."""

    def ranges(
        self, real: FeatureBank | None, fake: FeatureBank, values: Mapping[str, float]
    ) -> Mapping[str, tuple[float, float]]:
        """Smallest and largest possible number of some values."""
        ...


@runtime_checkable
class Cautious(Protocol):
    """A metric that knows where an interval of its values is less sure than it says."""

    def cautions(
        self, real: FeatureBank | None, fake: FeatureBank, values: Mapping[str, float]
    ) -> Mapping[str, str]:
        """Value -> caution, of those that have one on given rows."""
        ...


def interval(
    metric: Metric,
    real: FeatureBank | None,
    fake: FeatureBank,
    rng: Stream,
    options: Options = DEFAULT,
    kept: KeptValues | None = None,
) -> dict[str, Estimate]:
    """Confidence interval of every value of a metric that ranks models or is signed.

    Args:
        kept: what keeps the replicates, of which differences of the same model are made too.

    Raises:
        MetricError: a side has too few groups, or one that outweighs the others, or the metric is
            not defined on the rows that are left.
    """
    study = _study(metric, real, [(1.0, fake)], rng, options, kept)
    values = study.value(study.real, fake)
    bounds, sizes = _bounds(study, values), sizes_of(metric)
    found = replicate(study, values)
    ends = {
        name: size_limits(values[signed], found[signed], options.confidence)
        if (signed := sizes.get(name)) is not None
        else limits(values[name], bounds[name], of, options.confidence)
        for name, of in found.items()
    }
    if isinstance(study.metric, Cautious):
        for name, caution in study.metric.cautions(study.real, fake, values).items():
            ends[name] = _with_caution(ends[name], caution)
    return {name: _estimate(values[name], ends[name], of, options) for name, of in found.items()}


def _with_caution(ends: Ends | None, caution: str) -> Ends | None:
    """The same ends with one more caution."""
    if ends is None or caution in ends.cautions:
        return ends
    return replace(ends, cautions=(*ends.cautions, caution))


def interval_values(
    metric: Metric, real: FeatureBank | None, fake: FeatureBank, rng: Stream
) -> dict[str, float]:
    """The values that `interval` has, without their intervals.

    Raises:
        MetricError: as for `interval`.
    """
    study = _study(metric, real, [(1.0, fake)], rng, DEFAULT)
    values = study.value(study.real, fake)
    return {name: values[name] for name in study.names}


def paired_difference(
    metric: Metric,
    real: FeatureBank | None,
    fake_a: FeatureBank,
    fake_b: FeatureBank,
    rng: Stream,
    options: Options = DEFAULT,
    kept: KeptValues | None = None,
) -> dict[str, Estimate]:
    """Confidence interval of the values of model a minus those of model b.

    Both are held against the same subsets of the real side, and their own subsets hold the same
    groups, so what they share (the reference, positions of patches, source images) cancels.

    Raises:
        MetricError: as for `interval`.
    """
    study = _study(metric, real, [(1.0, fake_a), (-1.0, fake_b)], rng, options, kept)
    a, b = (study.value(study.real, fake) for _, fake in study.models)
    values = {name: a[name] - b[name] for name in study.names}
    equal = _equal(fake_a, fake_b)
    found = {}
    for name, of in replicate(study, values).items():
        low, high = metric.bounds[name]
        ends = difference_limits(values[name], high - low, of, options.confidence)
        size = max(abs(a[name]), abs(b[name])) * _ROUNDING
        if equal or (ends and max(-ends.low, ends.high) <= size):
            values[name], ends = 0.0, Ends(0.0, 0.0, "equal", ())
        found[name] = _estimate(values[name], ends, of, options)
    return found


def _bounds(study: Study, values: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Bounds of the values on these rows."""
    bounds = dict(study.metric.bounds)
    if isinstance(study.metric, Ranged):
        [(_, fake)] = study.models
        bounds |= study.metric.ranges(study.real, fake, values)
    return bounds


def _study(
    metric: Metric,
    real: FeatureBank | None,
    models: Sequence[tuple[float, FeatureBank]],
    rng: Stream,
    options: Options,
    kept: KeptValues | None = None,
) -> Study:
    trimmed = metric.only_ranked() if isinstance(metric, Trimmable) else metric
    used = real if metric.needs_real else None
    study = Study(trimmed, used, models, int(rng.words(1)[0]), options.folds, kept)
    for side in study.sides:
        parts = study.parts(side)
        n_groups, n_effective = len(parts.groups), parts.n_effective
        if n_effective < _FEWEST:
            raise MetricError(
                f"the {side} side has {n_groups} independent groups (images or latents), which "
                f"tell as much as {n_effective:.2g} of equal size; an interval needs at least "
                f"{_FEWEST}: use more images, or fewer windows of the largest"
            )
    return study


def _equal(a: FeatureBank, b: FeatureBank) -> bool:
    """Whether two banks hold the same rows of the same groups."""
    return np.array_equal(a.group, b.group) and np.array_equal(a.features(), b.features())


def _estimate(value: float, ends: Ends | None, of: Replicated, options: Options) -> Estimate:
    if ends is None:
        return Estimate(value, None)
    return Estimate(
        value,
        Interval(
            low=min(ends.low, value),
            high=max(ends.high, value),
            standard_error=math.sqrt(of.spread.variance),
            freedom=of.spread.freedom,
            confidence=options.confidence,
            method=f"{of.method}; {ends.scale}",
            folds=of.folds,
            cautions=ends.cautions,
        ),
    )
