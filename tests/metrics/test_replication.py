"""Variances of values: exact where they can be worked out, and what is counted twice taken off."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest

from anyres_bench.core.seeds import Stream, stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import BankMetric, metric_from, required
from anyres_bench.metrics.replication import replicate
from anyres_bench.metrics.study import Study


def bank(seed: int, n: int, dim: int = 1, per_group: int = 1) -> FeatureBank:
    index = np.arange(n)
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    return FeatureBank(index, index // per_group, rows.astype(np.float32))


@dataclasses.dataclass(frozen=True)
class SquaredGap(BankMetric):
    """Square of the difference of two means: for equal sets, a sum over pairs of rows alone."""

    name: ClassVar[str] = "squared-gap"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"gap": (0, np.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"gap": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        a, b = required(real).features().astype(np.float64), fake.features().astype(np.float64)
        return {"gap": float(np.square(a.mean(axis=0) - b.mean(axis=0)).sum())}


def test_pairs_of_rows_are_not_counted_twice() -> None:
    """The variance of |gap|^2 of equal sets of n rows is 2 dim (2 / n)^2."""
    n, dim = 40, 30
    metric, found = SquaredGap(), []
    for seed in range(60):
        real, fake = bank(2 * seed, n, dim), bank(2 * seed + 1, n, dim)
        study = Study(metric, real, [(1.0, fake)], seed, 20)
        values = metric.finish(real, fake, stream(0))
        found.append(replicate(study, values)["gap"].spread.variance)
    true = 2 * dim * (2 / n) ** 2
    assert 0.85 < np.mean(found) / true < 1.3


@pytest.mark.parametrize("name", ["frechet", "prdc"])
def test_a_difference_of_a_model_to_itself_has_no_variance(name: str) -> None:
    metric = metric_from(name)
    real, fake = bank(1, 60, 3), bank(2, 60, 3)
    study = Study(metric, real, [(1.0, fake), (-1.0, fake)], 0, 20)
    for of in replicate(study, dict.fromkeys(metric.higher_is_better, 0.0)).values():
        assert of.spread.variance == 0.0
