"""Variances of values: exact where they can be worked out, and what is counted twice taken off."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import pytest

from anyres_bench.core.seeds import Stream, stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.measuring import difference, measure
from anyres_bench.metrics.metric import BankMetric, metric_from, required
from anyres_bench.metrics.replication import replicate
from anyres_bench.metrics.sampling import Values
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


class Memory:
    """Keeps values in memory, and counts what was computed."""

    def __init__(self) -> None:
        self.values: dict[str, Values] = {}
        self.computed = 0

    def __call__(self, key: str, compute: Callable[[], Values]) -> Values:
        if key not in self.values:
            self.values[key] = compute()
            self.computed += 1
        return self.values[key]


@pytest.mark.parametrize("name", ["frechet", "kid", "detectability", "scale-frechet"])
def test_replicates_of_an_interval_serve_every_difference(name: str) -> None:
    metric, memory = metric_from(name), Memory()
    strata = name.startswith("scale")
    real, a, b, c = (
        FeatureBank.of_strata({str(side): bank(seed + side, 40, 3) for side in (32, 64, 128)})
        if strata
        else bank(seed, 40, 3)
        for seed in (1, 2, 3, 4)
    )
    for fake in (a, b, c):
        kept = measure(metric, real, fake, 0, memory)
        assert kept == measure(metric, real, fake, 0)
    assert memory.computed == 3
    for one, other in ((a, b), (a, c), (c, b)):
        found = difference(metric, real, one, other, 0, memory)
        assert found == difference(metric, real, one, other, 0)
    assert memory.computed == 3


def test_what_replicates_depend_on_is_in_their_key() -> None:
    memory, metric = Memory(), metric_from("frechet")
    real, fake = bank(1, 40, 3), bank(2, 40, 3)
    regrouped = FeatureBank(fake.index, fake.index // 2, fake.features())
    for args in (
        (metric, real, fake, 0),
        (metric, real, fake, 1),
        (metric, fake, real, 0),
        (metric, real, regrouped, 0),
        (metric, real, bank(3, 40, 3), 0),
        (metric_from("frechet-ddof0"), real, fake, 0),
        (metric_from("kid"), real, fake, 0),
    ):
        before = memory.computed
        measure(*args, memory)
        assert memory.computed == before + 1
