"""FD-infinity: the intercept, without the bias of either set."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.fd_infinity import FdInfinity, FdInfinityOfGroups, at_infinity
from anyres_bench.metrics.frechet import frechet_distance
from anyres_bench.metrics.intervals import interval

RNG = np.random.default_rng(4)


def bank(rows: np.ndarray) -> FeatureBank:
    return FeatureBank(np.arange(len(rows)), np.arange(len(rows)), rows.astype(np.float32))


def test_at_infinity_is_the_intercept() -> None:
    sizes = np.array([10, 20, 40])
    assert at_infinity(sizes, 3.0 + 50.0 / sizes) == pytest.approx(3.0)
    noisy = at_infinity([1.0, 0.5], [5.0, 4.0])  # 1 / size: 1 and 2
    assert noisy == pytest.approx(6.0)
    with pytest.raises(UsageError, match="two different sizes"):
        at_infinity([5, 5], [1.0, 2.0])


def test_both_biases_are_removed() -> None:
    """Of two Gaussians with a known distance: the plain one is far too large, ours is not."""
    dim, plain, ours = 16, [], []
    spread = np.linspace(1.3, 0.8, dim)
    truth = float(np.square(spread - 1).sum())
    for seed in range(12):
        rng = np.random.default_rng(seed)
        real = bank(rng.standard_normal((500, dim)))
        fake = bank(spread * rng.standard_normal((400, dim)))
        plain.append(frechet_distance(real.features(), fake.features()) - truth)
        ours.append(FdInfinity(points=6).finish(real, fake, stream(seed))["fd_infinity"] - truth)
    assert min(plain) > 0.2
    assert abs(np.mean(ours)) < 3 * np.std(ours) / np.sqrt(12) < 0.5 * np.mean(plain)


def test_fewer_rows_than_twice_the_dimensions_are_refused() -> None:
    rows = RNG.standard_normal((33, 16))
    FdInfinity(points=2).finish(bank(rows), bank(rows), stream(0))
    with pytest.raises(MetricError, match="smaller set has 32 rows, needs more than 32"):
        FdInfinity().finish(bank(rows), bank(rows[:32]), stream(0))


@pytest.mark.parametrize("metric", [FdInfinity(points=4), FdInfinityOfGroups(points=4)])
def test_values_of_subsets_are_those_of_starting_again(metric: FdInfinity) -> None:
    """From moments of all shares less those of the rows that leave, to rounding."""
    rng, index = np.random.default_rng(9), np.arange(90)
    real, fake = (
        FeatureBank(index, index // 3, (rng.standard_normal((90, 4)) + x).astype("f4"))
        for x in (0, 0.5)
    )
    parts = real.group % 5, fake.group % 5
    keep = [np.arange(5) != number for number in range(5)]
    subsets = [*((keep[i], keep[-1]) for i in range(5)), (keep[0], np.ones(5, bool))]
    found = metric.subset_values(real, fake, parts, subsets)
    assert found is not None
    for (in_real, in_fake), values in zip(subsets, found, strict=True):
        some = real.subset(in_real[parts[0]]), fake.subset(in_fake[parts[1]])
        again = metric.finish(*some, stream(0, "subsets"))
        assert values == pytest.approx(again, rel=1e-9)


def test_subsets_without_enough_rows_are_started_again() -> None:
    rows = bank(RNG.standard_normal((40, 4)) * [1, 1, 1, 0])
    parts, all_of_it = np.zeros(40, np.int64), np.ones(1, bool)
    assert (
        FdInfinity(points=3).subset_values(rows, rows, (parts, parts), [(all_of_it,) * 2]) is None
    )


def test_an_interval_reaches_as_far_below_as_above() -> None:
    """A value without bias lies on both sides of its truth, which may be 0: no logarithm."""
    real, fake = (bank(RNG.standard_normal((60, 3))) for _ in range(2))
    found = interval(FdInfinity(points=3), real, fake, stream(0))["fd_infinity"]
    assert found.interval is not None
    assert found.interval.method.endswith("Student's limits, skewness corrected")
    half = (found.high - found.low) / 2
    assert found.low < 0 < found.high
    assert abs(found.value - (found.low + found.high) / 2) < 0.5 * half


@pytest.mark.parametrize(("metric", "is_told"), [(FdInfinity, True), (FdInfinityOfGroups, False)])
def test_windows_that_share_images_are_told(metric: type[FdInfinity], is_told: bool) -> None:
    """Shares of rows hold nearly all images; with sets apart, such limits held 0.86."""
    index = np.arange(80)
    real, fake = (
        FeatureBank(index, index // 2, RNG.standard_normal((80, 3)).astype("f4")) for _ in range(2)
    )
    found = interval(metric(points=3), real, fake, stream(0))["fd_infinity"].interval
    assert found is not None
    assert ("several-windows" in found.cautions) == is_told
    alone = interval(metric(points=3), *(bank(RNG.standard_normal((60, 3))),) * 2, stream(0))
    assert alone["fd_infinity"].interval is not None
    assert "several-windows" not in alone["fd_infinity"].interval.cautions
