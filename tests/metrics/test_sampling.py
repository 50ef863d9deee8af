"""Folds, parts, halves and orders: even, balanced, and the same whatever else is there."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from anyres_bench.core.seeds import stream
from anyres_bench.metrics.sampling import (
    Parts,
    group_folds,
    half_samples,
    random_order,
)


@pytest.mark.parametrize(("n_groups", "count"), [(20, 20), (47, 20), (7, 5), (5, 2)])
def test_folds_keep_groups_whole_and_are_even(n_groups: int, count: int) -> None:
    group = np.random.default_rng(0).permutation(np.repeat(np.arange(n_groups) * 10 - 40, 3))
    folds = group_folds(group, count, stream(1))
    sizes = [len(np.unique(group[folds == number])) for number in range(count)]
    assert sum(sizes) == n_groups
    assert max(sizes) - min(sizes) <= 1
    assert (group_folds(group, count, stream(2)) != folds).any()


def test_parts_have_nearly_equal_numbers_of_rows() -> None:
    """No part is heavier than the lightest by more than the smallest group in it."""
    rng = np.random.default_rng(0)
    group = rng.permutation(np.repeat(np.arange(40) * 3, rng.integers(1, 30, 40)))
    parts = Parts.deal(group, 7, stream(1))
    rows = np.bincount(parts.of(group))
    assert len(parts) == len(rows) == 7
    smallest = min(parts.rows)
    assert rows.max() - rows.min() <= max(smallest, 2 * parts.rows.min() + 1)
    assert (np.bincount(parts.place, parts.rows) == rows).all()
    np.testing.assert_allclose(parts.weight, rows / len(group))
    shuffled = Parts.deal(rng.permutation(group), 7, stream(1))
    np.testing.assert_array_equal(parts.place, shuffled.place)
    assert (Parts.deal(group, 7, stream(2)).place != parts.place).any()


def test_effective_groups_are_kishs() -> None:
    assert Parts.deal(np.arange(30) // 3, 5, stream(0)).n_effective == pytest.approx(10)
    one_of_six_tenths = np.repeat(np.arange(9), [60, 5, 5, 5, 5, 5, 5, 5, 5])
    parts = Parts.deal(one_of_six_tenths, 9, stream(0))
    assert parts.n_effective == pytest.approx(1 / (0.36 + 8 * 0.0025))
    np.testing.assert_allclose(parts.unrest, 1.0)


@pytest.mark.parametrize("count", [2, 4, 16, 32])
def test_halves_are_balanced(count: int) -> None:
    keep = half_samples(count)
    assert keep.shape == (2 * (count - 1), count)
    assert (keep.sum(axis=1) == count // 2).all()
    assert (keep.sum(axis=0) == count - 1).all()
    signs = np.where(keep[: count - 1], 1, -1)
    np.testing.assert_array_equal(signs @ signs.T, count * np.eye(count - 1))


def test_an_order_changes_little_when_rows_are_left_out() -> None:
    index = np.arange(1000) * 7
    order = random_order(index, stream(3))
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    kept = np.delete(np.arange(1000), np.arange(0, 1000, 20))
    part = kept[random_order(index[kept], stream(3))]
    np.testing.assert_array_equal(part, order[np.isin(order, kept)])


def test_orders_are_uniform() -> None:
    rng = stream(4)
    places = np.stack([np.argsort(random_order(np.arange(12), rng)) for _ in range(6000)])
    counts = np.stack([np.bincount(column, minlength=12) for column in places.T])
    assert scipy.stats.chisquare(counts.ravel()).pvalue > 1e-3
