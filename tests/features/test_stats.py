"""States add: the same rows give the same bank, bit for bit, however they arrive."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.features.stats import FeatureBank, Moments

RNG = np.random.default_rng(5)
ROWS = (RNG.standard_normal((40, 7)) * 3 + 10).astype(np.float32)


def bank(rows: list[int]) -> FeatureBank:
    index = np.array(rows, np.int64)
    return FeatureBank(index, index // 4, ROWS[index])


def assert_same(a: FeatureBank, b: FeatureBank) -> None:
    np.testing.assert_array_equal(a.index, b.index)
    np.testing.assert_array_equal(a.group, b.group)
    np.testing.assert_array_equal(a.features().view(np.int32), b.features().view(np.int32))


@pytest.mark.parametrize("batch", [1, 3, 16, 40])
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_batches_and_ranks_leave_no_trace(batch: int, ranks: int) -> None:
    totals = []
    for rank in range(ranks):
        mine = RNG.permutation(np.arange(rank, 40, ranks))
        state = FeatureBank.empty()
        for start in range(0, len(mine), batch):
            state = state + bank(mine[start : start + batch].tolist())
        totals.append(state)
    total = totals[-1]
    for state in totals[:-1]:
        total = total + state
    assert_same(total, bank(list(range(40))))


def test_empty_is_the_identity_and_operands_are_left_alone() -> None:
    a, b = bank([3, 1]), bank([2])
    assert_same(FeatureBank.empty() + a, a)
    assert_same(a + FeatureBank.empty(), a)
    assert (len(a + b), len(a), len(b), len(FeatureBank.empty())) == (3, 2, 1, 0)
    assert (a.dim, FeatureBank.empty().dim) == (7, 0)
    assert FeatureBank.empty().features().shape == (0, 0)


def test_batches_together_are_their_sum() -> None:
    batches = [bank([3, 1]), FeatureBank.empty(), bank([2]), bank([0, 2])]
    whole = FeatureBank.of_batches(batches)
    assert_same(whole, bank([0, 1, 2, 3]))
    assert [len(one) for one in batches] == [2, 0, 1, 2]
    assert len(FeatureBank.of_batches([])) == 0


def test_strata_are_labelled_and_their_indices_set_apart() -> None:
    strata = {"one": bank([4, 2]), "none": FeatureBank.empty(), "two": bank([3])}
    whole = FeatureBank.of_strata(strata)
    assert whole.index.tolist() == [2, 4, 8]
    assert whole.stratum.tolist() == ["one", "one", "two"]
    np.testing.assert_array_equal(whole.features(), ROWS[[2, 4, 3]])
    np.testing.assert_array_equal(strata["one"].features(), ROWS[[2, 4]])


def test_padding_repeats_are_dropped_and_conflicts_refused() -> None:
    assert_same(bank([0, 1, 2]) + bank([2, 1]), bank([0, 1, 2]))
    other = FeatureBank([1], [0], ROWS[[5]])
    conflict = bank([0, 1]) + other
    for _ in range(2):  # looking does not make it whole
        with pytest.raises(MetricError, match="two different rows claim index 1"):
            conflict.features()
    regrouped = FeatureBank([1], [9], ROWS[[1]])
    with pytest.raises(MetricError, match="claim index 1"):
        len(bank([1]) + regrouped)


def test_buffers_may_be_used_again() -> None:
    index, rows = np.array([1, 0]), ROWS[:2].copy()
    state = FeatureBank(index, index, rows)
    rows[:] = 0
    index[:] = 7
    np.testing.assert_array_equal(state.features(), ROWS[[1, 0]])
    with pytest.raises(ValueError, match="read-only"):
        state.features()[0, 0] = 1


def test_subset_and_pickle() -> None:
    whole = bank([4, 2, 9, 7])
    assert_same(whole.subset(whole.index > 3), bank([4, 7, 9]))
    assert_same(pickle.loads(pickle.dumps(whole)), whole)
    assert len(whole.subset(np.zeros(4, bool))) == 0


@pytest.mark.parametrize(
    ("index", "group", "features", "message"),
    [
        ([0], [0], ROWS[:2], "do not fit"),
        ([0, 1], [0], ROWS[:2], "do not fit"),
        ([0, 1], [0, 1], ROWS[0], "do not fit"),
        ([0, -1], [0, 1], ROWS[:2], "negative"),
        ([0.0, 1.0], [0, 1], ROWS[:2], "integers"),
        ([0, 1], [0, 1], ROWS[:2].astype(np.float64), "expected float32"),
        ([0, 5], [0, 1], np.float32([[1, 2], [3, np.nan]]), "first at index 5"),
    ],
)
def test_bad_rows_are_refused(index: object, group: object, features: object, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        FeatureBank(index, group, features)


def test_unequal_dimensions_are_refused() -> None:
    with pytest.raises(MetricError, match="of 7 and of 3 dimensions"):
        bank([0]) + FeatureBank([1], [1], ROWS[:1, :3])
    with pytest.raises(MetricError, match="of 7 and of 3 dimensions"):
        Moments.of(ROWS) + Moments.of(ROWS[:, :3])


@pytest.mark.parametrize("ddof", [0, 1])
def test_moments_are_numpys(ddof: int) -> None:
    moments = Moments.of(ROWS[:9]) + Moments.of(ROWS[9:10]) + Moments.of(ROWS[10:])
    rows = ROWS.astype(np.float64)
    assert moments.count == 40
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=1e-14)
    expected = np.cov(rows, rowvar=False, ddof=ddof)
    np.testing.assert_allclose(moments.covariance(ddof), expected, rtol=1e-12, atol=1e-13)


def test_moments_keep_their_digits_far_from_zero() -> None:
    rows = RNG.standard_normal((500, 3)) + 1e8
    total = Moments.empty()
    for start in range(0, 500, 50):
        total = total + Moments.of(rows[start : start + 50])
    expected = np.cov(rows - 1e8, rowvar=False)
    np.testing.assert_allclose(total.covariance(), expected, rtol=1e-9, atol=1e-12)
    raw = (rows.T @ rows - 500 * np.outer(rows.mean(0), rows.mean(0))) / 499
    assert np.abs(raw - expected).max() > 1e-3  # what the shift is for


def test_moments_subtract() -> None:
    whole, part = Moments.of(ROWS), Moments.of(ROWS[:15])
    rest, expected = whole - part, Moments.of(ROWS[15:])
    assert rest.count == 25
    np.testing.assert_allclose(rest.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(rest.covariance(), expected.covariance(), rtol=1e-11, atol=1e-12)
    assert (whole - Moments.empty()) is whole


@pytest.mark.parametrize("rows", [ROWS[0], np.float32([[np.inf, 1.0]])])
def test_moments_refuse(rows: np.ndarray) -> None:
    with pytest.raises(MetricError, match="finite"):
        Moments.of(rows)
