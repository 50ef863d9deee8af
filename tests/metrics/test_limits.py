"""Ends keep to what a value can be, and say nothing with certainty that no image showed."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from anyres_bench.metrics.limits import difference_limits, limits, none_of, size_limits
from anyres_bench.metrics.study import Replicated
from anyres_bench.metrics.variances import Spread

INF = float("inf")


def found(variance: float, n: float = 64, freedom: float = 63.0) -> Replicated:
    return Replicated(Spread(variance, freedom), n, round(n), "a way", {})


@pytest.mark.parametrize("hits", [0, 1, 20, 63, 64])
def test_the_share_of_independent_images_is_clopper_pearson(hits: int) -> None:
    share = hits / 64
    got = limits(share, (0, 1), found(share * (1 - share) / 64), 0.95)
    want = scipy.stats.binomtest(hits, 64).proportion_ci(0.95, "exact")
    assert got is not None
    assert (got.low, got.high) == pytest.approx((want.low, want.high), rel=1e-9)
    assert ("near-bound" in got.cautions) == (min(hits, 64 - hits) < 10)


def test_percents_and_few_degrees_of_freedom() -> None:
    share, percent = (
        limits(x, (0, top), found(v), 0.95) for x, top, v in ((0.3, 1, 4e-3), (30, 100, 40))
    )
    assert share
    assert percent
    assert (percent.low, percent.high) == pytest.approx((100 * share.low, 100 * share.high))
    fewer = limits(0.3, (0, 1), found(4e-3, freedom=4), 0.95)
    assert fewer
    assert fewer.low < share.low < 0.3 < share.high < fewer.high
    assert "few-groups" in limits(0.3, (0, 1), found(4e-3, n=12), 0.95).cautions


@pytest.mark.parametrize("bounds", [(0, 1), (0, 100), (0, INF), (1, INF), (-INF, INF)])
def test_bounds_are_kept_and_the_value_is_inside(bounds: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    low, high = bounds
    for _ in range(60):
        floor, room = max(low, -1e3), min(high, 1e3) - max(low, -1e3)
        value = floor + room * rng.beta(0.3, 0.3)
        variance = (room * 10 ** rng.uniform(-9, 0)) ** 2
        got = limits(value, bounds, found(variance, rng.uniform(4, 90), rng.uniform(1, 50)), 0.95)
        assert got is not None
        assert low <= got.low <= value <= got.high <= high
        assert got.low < got.high < INF


def test_a_distance_is_students_logarithm() -> None:
    got = limits(3.0, (1, INF), found(0.25, freedom=10), 0.9)
    half = scipy.stats.t.ppf(0.95, 10) * 0.5 / 2.0
    assert got
    assert (got.low, got.high) == pytest.approx((1 + 2 / np.exp(half), 1 + 2 * np.exp(half)))
    at_floor = limits(0.0, (0, INF), found(0.25), 0.95)
    assert at_floor
    assert at_floor.low == 0 < at_floor.high
    assert "near-bound" in at_floor.cautions
    by_rounding = limits(-42.0 + 1e-14, (-42.0, INF), found(16.0), 0.95)
    assert by_rounding
    assert by_rounding.high == pytest.approx(-42.0 + 4.0 * scipy.stats.t.ppf(0.975, 63))


def test_what_moves_with_no_image_has_no_limits() -> None:
    assert limits(2.0, (0, INF), found(0.0), 0.95) is None
    assert limits(2.0, (-INF, INF), found(0.0), 0.95) is None
    assert difference_limits(0.0, INF, found(0.0), 0.95) is None


def test_a_size_is_that_of_what_the_signed_value_may_be() -> None:
    sure, open_ = (size_limits(x, found(0.01), 0.95) for x in (-1.0, 0.05))
    assert sure
    assert open_
    half = scipy.stats.t.ppf(0.975, 63) * 0.1
    assert (sure.low, sure.high) == pytest.approx((1 - half, 1 + half))
    assert (open_.low, open_.high) == pytest.approx((0, 0.05 + half))
    assert sure.cautions == ()
    assert open_.cautions == ("near-bound",)
    assert size_limits(0.0, found(0.0), 0.95) is None


@pytest.mark.parametrize(("differ", "warned"), [(3, True), (9, True), (11, False), (30, False)])
def test_shares_that_differ_by_few_images(differ: int, warned: bool) -> None:
    """Of independent images of which `differ` of 64 do, half of them to either side."""
    of = Replicated(Spread(differ / 64**2, 63.0), 64, 64, "a way", {}, average=True)
    got = difference_limits(0.0, 1.0, of, 0.95)
    assert got
    assert ("near-bound" in got.cautions) == warned
    smooth = difference_limits(0.0, 1.0, found(differ / 64**2), 0.95)
    assert smooth
    assert smooth.cautions == ()


def test_a_difference_that_no_image_shows_may_be_there() -> None:
    got = difference_limits(0.0, 1.0, found(0.0, n=64), 0.95)
    assert got
    assert (got.low, got.high) == pytest.approx((-none_of(64, 0.025), none_of(64, 0.025)))
    wide = difference_limits(0.9, 1.0, found(0.04), 0.95)
    assert wide
    assert wide.high == 1.0
    assert wide.low > 0.4
