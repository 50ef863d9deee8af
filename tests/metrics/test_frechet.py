"""Frechet distance: hand-computable cases, exact references, and what it refuses."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.features.stats import Moments
from anyres_bench.metrics import frechet
from anyres_bench.metrics.frechet import (
    frechet_distance,
    frechet_from_moments,
    moments_of,
)


def gaussian(n: int, dim: int, seed: int, shift: float = 0.0, power: float = 0.5) -> np.ndarray:
    spread = np.arange(1, dim + 1.0) ** -power
    return np.random.default_rng(seed).standard_normal((n, dim)) * spread + shift


def test_one_dimension_by_hand() -> None:
    real, fake = np.array([[0.0], [2.0]]), np.array([[1.0], [7.0], [4.0]])
    # means 1 and 4; standard deviations sqrt 2 and 3 (ddof 1), 1 and sqrt 6 (ddof 0)
    assert frechet_distance(real, fake) == pytest.approx(9 + (3 - 2**0.5) ** 2, rel=1e-15)
    assert frechet_distance(real, fake, ddof=0) == pytest.approx(9 + (6**0.5 - 1) ** 2, rel=1e-15)


def test_disjoint_axes_by_hand() -> None:
    """Sets that vary along different axes share nothing: the trace term is zero."""
    real = np.array([[1.0, 0, 0], [-1, 0, 0]])
    fake = np.array([[0.0, 2, 3], [0, -2, 3]])
    assert frechet_distance(real, fake) == pytest.approx(9 + 2 + 8, rel=1e-15)


def sixty_digits(real: np.ndarray, fake: np.ndarray) -> float:
    """The definition itself, by the eigenvalues of L^T S2 L in 60 digits."""
    mpmath.mp.dps = 60
    sides = []
    for x in (real, fake):
        rows = mpmath.matrix(x.tolist())
        n, dim = rows.rows, rows.cols
        mean = [mpmath.fsum(rows[i, j] for i in range(n)) / n for j in range(dim)]
        c = mpmath.matrix(n, dim)
        for i in range(n):
            for j in range(dim):
                c[i, j] = rows[i, j] - mean[j]
        sides.append((mean, c.T * c / (n - 1)))
    (m1, s1), (m2, s2) = sides
    lower = mpmath.cholesky(s1)
    values = mpmath.eigsy(lower.T * s2 * lower, eigvals_only=True)
    gap = mpmath.fsum((a - b) ** 2 for a, b in zip(m1, m2, strict=True))
    trace = mpmath.fsum(s1[i, i] + s2[i, i] for i in range(len(m1)))
    return float(gap + trace - 2 * mpmath.fsum(mpmath.sqrt(v) for v in values))


@pytest.mark.parametrize("shift", [0.5, 0.01])
def test_sixty_digits(shift: float) -> None:
    real, fake = gaussian(60, 8, 1), 1.1 * gaussian(45, 8, 2, shift)
    assert frechet_distance(real, fake) == pytest.approx(sixty_digits(real, fake), rel=1e-12)


@pytest.mark.parametrize(("n", "dim"), [(500, 40), (30, 40), (41, 40), (40, 40)])
def test_a_monge_map_gives_the_distance_in_closed_form(n: int, dim: int) -> None:
    """For y = T x + c with T symmetric and positive, it is mean |x - y|^2 of the fitted sets."""
    real = gaussian(n, dim, 3)
    root = np.eye(dim) + 0.2 * gaussian(dim, dim, 4)
    transport = root @ root.T
    fake = real @ transport + 0.3
    gap = (real - fake).mean(axis=0)
    moved = ((real - fake) - gap) / np.sqrt(n - 1)
    assert frechet_distance(real, fake) == pytest.approx(gap @ gap + (moved**2).sum(), rel=1e-10)


@pytest.mark.parametrize(("n", "dim"), [(300, 20), (15, 20)])
def test_identical_and_permuted_sets(n: int, dim: int) -> None:
    x = gaussian(n, dim, 5, shift=100.0)
    assert 0.0 <= frechet_distance(x, x) < 1e-12
    assert 0.0 <= frechet_distance(x, x[::-1]) < 1e-12


@pytest.mark.parametrize(("n1", "n2"), [(90, 70), (20, 18), (90, 18), (18, 90)])
def test_symmetry_shift_and_rotation(n1: int, n2: int) -> None:
    a, b = gaussian(n1, 24, 6), gaussian(n2, 24, 7, 0.4)
    want = frechet_distance(a, b)
    rotation = np.linalg.qr(gaussian(24, 24, 8))[0]
    assert frechet_distance(b, a) == pytest.approx(want, rel=1e-11)
    assert frechet_distance(a + 50, b + 50) == pytest.approx(want, rel=1e-9)
    assert frechet_distance(a @ rotation, b @ rotation) == pytest.approx(want, rel=1e-10)
    assert frechet_distance(3 * a, 3 * b) == pytest.approx(9 * want, rel=1e-11)


@pytest.mark.parametrize("condition", [1e2, 1e8, 1e14])
def test_every_way_agrees(condition: float) -> None:
    """Cholesky factors where they are safe, QR of the features where they are not."""
    power = np.log(condition) / np.log(16) / 2
    rotation = np.linalg.qr(gaussian(16, 16, 9))[0]
    a = gaussian(200, 16, 10, power=power) @ rotation
    b = gaussian(150, 16, 11, 0.1, power=power) @ rotation
    way = frechet.distance_of_covariances(moments_of(a), moments_of(b), 1)
    assert (way is None) == (condition > 1e9)
    direct = frechet._from_factors(
        a.mean(0) - b.mean(0), frechet._factor(a, 1)[1], frechet._factor(b, 1)[1]
    )
    assert frechet_distance(a, b) == pytest.approx(direct, rel=1e-10)
    assert frechet_from_moments(moments_of(a), moments_of(b)) == pytest.approx(direct, rel=1e-8)


def test_many_rows_go_through_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = gaussian(900, 12, 12), gaussian(700, 12, 13, 0.2)
    a[:, 5] = 1.0  # singular, so that the features are factored too
    whole = frechet_distance(a, b), frechet_distance(a[:, :5], b[:, :5])
    monkeypatch.setattr(frechet, "_ROWS", 64)
    blocks = frechet_distance(a, b), frechet_distance(a[:, :5], b[:, :5])
    assert blocks == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(
    ("real", "fake", "ddof", "message"),
    [
        (np.ones((1, 3)), np.ones((5, 3)), 1, "real features: got 1 rows, needs at least 2"),
        (np.ones((0, 3)), np.ones((5, 3)), 0, "needs at least 1"),
        (np.ones((5, 3)), np.ones((5, 4)), 1, "3 dimensions and fake ones 4"),
        (np.ones((5, 3)), np.full((5, 3), np.nan), 1, "fake features: 5 of 5 rows are not finite"),
        (np.ones(5), np.ones((5, 1)), 1, r"expected \(n, dim\), got shape \(5,\)"),
        (np.ones((5, 0)), np.ones((5, 0)), 1, r"got shape \(5, 0\)"),
    ],
)
def test_refuses(real: np.ndarray, fake: np.ndarray, ddof: int, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        frechet_distance(real, fake, ddof)


def test_refuses_other_ddof_and_unfit_moments() -> None:
    x = gaussian(9, 2, 0)
    with pytest.raises(UsageError, match="expected 0 or 1"):
        frechet_distance(x, x, ddof=2)
    with pytest.raises(MetricError, match="at least 2 rows"):
        frechet_from_moments(Moments.of(x), Moments.of(x[:1]))
    with pytest.raises(MetricError, match="equal dimensions"):
        frechet_from_moments(Moments.of(x), Moments.of(x[:, :1]))
