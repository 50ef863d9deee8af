"""Nearest neighbours and balls, exact to the last sample."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from anyres_bench.metrics import neighbours
from anyres_bench.metrics.neighbours import kth_nearest, nearest, points


def test_nearest_takes_the_first_of_equals_and_counts_copies() -> None:
    among = np.array([[5.0], [1.0], [3.0], [1.0], [5.0]])
    of = np.array([[2.0], [4.0], [5.0]])
    distinct, asked = points(among, of)
    squared, number = nearest(asked, distinct)
    np.testing.assert_array_equal(squared, [1, 1, 0])
    np.testing.assert_array_equal(distinct.rows[number, 0], [1, 5, 5])
    np.testing.assert_array_equal(distinct.weights(), [2, 2, 1])
    np.testing.assert_array_equal(kth_nearest(distinct, [distinct.weights()], 1), [[0, 0, 4]])
    np.testing.assert_array_equal(kth_nearest(distinct, [distinct.weights()], 3), [[16, 16, 4]])


def test_neighbours_in_subsets() -> None:
    """As many rows are looked at as it takes; rows that are not in a subset have no ball."""
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((200, 3))
    distinct, _ = points(rows, rows)
    kept = [rng.random(200) < 0.9, np.argsort(rows[:, 0]) < 9, np.arange(200) % 2 == 0]
    kept[1] = np.argsort(np.argsort(rows[:, 0])) >= 190  # far from most
    got = kth_nearest(distinct, [distinct.weights(k) for k in kept], 2)
    for mask, squared in zip(kept, got, strict=True):
        d = np.sort(cdist(rows[mask], rows[mask], "sqeuclidean"), axis=1)[:, 2]
        np.testing.assert_allclose(squared[mask], d, rtol=1e-12)
        assert np.isnan(squared[~mask]).all()


def test_bounds_hold() -> None:
    """Every squared distance lies between its float32 and its float64 bounds."""
    rng = np.random.default_rng(11)
    real = (rng.standard_normal((60, 300)) * 10.0 ** rng.integers(-3, 3, 300)).astype(np.float32)
    a, b = points(real, real[::-1] * np.float32(1.01))
    exact = cdist(a.rows.astype(np.float64), b.rows.astype(np.float64), "sqeuclidean") * a.scale**2
    for dtype in (np.float32, np.float64):
        everything = slice(0, 60)
        lower, upper = neighbours._bounds(a, b, everything, everything, dtype)
        assert (lower <= exact).all()
        assert (exact <= upper).all()
        assert (upper - lower).max() <= 1e3 * np.finfo(dtype).eps * exact.max()
