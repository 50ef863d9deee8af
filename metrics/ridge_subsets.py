"""Ridge regressions on many subsets of the same rows at once, each on rows standardised by itself.

The regression on all rows is factored once, and preconditions conjugate gradients for the subsets,
which differ from it by the few rows that they lack: some 20 products with the rows, of all subsets
together, in place of a product of the rows with themselves and a solution for each.

Source: Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems", Journal
of Research of the National Bureau of Standards 49, 1952.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TOLERANCE = 1e-10  # residual over right side
_STEPS = 100
_ROWS = 4096  # rows that are squared at a time
_CONSTANT = 1e-12  # share of the variance of all rows that is rounding


def ridge_scores_of_subsets(
    rows: Floats, labels: NDArray[np.int64], test: Floats, kept: NDArray[np.bool_], strength: float
) -> Floats | None:
    """Predictions of a ridge regression on each of k subsets.

    Args:
        rows: (n, dim) to train on.
        labels: (n,).
        test: (m, dim) to predict.
        kept: (n, k) rows that each subset has; at least one.
        strength: of the ridge, per row, for standardised columns; above zero.

    Returns:
        (m, k), to 1e-10 or so of what they vary by; None where subsets lack so much that it does
        not converge.
    """
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    deviation[deviation == 0] = 1.0
    x, mask = (rows - mean) / deviation, kept.astype(np.float64)
    count = mask.sum(axis=0)
    centre, spread = _moments(x, mask / count)
    aim = mask * (labels[:, None] - labels @ mask / count)
    whole = _inverse(x, strength * len(x))

    def penalised(weights: Floats) -> Floats:
        raw = weights / spread
        fitted = mask * (x @ raw - (centre * raw).sum(axis=0))
        return np.asarray(x.T @ fitted / spread + strength * count * weights)

    weights = _conjugate_gradients(penalised, whole, x.T @ aim / spread)
    if weights is None:
        return None
    raw = weights / spread
    shift = labels @ mask / count - (centre * raw).sum(axis=0)
    return np.asarray((test - mean) / deviation @ raw + shift)


def _inverse(x: Floats, penalty: float) -> Callable[[Floats], Floats]:
    """What solves (x^T x + penalty) w = r, by a factor of the smaller of x^T x and x x^T."""
    wide = x.shape[1] > len(x)
    gram = x @ x.T if wide else x.T @ x
    gram[np.diag_indices_from(gram)] += penalty
    factor = scipy.linalg.cho_factor(gram, overwrite_a=True, check_finite=False)

    def solved(right: Floats) -> Floats:
        inner = scipy.linalg.cho_solve(factor, x @ right if wide else right, check_finite=False)
        return np.asarray((right - x.T @ inner) / penalty if wide else inner)

    return solved


def _moments(x: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of columns in each subset, (dim, k); 1 of constant ones."""
    mean = x.T @ share
    squares = np.zeros_like(mean)
    for start in range(0, len(x), _ROWS):
        squares += np.square(x[start : start + _ROWS]).T @ share[start : start + _ROWS]
    variance = squares - np.square(mean)
    return mean, np.sqrt(np.where(variance > _CONSTANT, variance, 1.0))


def _conjugate_gradients(
    product: Callable[[Floats], Floats], nearly_inverse: Callable[[Floats], Floats], right: Floats
) -> Floats | None:
    """Solutions of as many systems as `right` has columns; None where some are not found."""
    solution, residual = np.zeros_like(right), right.copy()
    enough = _TOLERANCE * np.linalg.norm(right, axis=0)
    direction, last = np.zeros_like(right), np.ones(right.shape[1])
    for _ in range(_STEPS):
        if (np.linalg.norm(residual, axis=0) <= enough).all():
            return solution
        better = nearly_inverse(residual)
        now = (residual * better).sum(axis=0)
        direction = better + direction * _ratio(now, last)
        moved = product(direction)
        step = _ratio(now, (direction * moved).sum(axis=0))
        solution += step * direction
        residual -= step * moved
        last = now
    return None


def _ratio(above: Floats, below: Floats) -> Floats:
    """Zero where a system is solved already and both are zero."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
