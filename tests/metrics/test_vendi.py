"""The Vendi score: its definition, and cases by hand."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.vendi import vendi_score

RNG = np.random.default_rng(4)


def bank(rows: np.ndarray) -> FeatureBank:
    return FeatureBank(np.arange(len(rows)), np.arange(len(rows)), rows.astype(np.float32))


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, np.inf])
def test_vendi_counts_different_directions(order: float) -> None:
    assert vendi_score(np.repeat(np.eye(7)[:4], 3, axis=0), order) == pytest.approx(4.0)
    assert vendi_score(np.outer(RNG.uniform(1, 2, 9), np.ones(5)), order) == pytest.approx(1.0)


@pytest.mark.parametrize("shape", [(12, 30), (30, 12)])
def test_vendi_is_the_entropy_of_the_kernel(shape: tuple[int, int]) -> None:
    x = RNG.standard_normal(shape)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(unit @ unit.T / len(x)).clip(1e-300)
    assert vendi_score(x) == pytest.approx(np.exp(-(values * np.log(values)).sum()), rel=1e-10)


def test_vendi_of_unequal_shares_by_hand() -> None:
    x = np.eye(3)[[0, 0, 0, 1]]
    assert vendi_score(x) == pytest.approx(np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)))
    assert vendi_score(x, order=2) == pytest.approx(1 / (0.75**2 + 0.25**2))
    assert vendi_score(x, order=np.inf) == pytest.approx(1 / 0.75)


def test_vendi_refuses_rows_without_direction() -> None:
    with pytest.raises(MetricError, match="1 of 3 feature rows are zero"):
        vendi_score(np.array([[1.0, 0], [0, 0], [0, 1]]))
