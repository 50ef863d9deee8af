"""Intervals: textbook cases in closed form, groups, pairs, and every registered metric."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest
import scipy.stats

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics import METRICS
from anyres_bench.metrics.frechet import Frechet
from anyres_bench.metrics.intervals import Options, interval, paired_difference
from anyres_bench.metrics.metric import (
    BankMetric,
    Metric,
    metric_from,
    needs_held_out,
    required,
    signed_values,
    strata_kind,
)
from anyres_bench.metrics.replication import replicate
from anyres_bench.metrics.sampling import leave_one_out
from anyres_bench.metrics.study import Replicated, Study
from benchmarks.intervals import alone


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
    assert got.interval is not None
    assert got.interval.method.startswith("delete-a-group jackknife less")
    want = scipy.stats.t.interval(0.95, 11, x.mean(), x.std(ddof=1) / np.sqrt(12))
    assert got.value == pytest.approx(x.mean())
    assert got.interval.standard_error == pytest.approx(x.std(ddof=1) / np.sqrt(12), rel=1e-6)
    assert 4 < got.interval.freedom <= 11 + 1e-9, "the kurtosis of twelve rows takes some"
    assert (got.interval.low, got.interval.high) == pytest.approx(want, abs=0.3)


def test_two_sides_are_welchs_interval() -> None:
    real, fake = bank(1, 9), bank(2, 15, shift=0.5)
    got = interval(MeanGap(), real, fake, stream(0), Options(folds=30, confidence=0.9))["gap"]
    welch = scipy.stats.ttest_ind(real.features()[:, 0], fake.features()[:, 0], equal_var=False)
    want = welch.confidence_interval(0.9)
    width = float(want.high - want.low)
    assert got.interval.standard_error == pytest.approx(float(welch._standard_error), rel=1e-5)
    assert got.interval.high - got.interval.low == pytest.approx(width, rel=0.25)
    assert got.interval.low == pytest.approx(float(want.low), abs=0.25 * width)


def test_half_samples_of_a_mean_are_the_jackknife() -> None:
    """Hadamard rows are orthogonal: the variance of a linear value is exact, not sampled."""

    class Steps(FakeMean):
        smooth: ClassVar[bool] = False

    fake = bank(4, 16)
    halves = interval(Steps(), None, fake, stream(0))["gap"]
    assert halves.interval.method.startswith("balanced half-samples of each side")
    folds = interval(FakeMean(), None, fake, stream(0), Options(folds=16))["gap"]
    assert halves.value == pytest.approx(folds.value)
    for field in ("low", "high", "standard_error", "freedom", "confidence"):
        want = getattr(folds.interval, field)
        assert getattr(halves.interval, field) == pytest.approx(want, rel=1e-6)
    assert halves.interval.folds == folds.interval.folds == {"fake": 16}
    fewer = interval(Steps(), None, bank(4, 13), stream(0))["gap"]
    assert fewer.interval.folds == {"fake": 8}
    assert fewer.interval.freedom <= 7 + 1e-9


def test_groups_are_what_is_left_out() -> None:
    """Five equal rows a group carry no more than one: the error is that of the group means."""
    rows = np.random.default_rng(3).standard_normal((10, 1)).astype(np.float32)
    index = np.arange(50)
    grouped = FeatureBank(index, index // 5, rows[index // 5])
    alone = FeatureBank(index[:10], index[:10], rows)
    ours = interval(FakeMean(), None, grouped, stream(0))["gap"]
    assert ours.interval.standard_error == pytest.approx(rows.std(ddof=1) / np.sqrt(10), rel=1e-5)
    theirs = interval(FakeMean(), None, alone, stream(0))["gap"]
    assert ours.interval.low == pytest.approx(theirs.interval.low, rel=1e-6)
    assert ours.interval.folds == theirs.interval.folds


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
        bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"noise": (0, 1)}
        higher_is_better: ClassVar[Mapping[str, bool]] = {"noise": False}

    args = Noise(), bank(1, 20), bank(2, 20)
    first, again = interval(*args, stream(5))["noise"], interval(*args, stream(5))["noise"]
    assert first == again
    assert first.interval is not None
    assert first.interval.standard_error == 0.0
    assert first != interval(*args, stream(6))["noise"]


@pytest.mark.parametrize("per_group", [1, 3])
@pytest.mark.parametrize(
    "name",
    [
        "frechet-ddof0",
        "kid",
        "ap",
        "cmmd",
        "mind-directions20",
        "effective-resolution",
    ],
)
def test_the_fast_way_is_the_slow_one(name: str, per_group: int) -> None:
    metric = metric_from(name)
    dim = metric.dim or 6
    real, fake = bank(1, 210, dim, per_group), bank(2, 180, dim, shift=0.2)
    copies = np.concatenate([real.features()[:9], fake.features()[:30], fake.features()[30:180]])
    fake = fake + FeatureBank(np.arange(180, 369), np.arange(180, 369) // per_group, copies)
    fast = replicated(metric, real, fake)
    slow = replicated(alone(metric), real, fake)
    for value in metric.higher_is_better:
        assert fast[value].spread.variance == pytest.approx(slow[value].spread.variance, rel=1e-7)
        assert fast[value].spread.freedom == pytest.approx(slow[value].spread.freedom, rel=1e-7)


def replicated(metric: Metric, real: FeatureBank, fake: FeatureBank) -> dict[str, Replicated]:
    values = metric.finish(real, fake, stream(0))
    return replicate(Study(metric, real, [(1.0, fake)], 1, 20), values)


def test_frechet_of_fewer_rows_than_dimensions_is_the_same_bit_for_bit() -> None:
    real, fake = bank(1, 30, 40), bank(2, 50, 40, shift=0.2)
    parts = np.arange(30) % 4, np.arange(50) % 4
    subsets = [(kept, np.ones(4, bool)) for kept in leave_one_out(4)]
    assert Frechet().subset_values(real, fake, parts, subsets) is not None
    fast = interval(Frechet(), real, fake, stream(1))["frechet"]
    assert fast == interval(alone(Frechet()), real, fake, stream(1))["frechet"]
    nothing = [(np.zeros(4, bool), np.ones(4, bool))]
    assert Frechet().subset_values(real, fake, parts, nothing) is None


def test_frechet_has_no_fast_way_near_as_many_rows_as_dimensions() -> None:
    real, fake = bank(1, 30, 24), bank(2, 25, 24, shift=0.2)
    parts = np.arange(30) % 4, np.arange(25) % 4
    subsets = [(kept, np.ones(4, bool)) for kept in leave_one_out(4)]
    assert Frechet().subset_values(real, fake, parts, subsets) is None
    fast = interval(Frechet(), real, fake, stream(1))["frechet"]
    assert fast == interval(alone(Frechet()), real, fake, stream(1))["frechet"]


@pytest.mark.parametrize("name", list(METRICS))
def test_every_metric_has_an_interval(name: str) -> None:
    small = {"detectability": "-permutations3", "kid-subsets": "-n4"}
    small |= dict.fromkeys(("fd-infinity", "fd-infinity-groups"), "-points3")
    metric = metric_from(name + small.get(name, ""))
    dim = metric.dim or {"layout": 32, "self-similarity": 32}.get(name, 3)
    real, fake, other = (bank(s, 120, dim, per_group=2, shift=0.3 * s) for s in (0, 1, 2))
    if strata_kind(metric):
        real, fake, other = (
            FeatureBank.of_strata({"64": one, "91": one}) for one in (real, fake, other)
        )
    if needs_held_out(metric):
        others = bank(3, 120, dim, per_group=2)
        apart = FeatureBank(others.index, others.group + 200, others.features())
        real = FeatureBank.of_strata({"real": real, "held-out": apart})
    options = Options(folds=6)
    for got in (
        interval(metric, real, fake, stream(0), options),
        paired_difference(metric, real, fake, other, stream(0), options),
    ):
        assert got.keys() == metric.higher_is_better.keys() | set(signed_values(metric))
        for value in got.values():
            assert value.interval is not None
            assert np.isfinite(dataclasses.astuple(value.interval)[:5]).all()
            assert value.interval.low <= value.value <= value.interval.high
            assert value.interval.low < value.interval.high


RANDOM = (
    "ap",
    "authpct",
    "detector-accuracy",
    "frechet",
    "inception-score",
    "kid",
    "prdc",
    "vendi",
)


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_bounds_are_kept_and_no_share_is_certain(name: str, shift: float) -> None:
    metric = metric_from(name)
    real, fake = bank(1, 24, metric.dim or 3), bank(2, 24, metric.dim or 3, shift=shift)
    if name == "detector-accuracy":
        real, fake = (FeatureBank(b.index, b.group, b.features() / 8 + 0.4) for b in (real, fake))
    for value, got in interval(metric, real, fake, stream(0)).items():
        assert got.interval is not None
        low, high = metric.bounds[value]
        assert low <= got.interval.low < got.interval.high <= high
        assert got.interval.high - got.interval.low > 1e-3


def test_equal_banks_are_equal_and_others_are_not_certain() -> None:
    metric = metric_from("precision-recall")
    real, a = bank(1, 64, 2), bank(2, 64, 2)
    inside, other = (
        FeatureBank(x.index, x.group, x.features() * 0.01) for x in (a, bank(3, 64, 2))
    )
    same = paired_difference(metric, real, a, a, stream(0))["precision"]
    assert same.interval is not None
    assert (same.value, same.interval.low, same.interval.high) == (0, 0, 0)
    both_in = paired_difference(metric, real, inside, other, stream(0))["precision"]
    assert both_in.interval is not None
    assert both_in.value == 0
    assert both_in.interval.high == -both_in.interval.low == pytest.approx(0.056, abs=1e-3)
    assert "near-bound" in both_in.interval.cautions


def pairs(seed: int, detail: float, n: int = 48) -> FeatureBank:
    """Rows of the extractor `pair`: SSIM, PSNR and log2 energy."""
    z = np.random.default_rng(seed).standard_normal((n, 3))
    z -= z.mean(axis=0)
    rows = np.stack([np.tanh(1 + z[:, 0]), 30 + z[:, 1], detail + z[:, 2]], axis=1)
    return FeatureBank(np.arange(n), np.arange(n), rows.astype(np.float32))


@pytest.mark.parametrize("detail", [0.0, 0.02, -1.5])
def test_the_size_of_a_signed_value_lies_within_its_limits(detail: float) -> None:
    got = interval(metric_from("consistency"), pairs(1, 0), pairs(2, detail), stream(0))
    signed, size = got["detail"].interval, got["detail_error"].interval
    assert signed is not None
    assert size is not None
    assert signed.low < got["detail"].value < signed.high
    straddles = signed.low < 0 < signed.high
    assert straddles == (abs(detail) < 1)
    assert size.high == max(-signed.low, signed.high)
    assert size.low == (0 if straddles else min(abs(signed.low), abs(signed.high)))
    assert ("near-bound" in size.cautions) == straddles
    assert size.high - size.low < 1, "not the many powers of ten that a logarithm near 0 has"
    assert size.method.endswith("sizes within Student's limits, skewness corrected")


def test_octaves_have_intervals() -> None:
    metric = metric_from("octave-distance")
    real, fake = bank(1, 40, 20), bank(2, 40, 20, shift=-0.5)
    got = interval(metric, real, fake, stream(0))
    assert all(got[f"octave{k}"].high < 0 for k in range(1, 6)), "too little, and surely so"
    assert not metric.higher_is_better.keys() & set(signed_values(metric))


def test_an_octave_distance_that_may_be_noise_is_told() -> None:
    """Of 64 images, twice what equal sets reach: limits held 0.84, and small values the least."""
    metric, real = metric_from("octave-distance"), bank(1, 40, 20)
    for shift, is_told in ((0.0, True), (-1.0, False)):
        got = interval(metric, real, bank(2, 40, 20, shift=shift), stream(0))["octave_distance"]
        assert got.interval is not None
        assert ("near-bound" in got.interval.cautions) == is_told


def test_few_images_that_differ_are_told() -> None:
    """Two models whose coverage differs in three of 64 images: Student's limits held 0.90."""
    metric, real, a = metric_from("prdc"), bank(1, 64, 4), bank(2, 64, 4, shift=0.2)
    rows = 0.95 * a.features()
    b = FeatureBank(a.index, a.group, rows.astype(np.float32))
    found = paired_difference(metric, real, a, b, stream(0))
    assert found["coverage"].interval is not None
    assert "near-bound" in found["coverage"].interval.cautions
    assert found["density"].interval is not None
    assert "near-bound" not in found["density"].interval.cautions
    apart = paired_difference(metric, real, a, bank(3, 64, 4, shift=2), stream(0))["coverage"]
    assert apart.interval is not None
    assert "near-bound" not in apart.interval.cautions


