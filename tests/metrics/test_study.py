"""Studies: which sides they have, and how groups of two models are dealt together."""

from __future__ import annotations

import numpy as np

from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import metric_from
from anyres_bench.metrics.study import Study


def bank(first: int, n: int) -> FeatureBank:
    rows = np.random.default_rng(first).standard_normal((n, 2)).astype(np.float32)
    return FeatureBank(np.arange(n), first + np.arange(n) // 2, rows)


def test_groups_of_both_models_share_parts() -> None:
    a, b = bank(0, 40), bank(10, 40)
    study = Study(metric_from("kid"), bank(0, 60), [(1.0, a), (-1.0, b)], 0, 20)
    assert study.sides == ["real", "fake"]
    parts = study.parts("fake")
    np.testing.assert_array_equal(parts.groups, np.arange(30))
    assert len(parts) == 20
    assert len(study.parts("fake", halves=True)) == 16
    np.testing.assert_array_equal(parts.of(a.group)[20:], parts.of(b.group)[:20])


def test_a_metric_of_fakes_alone_has_one_side() -> None:
    study = Study(metric_from("vendi"), None, [(1.0, bank(0, 8))], 0, 20)
    assert study.sides == ["fake"]
    assert len(study.parts("fake")) == 4
    assert study.value(None, bank(0, 8))["vendi"] > 1
