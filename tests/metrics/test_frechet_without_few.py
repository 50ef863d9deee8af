"""Distances without a few rows: the same as of the rows that stay, wherever the rank comes from."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics import frechet_without_few
from anyres_bench.metrics.frechet import Frechet, frechet_distance
from anyres_bench.metrics.frechet_without_few import WithoutFew, distances_without_few
from anyres_bench.metrics.intervals import interval


def rectified(n: int, dim: int, seed: int, shift: float = 0.1, power: float = 0.6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, dim)) * np.arange(1, dim + 1.0) ** -power + shift
    return np.maximum(rows, 0).astype(np.float32)


def all_but(n: int, out: int) -> np.ndarray:
    return np.random.default_rng(n).permutation(n) >= out


def traces(*sets: np.ndarray) -> float:
    return sum(float(rows.var(axis=0, dtype=np.float64).sum()) for rows in sets)


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("out", [(0, 0), (6, 0), (0, 5), (4, 5), (1, 1)])
@pytest.mark.parametrize(
    ("n1", "n2", "dim"),
    [
        (200, 150, 40),
        (60, 50, 90),
        (50, 50, 90),
        (50, 300, 60),
        (44, 43, 40),
        (41, 60, 40),
        (40, 40, 40),
        (42, 40, 90),
        (12, 9, 3),
    ],
)
def test_it_is_the_distance_of_the_rows_that_stay(
    n1: int, n2: int, dim: int, out: tuple[int, int], ddof: int
) -> None:
    real, fake = rectified(n1, dim, 1), rectified(n2, dim, 2, 0.2)
    kept = all_but(n1, out[0]), all_but(n2, out[1])
    want = frechet_distance(real[kept[0]], fake[kept[1]], ddof)
    got = WithoutFew(real, fake, ddof).distance(*kept)
    assert got == pytest.approx(want, abs=3e-11 * traces(real, fake))


@pytest.mark.parametrize("power", [0.0, 3.0, 6.0])
def test_spectra_that_fall_steeply_and_dimensions_without_anything(power: float) -> None:
    real, fake = rectified(90, 50, 3, power=power), rectified(80, 50, 4, 0.2, power)
    real[:, 7] = fake[:, 7] = 0
    real[:, 9] = 5
    kept = all_but(90, 5), all_but(80, 4)
    want = frechet_distance(real[kept[0]], fake[kept[1]])
    got = WithoutFew(real, fake, 1).distance(*kept)
    assert got == pytest.approx(want, abs=3e-11 * traces(real, fake))


def test_equal_sets_copies_of_rows_and_a_mean_far_from_zero() -> None:
    rows = rectified(30, 60, 5)
    rows = np.concatenate([rows, rows, rows[:7]]) + 100
    kept = all_but(67, 4), all_but(67, 0)
    want = frechet_distance(rows[kept[0]], rows[kept[1]])
    found = WithoutFew(rows, rows, 1)
    assert found.distance(*kept) == pytest.approx(want, abs=1e-9 * traces(rows, rows))
    assert found.distance(kept[1], kept[1]) == pytest.approx(0, abs=3e-11 * traces(rows, rows))


def test_rows_without_any_variance() -> None:
    one, rows = np.ones((20, 30), np.float32), rectified(25, 30, 6)
    kept = all_but(20, 3), all_but(25, 2)
    want = frechet_distance(one[kept[0]], rows[kept[1]])
    assert WithoutFew(one, rows, 1).distance(*kept) == pytest.approx(want, rel=1e-12)


def test_rows_at_the_mean_take_nothing_with_them() -> None:
    rows = rectified(30, 50, 7).astype(np.float64)
    real = np.concatenate([rows, np.tile(rows.mean(axis=0), (3, 1))])
    kept = np.arange(33) < 30
    fake = rectified(40, 50, 8)
    want = frechet_distance(rows, fake, 0)
    assert WithoutFew(real, fake, 0).distance(kept, all_but(40, 0)) == pytest.approx(want, rel=1e-9)


def test_too_few_rows_have_no_distance() -> None:
    rows = rectified(6, 9, 9)
    found = WithoutFew(rows, rows, 1)
    assert found.distance(np.arange(6) < 1, np.ones(6, bool)) is None
    assert found.distance(np.ones(6, bool), np.zeros(6, bool)) is None


def test_small_ranks_and_large_parts_go_the_usual_way(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = rectified(80, 30, 10), rectified(90, 30, 11, 0.2)
    few = [(all_but(80, 3), all_but(90, 3))]
    assert distances_without_few(real, fake, few, 1) is None
    monkeypatch.setattr(frechet_without_few, "_LEAST_RANK", 30)
    assert distances_without_few(real, fake, few, 1) is not None
    many = [*few, (all_but(80, 7), all_but(90, 0))]
    assert distances_without_few(real, fake, many, 1) is None


@pytest.mark.parametrize("n", [60, 130])
def test_an_interval_is_the_same_either_way(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = (
        FeatureBank(np.arange(n), np.arange(n), rectified(n, 100, seed, 0.1 * seed))
        for seed in (1, 2)
    )
    usual = interval(Frechet(), real, fake, stream(1))["frechet"].interval
    monkeypatch.setattr(frechet_without_few, "_LEAST_RANK", 50)
    few = interval(Frechet(), real, fake, stream(1))["frechet"].interval
    assert usual is not None
    assert few is not None
    assert few != usual
    assert few.standard_error == pytest.approx(usual.standard_error, rel=1e-8)
    assert (few.low, few.high) == pytest.approx((usual.low, usual.high), rel=1e-8)
