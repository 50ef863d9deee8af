"""The inception score: by hand, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.inception_score import InceptionScore, inception_score

RNG = np.random.default_rng(4)


def bank(rows: np.ndarray) -> FeatureBank:
    return FeatureBank(np.arange(len(rows)), np.arange(len(rows)), rows.astype(np.float32))


def test_sure_and_varied_is_the_number_of_classes() -> None:
    logits = np.tile(1e4 * np.eye(5), (6, 1))
    assert inception_score(logits, splits=3) == pytest.approx((5.0, 0.0))
    assert inception_score(logits[:1], splits=1) == pytest.approx((1.0, 0.0))


def test_inception_score_of_two_images_by_hand() -> None:
    p = np.array([[0.5, 0.5], [0.75, 0.25]])
    marginal = np.array([0.625, 0.375])
    kl = (p * np.log(p / marginal)).sum(axis=1).mean()
    assert inception_score(np.log(p) + 7.0, splits=1)[0] == pytest.approx(np.exp(kl), rel=1e-14)


def test_every_row_is_in_a_split() -> None:
    logits = RNG.standard_normal((11, 4))
    mean, std = inception_score(logits, splits=3)
    parts = [inception_score(part, 1)[0] for part in (logits[:3], logits[3:7], logits[7:])]
    assert (mean, std) == pytest.approx((np.mean(parts), np.std(parts)))


def test_inception_score_refuses() -> None:
    with pytest.raises(MetricError, match="needs at least 10"):
        inception_score(np.zeros((9, 4)))
    with pytest.raises(MetricError, match="not finite"):
        inception_score(np.full((20, 4), np.inf))
    with pytest.raises(UsageError, match="splits is 0"):
        inception_score(np.zeros((9, 4)), splits=0)


def test_subsets_keep_rows_in_their_splits() -> None:
    logits = bank(RNG.standard_normal((20, 4)))
    part, metric = np.arange(20) % 4, InceptionScore(splits=2)
    keep = [np.ones(4, bool), np.array([True, False, True, True])]
    subsets = [(np.ones(1, bool), kept) for kept in keep]
    found = metric.subset_values(None, logits, (np.zeros(0, np.int64), part), subsets)
    halves = [slice(0, 10), slice(10, 20)]
    want = [
        np.mean([inception_score(logits.features()[h][kept[part[h]]], 1)[0] for h in halves])
        for kept in keep
    ]
    assert found is not None
    assert [each["inception_score"] for each in found] == pytest.approx(want)
    nothing = [(np.ones(1, bool), np.zeros(4, bool))]
    assert metric.subset_values(None, logits, (np.zeros(0, np.int64), part), nothing) is None
