"""Variances of a mean are those of the textbook, however unequal the groups."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.seeds import stream
from anyres_bench.metrics.sampling import Parts, half_samples, leave_one_out
from anyres_bench.metrics.variances import Spread, of_groups, of_replicates, total

EVEN = np.arange(16)
UNEVEN = np.repeat(np.arange(16), [40, 9, 9, 5, *[1] * 12])


def weighted(parts: Parts, group: np.ndarray, means: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Mean over the kept rows, a row being its group's mean."""
    part, number = parts.of(group), np.searchsorted(parts.groups, group)
    return np.array([means[number][kept[part]].mean() for kept in keep])


@pytest.mark.parametrize("group", [EVEN, UNEVEN])
@pytest.mark.parametrize("subsets", [leave_one_out, half_samples])
def test_the_variance_of_a_mean_is_told_without_bias(group: np.ndarray, subsets) -> None:
    rng = np.random.default_rng(0)
    parts = Parts.deal(group, 8, stream(0))
    keep = subsets(len(parts))
    true = float(np.square(parts.share).sum())
    found = [
        of_replicates(weighted(parts, group, rng.standard_normal(16), keep), keep, parts).variance
        for _ in range(200)
    ]
    error = np.std(found) / len(found) ** 0.5
    assert abs(np.mean(found) - true) < 4 * error


@pytest.mark.parametrize("group", [EVEN, UNEVEN])
def test_groups_that_are_left_out_one_by_one_are_the_closed_form(group: np.ndarray) -> None:
    parts = Parts.deal(group, 16, stream(0))
    means = np.random.default_rng(1).standard_normal(16)
    keep = leave_one_out(16)
    values = weighted(parts, group, means, keep)
    share = parts.share
    influence = share * (means - share @ means)
    closed = of_groups(influence, share)
    np.testing.assert_allclose(influence / (1 - share), share @ means - values[parts.place])
    if group is EVEN:
        assert closed.variance == pytest.approx(means.var(ddof=1) / 16)
        replicated = of_replicates(values, keep, parts)
        assert closed.variance == pytest.approx(replicated.variance)
        assert closed.freedom == pytest.approx(replicated.freedom)
    assert closed.freedom <= 15 + 1e-9


def test_unequal_groups_leave_few_degrees_of_freedom() -> None:
    share = np.array([0.6, *[0.05] * 8])
    found = of_groups(share * np.random.default_rng(0).standard_normal(9), share)
    assert 1 <= found.freedom < 2.5


def test_one_part_that_makes_all_the_variance_leaves_one_degree() -> None:
    parts = Parts.deal(EVEN, 16, stream(0))
    values = np.zeros(16)
    values[3] = 1.0
    assert of_replicates(values, leave_one_out(16), parts).freedom == pytest.approx(1.2, abs=0.3)
    assert of_replicates(values, leave_one_out(16), parts).skewness < -0.9
    nothing = of_replicates(np.ones(16), leave_one_out(16), parts)
    assert nothing == Spread(0.0, pytest.approx(15.0))


def test_a_sum_is_welchs_and_keeps_half() -> None:
    found = total([Spread(1.0, 4.0), Spread(3.0, 9.0)])
    assert found.variance == 4.0
    assert found.freedom == pytest.approx(16 / (1 / 4 + 9 / 9))
    assert total([Spread(1.0, 4.0), Spread(3.0, 9.0)], shared=1.5).variance == 2.5
    assert total([Spread(1.0, 4.0), Spread(3.0, 9.0)], shared=3.5).variance == 2.0
    assert total([Spread(1.0, 4.0)], shared=-1.0).variance == 1.0
    assert total([Spread(0.0, 4.0), Spread(0.0, 9.0)]) == Spread(0.0, 13.0)
