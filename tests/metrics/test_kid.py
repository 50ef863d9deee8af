"""KID: the definition, pair by pair, and what chunks and subsets do to it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics import kid
from anyres_bench.metrics.kid import KidSubsets, squared_mmd

RNG = np.random.default_rng(2)
REAL = RNG.standard_normal((23, 5)).astype(np.float32)
FAKE = RNG.standard_normal((17, 5)).astype(np.float32) + np.float32(0.3)


def bank(rows: np.ndarray) -> FeatureBank:
    return FeatureBank(np.arange(len(rows)), np.arange(len(rows)), rows)


def by_definition(a: np.ndarray, b: np.ndarray) -> float:
    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float((np.float64(x) @ np.float64(y) / len(x) + 1) ** 3)

    xx = np.mean([k(x, y) for x, y in itertools.permutations(a, 2)])
    yy = np.mean([k(x, y) for x, y in itertools.permutations(b, 2)])
    return float(xx + yy - 2 * np.mean([k(x, y) for x in a for y in b]))


def test_two_points_by_hand() -> None:
    real, fake = np.array([[0.0], [1.0]]), np.array([[2.0], [-1.0]])
    # within real: k(0, 1) = 1; within fake: k(2, -1) = -1; between: 1, 1, 27, 0
    assert squared_mmd(real, fake) == pytest.approx(1 - 1 - 2 * 29 / 4)


def test_definition() -> None:
    assert squared_mmd(REAL, FAKE) == pytest.approx(by_definition(REAL, FAKE), rel=1e-12)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = squared_mmd(REAL, FAKE)
    monkeypatch.setattr(kid, "_ROWS", 4)
    assert squared_mmd(REAL, FAKE) == pytest.approx(whole, rel=1e-13)


def test_unbiased() -> None:
    """Zero on average for two draws of one distribution."""
    draws = [
        squared_mmd(RNG.standard_normal((30, 4)), RNG.standard_normal((20, 4))) for _ in range(400)
    ]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / 20


def test_subsets_average_to_the_whole() -> None:
    values = KidSubsets(n=400, size=12).finish(bank(REAL), bank(FAKE), stream(0))
    error = values["kid_subset_std"] / 20
    assert values["kid"] == pytest.approx(squared_mmd(REAL, FAKE), abs=4 * error)
    assert error > 0


def test_subsets_are_no_larger_than_the_smaller_set() -> None:
    values = KidSubsets(n=3, size=1000).finish(bank(FAKE), bank(REAL[:17]), stream(0))
    assert values["kid"] == pytest.approx(squared_mmd(FAKE, REAL[:17]), rel=1e-12)
    assert values["kid_subset_std"] == pytest.approx(0, abs=1e-12)


def test_one_row_is_refused() -> None:
    with pytest.raises(MetricError, match="needs at least 2"):
        squared_mmd(REAL[:1], FAKE)
