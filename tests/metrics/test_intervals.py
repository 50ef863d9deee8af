"""The jackknife: textbook cases in closed form, groups, pairs, and every registered metric."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.stats

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics import METRICS
from anyres_bench.metrics.frechet import Frechet
from anyres_bench.metrics.intervals import Options, interval, paired_difference
from anyres_bench.metrics.metric import BankMetric, Metric, metric_from, required
from anyres_bench.metrics.sampling import (
    Replication,
    leave_one_out,
)


@dataclasses.dataclass(frozen=True)
class MeanGap(BankMetric):
    """Mean of real minus mean of fake: its jackknife is known in closed form."""

    name: ClassVar[str] = "mean-gap"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"gap": (-np.inf, np.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"gap": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        a, b = required(real).features().astype(np.float64), fake.features().astype(np.float64)
        return {"gap": float(a.mean() - b.mean()), "noise": float(rng.uniform())}


class FakeMean(MeanGap):
    needs_real: ClassVar[bool] = False

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        assert real is None
        return {"gap": float(fake.features().astype(np.float64).mean())}


def bank(seed: int, n: int, dim: int = 1, per_group: int = 1, shift: float = 0.0) -> FeatureBank:
    index = np.arange(n)
    rows = np.random.default_rng(seed).standard_normal((n, dim)) + shift
    return FeatureBank(index, index // per_group, rows.astype(np.float32))


def test_one_fold_a_row_is_students_interval_of_the_mean() -> None:
    fake = bank(1, 12)
    got = interval(FakeMean(), None, fake, stream(0), Options(folds=12))["gap"]
    x = fake.features().astype(np.float64)[:, 0]
    assert got.interval.method == "delete-a-group jackknife"
    want = scipy.stats.t.interval(0.95, 11, x.mean(), x.std(ddof=1) / np.sqrt(12))
    assert (got.interval.low, got.interval.high) == pytest.approx(want, rel=1e-10)
    assert (got.value, got.interval.freedom) == pytest.approx((x.mean(), 11))


def test_two_sides_are_welchs_interval() -> None:
    real, fake = bank(1, 9), bank(2, 15, shift=0.5)
    got = interval(MeanGap(), real, fake, stream(0), Options(folds=30, confidence=0.9))["gap"]
    welch = scipy.stats.ttest_ind(real.features()[:, 0], fake.features()[:, 0], equal_var=False)
    want = welch.confidence_interval(0.9)
    assert (got.interval.low, got.interval.high) == pytest.approx((want.low, want.high), rel=1e-5)
    assert got.interval.freedom == pytest.approx(welch.df, rel=1e-5)


def test_half_samples_of_a_mean_are_the_jackknife() -> None:
    """Hadamard rows are orthogonal: the variance of a linear value is exact, not sampled."""

    class Steps(FakeMean):
        smooth: ClassVar[bool] = False

    fake = bank(4, 16)
    halves = interval(Steps(), None, fake, stream(0))["gap"]
    assert halves.interval.method == "balanced half-samples"
    folds = interval(FakeMean(), None, fake, stream(0), Options(folds=16))["gap"]
    assert halves.value == pytest.approx(folds.value)
    for field in ("low", "high", "standard_error", "freedom", "confidence"):
        want = getattr(folds.interval, field)
        assert getattr(halves.interval, field) == pytest.approx(want)
    assert halves.interval.folds == folds.interval.folds == {"fake": 16}
    fewer = interval(Steps(), None, bank(4, 13), stream(0))["gap"]
    assert fewer.interval.freedom == 7


def test_groups_are_what_is_left_out() -> None:
    """Five equal rows a group carry no more than one: the error is that of the group means."""
    rows = np.random.default_rng(3).standard_normal((10, 1)).astype(np.float32)
    index = np.arange(50)
    grouped = FeatureBank(index, index // 5, rows[index // 5])
    alone = FeatureBank(index[:10], index[:10], rows)
    ours = interval(FakeMean(), None, grouped, stream(0))["gap"]
    assert ours.interval.standard_error == pytest.approx(rows.std(ddof=1) / np.sqrt(10), rel=1e-5)
    assert ours == interval(FakeMean(), None, alone, stream(0))["gap"]


def test_a_pair_cancels_what_it_shares() -> None:
    real, a = bank(1, 60), bank(2, 60)
    b = FeatureBank(a.index, a.group, a.features() + np.float32(0.25))
    both = paired_difference(MeanGap(), real, a, b, stream(0))["gap"]
    assert both.value == pytest.approx(0.25, abs=1e-7)
    assert both.interval.standard_error < 1e-7
    assert interval(MeanGap(), real, a, stream(0))["gap"].interval.standard_error > 0.1
    assert paired_difference(MeanGap(), real, a, a, stream(0))["gap"].value == 0.0
    apart = paired_difference(MeanGap(), real, a, bank(9, 60), stream(0))["gap"]
    assert apart.interval.standard_error > 0.1


def test_a_pair_may_lack_some_groups() -> None:
    """A folder of which some images were too small is still compared on common folds."""
    real, a = bank(1, 60), bank(2, 60)
    b = FeatureBank(a.index, a.group, a.features() + np.float32(0.25)).subset(a.index % 6 > 0)
    got = paired_difference(MeanGap(), real, a, b, stream(0))["gap"]
    assert (
        0
        < got.interval.standard_error
        < interval(MeanGap(), real, a, stream(0))["gap"].interval.standard_error
    )


def test_the_same_stream_gives_the_same_interval_and_one_draw_serves_all() -> None:
    @dataclasses.dataclass(frozen=True)
    class Noise(MeanGap):
        higher_is_better: ClassVar[Mapping[str, bool]] = {"noise": False}

    args = Noise(), bank(1, 20), bank(2, 20)
    first, again = interval(*args, stream(5))["noise"], interval(*args, stream(5))["noise"]
    assert first == again
    assert first.interval.standard_error == 0.0
    assert first != interval(*args, stream(6))["noise"]


def hidden(metric: Metric) -> Any:
    """The metric without its faster way to replicates."""

    class Slow:
        id, name, dim = metric.id, metric.name, metric.dim
        needs_real, smooth, bounds = metric.needs_real, metric.smooth, metric.bounds
        higher_is_better = metric.higher_is_better
        finish = metric.finish

    return Slow()


@pytest.mark.parametrize("per_group", [1, 3])
@pytest.mark.parametrize(
    "name",
    [
        "frechet-ddof0",
        "kid",
        "prdc",
        "prdc-inclusive-k2",
        "precision-recall",
        "density-coverage-k7",
    ],
)
def test_the_fast_way_is_the_slow_one(name: str, per_group: int) -> None:
    metric = metric_from(name)
    real, fake = bank(1, 210, 6, per_group), bank(2, 180, 6, shift=0.2)
    copies = np.concatenate([real.features()[:9], fake.features()[:30], fake.features()[30:180]])
    fake = fake + FeatureBank(np.arange(180, 369), np.arange(180, 369) // per_group, copies)
    fast = interval(metric, real, fake, stream(1))
    slow = interval(hidden(metric), real, fake, stream(1))
    for value in metric.higher_is_better:
        assert fast[value].value == pytest.approx(slow[value].value, rel=1e-8)
        for field in ("low", "high", "standard_error", "freedom"):
            want = getattr(slow[value].interval, field)
            assert getattr(fast[value].interval, field) == pytest.approx(want, rel=1e-8)
        assert fast[value].interval.low < fast[value].interval.high


def test_frechet_has_no_fast_way_near_as_many_rows_as_dimensions() -> None:
    real, fake = bank(1, 30, 24), bank(2, 25, 24, shift=0.2)
    halves = Replication(np.arange(30) % 4, *leave_one_out(4))
    assert (
        Frechet().replicates(real, fake, halves, Replication(np.arange(25) % 4, halves.keep, 3))
        is None
    )
    fast = interval(Frechet(), real, fake, stream(1))["frechet"]
    assert fast == interval(hidden(Frechet()), real, fake, stream(1))["frechet"]


@pytest.mark.parametrize("name", list(METRICS))
def test_every_metric_has_an_interval(name: str) -> None:
    small = {"detectability": "-permutations3", "kid-subsets": "-n4", "fd-infinity": "-points3"}
    metric = metric_from(name + small.get(name, ""))
    dim = metric.dim or 3
    real, fake, other = (bank(s, 120, dim, per_group=2, shift=0.3 * s) for s in (0, 1, 2))
    options = Options(folds=6)
    for got in (
        interval(metric, real, fake, stream(0), options),
        paired_difference(metric, real, fake, other, stream(0), options),
    ):
        assert got.keys() == metric.higher_is_better.keys()
        for value in got.values():
            assert np.isfinite(dataclasses.astuple(value.interval)[:5]).all()
            assert value.interval.low <= value.value <= value.interval.high


def test_one_group_is_refused() -> None:
    one = FeatureBank(np.arange(4), np.zeros(4, int), np.ones((4, 1), np.float32))
    with pytest.raises(MetricError, match="fake side has 1 independent groups"):
        interval(MeanGap(), bank(1, 9), one, stream(0))
    with pytest.raises(MetricError, match="real side has 1 independent groups"):
        interval(MeanGap(), one, bank(1, 9), stream(0))


@pytest.mark.parametrize("options", [{"folds": 1}, {"confidence": 1.0}, {"confidence": 0.0}])
def test_options_are_checked(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected at least 2 folds"):
        Options(**options)  # type: ignore[arg-type]
