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
from anyres_bench.metrics.replication import Averaging, Study, replicate


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


@pytest.mark.parametrize("name", ["prdc", "prdc-inclusive-k2", "precision-recall", "authpct"])
@pytest.mark.parametrize("per_group", [1, 3])
def test_rows_average_to_the_values_of_subsets(name: str, per_group: int) -> None:
    metric = metric_from(name)
    assert isinstance(metric, Averaging)
    real, fake = bank(1, 60, 3, per_group), bank(2, 45, 3, per_group)
    copies = FeatureBank(np.arange(45, 60), np.arange(15) + 99, fake.features()[:15])
    fake = fake + copies
    rng = np.random.default_rng(0)
    all_real, all_fake = np.ones(len(real), bool), np.ones(len(fake), bool)
    for side in ("real", "fake"):
        some = rng.uniform(size=60) < 0.6
        kept = (some, all_fake) if side == "real" else (all_real, some)
        all_rows, rows = metric.rows(real, fake, [(all_real, all_fake), kept])
        values = metric.finish(real.subset(kept[0]), fake.subset(kept[1]), stream(0))
        whole = metric.finish(real, fake, stream(0))
        for value, average in metric.averages.items():
            assert all_rows[value].mean() == pytest.approx(whole[value])
            if average.side != side:
                assert rows[value].mean() == pytest.approx(values[value])


@pytest.mark.parametrize("name", ["frechet", "prdc"])
def test_a_difference_of_a_model_to_itself_has_no_variance(name: str) -> None:
    metric = metric_from(name)
    real, fake = bank(1, 60, 3), bank(2, 60, 3)
    study = Study(metric, real, [(1.0, fake), (-1.0, fake)], 0, 20)
    for of in replicate(study, dict.fromkeys(metric.higher_is_better, 0.0)).values():
        assert of.spread.variance == 0.0
