"""Ridge regressions on subsets: each as if it were made alone."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.metrics import ridge_subsets
from anyres_bench.metrics.detectability import ridge_scores
from anyres_bench.metrics.ridge_subsets import ridge_scores_of_subsets

STRENGTH = 0.3  # that `ridge_scores` has


def labelled(n: int, dim: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    rows = rng.standard_normal((n, dim)) * np.arange(1, dim + 1.0) ** -0.6
    return np.maximum(rows + 0.05 * labels[:, None], 0), labels


def one_by_one(
    rows: np.ndarray, labels: np.ndarray, test: np.ndarray, kept: np.ndarray
) -> np.ndarray:
    return np.stack([ridge_scores(rows[used], labels[used], test) for used in kept.T], axis=1)


def close(found: np.ndarray | None, want: np.ndarray) -> None:
    assert found is not None
    np.testing.assert_allclose(found, want, atol=1e-8 * want.std())


@pytest.mark.parametrize(("n", "dim"), [(80, 200), (200, 60), (60, 60), (90, 1)])
@pytest.mark.parametrize("out", [0.05, 0.3])
def test_each_is_as_if_it_were_made_alone(n: int, dim: int, out: float) -> None:
    rows, labels = labelled(n, dim)
    test, _ = labelled(30, dim, 1)
    kept = np.random.default_rng(2).random((n, 7)) >= out
    kept[:, 0] = True
    found = ridge_scores_of_subsets(rows, labels, test, kept, STRENGTH)
    close(found, one_by_one(rows, labels, test, kept))


def test_columns_that_only_the_rows_left_out_have() -> None:
    """In the others they are constant, and say nothing of test rows that have them too."""
    rows, labels = labelled(40, 12)
    test, _ = labelled(10, 12, 1)
    rows[:, 3], rows[:, 4], rows[:, 5] = 0, 7, 0
    rows[:2, 3] = 5
    rows[0, 4] = 7.001
    rows[5, 5] = 1e-9
    test[:, 3:6] = 9
    kept = np.ones((40, 3), bool)
    kept[:2, 0] = kept[0, 1] = kept[5, 2] = False
    found = ridge_scores_of_subsets(rows, labels, test, kept, STRENGTH)
    close(found, one_by_one(rows, labels, test, kept))


def test_one_label_and_copies_of_one_row() -> None:
    rows, _ = labelled(30, 8)
    test, _ = labelled(5, 8, 1)
    kept = np.arange(30)[:, None] > np.array([[-1, 3]])
    ones = ridge_scores_of_subsets(rows, np.ones(30, np.int64), test, kept, STRENGTH)
    np.testing.assert_array_equal(ones, 1.0)
    same, labels = np.repeat(rows[:1], 30, axis=0), np.arange(30) % 2
    found = ridge_scores_of_subsets(same, labels, test, kept, STRENGTH)
    np.testing.assert_allclose(found, np.repeat([[0.5, labels[4:].mean()]], 5, axis=0))


def test_what_does_not_converge_has_no_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = labelled(60, 40)
    monkeypatch.setattr(ridge_subsets, "_STEPS", 3)
    kept = np.random.default_rng(3).random((60, 4)) >= 0.3
    assert ridge_scores_of_subsets(rows, labels, rows[:5], kept, STRENGTH) is None
