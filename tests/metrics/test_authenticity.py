"""AuthPct: its definition, and copies."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.authenticity import authentic_percent

RNG = np.random.default_rng(4)


def bank(rows: np.ndarray) -> FeatureBank:
    return FeatureBank(np.arange(len(rows)), np.arange(len(rows)), rows.astype(np.float32))


def test_authenticity_by_hand() -> None:
    train = np.array([[0.0], [1.0], [10.0]])
    # 0.1: 0 is nearest, at 0.1 < 1, a copy; 2.5: 1 is nearest, at 1.5 > 1; 30: 10, at 20 > 9
    assert authentic_percent(train, [[0.1], [2.5], [30.0]]) == pytest.approx(200 / 3)
    assert authentic_percent(train, train) == 0.0


def test_authenticity_is_its_definition_and_copies_lower_it() -> None:
    train, new = RNG.standard_normal((60, 6)), 1.5 * RNG.standard_normal((50, 6))
    d = np.linalg.norm(new[:, None] - train, axis=-1)
    own = np.linalg.norm(train[:, None] - train, axis=-1) + np.diag(np.full(60, np.inf))
    want = 100 * np.mean(own.min(axis=1)[d.argmin(axis=1)] < d.min(axis=1))
    assert authentic_percent(train, new) == pytest.approx(want)
    assert (
        0 < authentic_percent(train, np.concatenate([new, train[:50]])) == pytest.approx(want / 2)
    )


def test_authenticity_needs_two_training_points() -> None:
    with pytest.raises(MetricError, match="real features: got 1 rows"):
        authentic_percent(np.ones((1, 2)), np.ones((3, 2)))
