"""How sure a value is: replicates over images and latents.

Groups (all patches of an image, all renderings of a latent) are dealt into parts. The metric is
computed again on subsets of the parts of the real side, and of the fake side, and the variances of
the two add. Smooth metrics leave out one part at a time (delete-a-group jackknife); those that
count neighbours keep half of the parts (balanced half-samples), because a jackknife of values that
move in steps finds them up to twice as uncertain as they are. No row is ever repeated, so
neighbours keep their meaning, which the bootstrap takes from them: a copy is its own neighbour.

The interval is about the expectation of the value at these numbers of images. It does not contain
the bias that some metrics have at every finite number (the Frechet distance above all), so compare
only at equal numbers, as task ids enforce.

Source: Kott, "The delete-a-group jackknife", Journal of Official Statistics 17, 2001; McCarthy,
"Pseudo-replication: half samples", Review of the International Statistical Institute 37, 1969; the
degrees of freedom of a sum of variances are Welch's, Biometrika 34, 1947.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import Metric
from anyres_bench.metrics.sampling import (
    Replicates,
    Replication,
    group_folds,
    half_samples,
    leave_one_out,
)
from anyres_bench.results import Interval


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
    """A value, or a difference of two, computed from all rows, and where its expectation lies."""

    value: float
    interval: Interval


@runtime_checkable
class Replicable(Protocol):
    """A metric that has a faster way to its values on subsets than to start again for each."""

    def replicates(
        self, real: FeatureBank, fake: FeatureBank, of_real: Replication, of_fake: Replication
    ) -> tuple[Replicates, Replicates] | None:
        """Values with each subset of one side and all of the other; None where it has no way."""
        ...


@runtime_checkable
class Trimmable(Protocol):
    """A metric whose ranking values are cheaper alone."""

    def only_ranked(self) -> Metric:
        """A metric that gives these as they are, and nothing else."""
        ...


def interval(
    metric: Metric,
    real: FeatureBank | None,
    fake: FeatureBank,
    rng: Stream,
    options: Options = DEFAULT,
) -> dict[str, Estimate]:
    """Confidence interval of every value of a metric that ranks models.

    Raises:
        MetricError: a side has fewer than two groups, or the metric is not defined on the rows
            that are left.
    """
    run = _Replicator.start(metric, real, rng, options)
    replicates = run.replicates(fake, run.replication("fake", fake.group))
    return run.intervals(run.value(run.real, fake), replicates)


def paired_difference(
    metric: Metric,
    real: FeatureBank | None,
    fake_a: FeatureBank,
    fake_b: FeatureBank,
    rng: Stream,
    options: Options = DEFAULT,
) -> dict[str, Estimate]:
    """Confidence interval of the values of model a minus those of model b.

    Both are held against the same subsets of the real side, and their own subsets hold the same
    groups, so what they share (the reference, positions of patches, source images) cancels.

    Raises:
        MetricError: as for `interval`.
    """
    run = _Replicator.start(metric, real, rng, options)
    groups = np.union1d(fake_a.group, fake_b.group)
    shared = run.replication("fake", groups)
    values, replicates = [], []
    for fake in (fake_a, fake_b):
        part = shared.part[np.searchsorted(groups, fake.group)]
        values.append(run.value(run.real, fake))
        replicates.append(run.replicates(fake, dataclasses.replace(shared, part=part)))
    differences = [
        dataclasses.replace(a, values=list(map(_minus, a.values, b.values)))
        for a, b in zip(*replicates, strict=True)
    ]
    return run.intervals(_minus(*values), differences)


@dataclass(frozen=True)
class _Replicated:
    """Values with subsets of one side, and how the subsets were made."""

    side: str
    values: Replicates
    replication: Replication


@dataclass(frozen=True)
class _Replicator:
    """One metric against one real side, with the same random numbers in every computation."""

    metric: Metric
    real: FeatureBank | None
    seed: int
    options: Options

    @classmethod
    def start(
        cls, metric: Metric, real: FeatureBank | None, rng: Stream, options: Options
    ) -> _Replicator:
        trimmed = metric.only_ranked() if isinstance(metric, Trimmable) else metric
        return cls(trimmed, real if metric.needs_real else None, int(rng.words(1)[0]), options)

    def value(self, real: FeatureBank | None, fake: FeatureBank) -> dict[str, float]:
        return self.metric.finish(real, fake, stream(self.seed, "value"))

    def replication(self, side: str, group: NDArray[np.int64]) -> Replication:
        n_groups = len(np.unique(group))
        if n_groups < 2:
            raise MetricError(
                f"the {side} side has {n_groups} independent groups (images or latents); an "
                "interval needs at least 2"
            )
        count = min(self.options.folds, n_groups)
        if self.metric.smooth:
            keep, scale = leave_one_out(count)
        else:
            count = 1 << (count.bit_length() - 1)
            keep, scale = half_samples(count)
        return Replication(group_folds(group, count, stream(self.seed, side)), keep, scale)

    def replicates(self, fake: FeatureBank, of_fake: Replication) -> list[_Replicated]:
        """Values with subsets of the real side, if there is one, and of the fake side."""
        with_fake = (fake.subset(kept) for kept in of_fake.masks())
        if self.real is None:
            return [_Replicated("fake", [self.value(None, each) for each in with_fake], of_fake)]
        real, of_real = self.real, self.replication("real", self.real.group)
        if isinstance(self.metric, Replicable):
            fast = self.metric.replicates(real, fake, of_real, of_fake)
            if fast is not None:
                return [
                    _Replicated("real", fast[0], of_real),
                    _Replicated("fake", fast[1], of_fake),
                ]
        with_real = (real.subset(kept) for kept in of_real.masks())
        return [
            _Replicated("real", [self.value(each, fake) for each in with_real], of_real),
            _Replicated("fake", [self.value(real, each) for each in with_fake], of_fake),
        ]

    def intervals(
        self, value: Mapping[str, float], sides: Sequence[_Replicated]
    ) -> dict[str, Estimate]:
        names = self.metric.higher_is_better
        return {name: self._interval(name, value[name], sides) for name in names}

    def _interval(self, name: str, value: float, sides: Sequence[_Replicated]) -> Estimate:
        """Student's interval with the summed variances of the sides."""
        freedoms = np.array([side.replication.freedom for side in sides])
        spreads = [np.var([values[name] for values in side.values]) for side in sides]
        variances = np.array(spreads) * [side.replication.scale for side in sides]
        variance, freedom = float(variances.sum()), float(freedoms.sum())
        if variance > 0:
            freedom = variance**2 / float((variances**2 / freedoms).sum())
        error = float(np.sqrt(variance))
        if not np.isfinite(error):
            raise MetricError(f"{name} of some of the images is not finite, so it has no interval")
        half = error * float(scipy.stats.t.ppf((1 + self.options.confidence) / 2, freedom))
        found = Interval(
            low=value - half,
            high=value + half,
            standard_error=error,
            freedom=freedom,
            confidence=self.options.confidence,
            method="delete-a-group jackknife" if self.metric.smooth else "balanced half-samples",
            folds={each.side: each.replication.n_parts for each in sides},
        )
        return Estimate(value, found)


def _minus(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
    return {name: a[name] - b[name] for name in a}