def test_a_share_of_few_images_is_told() -> None:
    """Recall of fakes that cover a ninth of 64 reals: exact limits hold always, not 95 %."""
    real, fake = bank(1, 64, 4), bank(2, 64, 4)
    inside = FeatureBank(fake.index, fake.group, (0.25 * fake.features()).astype(np.float32))
    got = interval(metric_from("prdc"), real, inside, stream(0))["recall"]
    assert 0.05 < got.value < 0.3
    assert got.interval is not None
    assert "near-bound" in got.interval.cautions


def test_rounding_is_no_difference() -> None:
    """The same images in another order give the same kernel distance, up to its last digits."""
    real, a = bank(1, 60, 6), bank(2, 60, 6)
    b = FeatureBank(a.index, a.group[::-1].copy(), a.features()[::-1].copy())
    got = paired_difference(metric_from("kid"), real, a, b, stream(0))["kid"]
    assert got.interval is not None
    assert (got.value, got.interval.low, got.interval.high) == (0, 0, 0)


def test_few_groups_are_refused() -> None:
    def grouped(rows: list[int]) -> FeatureBank:
        group = np.repeat(np.arange(len(rows)), rows)
        return FeatureBank(np.arange(len(group)), group, bank(3, len(group)).features())

    for few, count in (([4], 1), ([9, 9], 2), ([5, 5, 5], 3), ([60, *[5] * 8], 9)):
        with pytest.raises(MetricError, match=f"fake side has {count} independent groups"):
            interval(MeanGap(), bank(1, 9), grouped(few), stream(0))
    with pytest.raises(MetricError, match="real side has 1 independent groups"):
        interval(MeanGap(), grouped([4]), bank(1, 9), stream(0))
    got = interval(MeanGap(), bank(1, 9), grouped([3] * 5), stream(0))["gap"]
    assert got.interval is not None
    assert got.interval.cautions == ("few-groups",)


@pytest.mark.parametrize("options", [{"folds": 1}, {"confidence": 1.0}, {"confidence": 0.0}])
def test_options_are_checked(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected at least 2 folds"):
        Options(**options)  # type: ignore[arg-type]
