"""Forecasts of metrics: few rows are timed, all rows are foretold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import Stream
from anyres_bench.evaluation.metric_costs import metric_forecast
from anyres_bench.evaluation.sample_sets import SampleSet
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import BankMetric, metric_from


def samples(n: int) -> SampleSet:
    return SampleSet("fake", {}, range(n), ["CC0-1.0"] * n, range(n), lambda parts: iter(()))


@dataclass(frozen=True)
class Refusing(BankMetric):
    """A metric that wants many rows."""

    least: int = 100

    name: ClassVar[str] = "refusing"
    smooth: ClassVar[bool] = True
    needs_real: ClassVar[bool] = False
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"v": (0, 1)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"v": True}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        if len(fake) < self.least:
            raise MetricError("too few rows")
        return {"v": float(fake.features().mean())}


def test_more_rows_are_taken_where_few_are_refused() -> None:
    found = metric_forecast(Refusing(100), {"fake": samples(300)}, 4)
    assert found is not None
    assert found.n_timed >= 100
    assert metric_forecast(Refusing(301), {"fake": samples(300)}, 4) is None


@pytest.mark.parametrize("name", ["frechet", "kid", "precision-recall"])
def test_metrics_are_timed_on_the_groups_that_they_will_see(name: str) -> None:
    found = metric_forecast(metric_from(name), {"real": samples(40), "fake": samples(36)}, 8)
    assert found is not None
    assert found.n_timed in (32, 40)
    assert found.seconds > 0
