"""Detector transfer: one trace at all sizes, traces of their own, none at all."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.detectability import Detectability
from anyres_bench.metrics.measuring import measure
from anyres_bench.metrics.metric import metric_from
from anyres_bench.metrics.transfer import DetectorTransfer

SIZES = ("64", "128", "256")


def side(name: str, moved: dict[str, int] | None = None, n: int = 200) -> FeatureBank:
    """Rows of 4 numbers; at each size one of them may be moved by one."""
    rows = np.arange(n)
    banks = {}
    for size in SIZES:
        features = stream(0, name, size).normal((n, 4))
        if moved:
            features[:, moved[size]] += 1.5
        banks[size] = FeatureBank(rows, rows, features.astype("f4"))
    return FeatureBank.of_strata(banks)


def values(fake: FeatureBank) -> dict[str, float]:
    return DetectorTransfer().finish(side("real"), fake, stream(1))


def test_the_same_trace_is_found_at_every_size() -> None:
    found = values(side("fake", dict.fromkeys(SIZES, 0)))
    assert found["auc_across"] == pytest.approx(found["auc_within"], abs=0.03)
    assert found["auc_across"] > 0.8


def test_traces_of_their_own_are_found_at_their_size_alone() -> None:
    found = values(side("fake", {"64": 0, "128": 1, "256": 2}))
    assert found["auc_within"] > 0.8
    assert found["auc_across"] == pytest.approx(0.5, abs=0.1)
    assert found["auc@64>128"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
def test_without_a_trace_all_is_chance() -> None:
    found = measure(metric_from("detector-transfer"), side("real"), side("fake"), 0)
    assert found.values["auc_within"] == pytest.approx(0.5, abs=0.08)
    interval = found.intervals["auc_across"]
    assert interval.low < 0.5 < interval.high


def test_one_size_is_its_detectability() -> None:
    real, fake = side("real"), side("fake", dict.fromkeys(SIZES, 0))
    matrix = DetectorTransfer().finish(real, fake, stream(1))
    alone = Detectability(permutations=0)
    for size in SIZES:
        found = alone.finish(real.strata()[size], fake.strata()[size], stream(1))
        assert matrix[f"auc@{size}>{size}"] == pytest.approx(found["auc"], abs=1e-9)


def test_one_size_is_no_matrix() -> None:
    one = side("real").strata()["64"]
    with pytest.raises(MetricError, match="two or more"):
        measure(metric_from("detector-transfer"), one, one, 0)
