"""What `evaluate` takes of a metric: values held to their promises, and intervals."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.measuring import check_values, difference, measure, ranking_values
from anyres_bench.metrics.metric import metric_from


def bank(seed: int, n: int, group: int = 1) -> FeatureBank:
    index = np.arange(n)
    rows = np.random.default_rng(seed).standard_normal((n, 4)).astype(np.float32)
    return FeatureBank(index, index // group, rows)


def test_a_value_without_enough_groups_has_no_interval() -> None:
    found = measure(metric_from("frechet"), bank(0, 40), bank(1, 40, group=40), 0)
    assert found.values["frechet"] > 0
    assert found.intervals == {}


def test_a_metric_of_fakes_alone_never_sees_the_reals() -> None:
    metric = metric_from("vendi")
    assert measure(metric, bank(0, 40), bank(1, 40), 0) == measure(metric, None, bank(1, 40), 0)
    with pytest.raises(MetricError, match="none were given"):
        measure(metric_from("kid"), None, bank(1, 40), 0)


@pytest.mark.parametrize("name", ["frechet", "kid-subsets-n3-size20", "precision-recall"])
def test_values_that_rank_are_the_same_without_intervals(name: str) -> None:
    sides = bank(0, 40), bank(1, 40)
    found = measure(metric_from(name), *sides, 0)
    assert found.intervals
    ranked = ranking_values(metric_from(name), *sides, 0)
    assert ranked == {value: found.values[value] for value in found.intervals}


def test_bounds_hold_up_to_rounding() -> None:
    metric = metric_from("precision-recall")
    check_values(metric, {"precision": 1.0 + 1e-12, "recall": -1e-12})
    for wrong in (1.0001, -0.0001, float("nan")):
        with pytest.raises(MetricError, match="recall"):
            check_values(metric, {"precision": 1.0, "recall": wrong})


def test_a_model_does_not_differ_from_itself() -> None:
    fake = bank(1, 40)
    found = difference(metric_from("kid"), bank(0, 40), fake, fake, 0)["kid"]
    assert (found.value, found.interval.standard_error) == (0.0, 0.0)
    assert found.interval.folds == {"real": 20, "fake": 20}
