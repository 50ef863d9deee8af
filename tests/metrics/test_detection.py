"""AP, AUC and accuracy of published detectors, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.detection import (
    AveragePrecision,
    DetectorAccuracy,
    accuracy,
    areas,
    average_precision,
    roc_auc,
)


def step_area(y: np.ndarray, s: np.ndarray, weight: np.ndarray) -> float:
    """Precision at each threshold, times the recall that it gains."""
    area, before = 0.0, 0.0
    for threshold in np.unique(s)[::-1]:
        above = s >= threshold
        recall = weight[above & (y == 1)].sum() / weight[y == 1].sum()
        area += (recall - before) * weight[above & (y == 1)].sum() / weight[above].sum()
        before = recall
    return area


def mann_whitney(y: np.ndarray, s: np.ndarray, weight: np.ndarray) -> float:
    """Weight of the pairs that are in order, ties half."""
    order = (np.sign(s[y == 1][:, None] - s[y == 0]) + 1) / 2
    fake, real = weight[y == 1], weight[y == 0]
    return float(fake @ order @ real / (fake.sum() * real.sum()))


@pytest.mark.parametrize("seed", range(60))
def test_areas_are_their_definitions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    y = np.append([0, 1], rng.integers(0, 2, n - 2))
    s = np.round(rng.standard_normal(n), seed % 3)  # many ties, some, hardly any
    for weight in (None, rng.random(n) + 0.1):
        each = np.ones(n) if weight is None else weight
        assert average_precision(y, s, weight) == pytest.approx(step_area(y, s, each), abs=1e-12)
        assert roc_auc(y, s, weight) == pytest.approx(mann_whitney(y, s, each), abs=1e-12)
    assert accuracy(y, s) == np.mean((s > 0.5) == (y == 1))
    assert average_precision(np.zeros(n), s) == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_areas_are_those_of_scikit_learn_bit_for_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 200))
    y = np.append([0, 1], rng.integers(0, 2, n - 2))
    s = np.round(rng.standard_normal(n), seed % 4)
    for weight in (None, rng.random(n) + 0.1, (0.5 / np.bincount(y))[y]):
        alarms, hits, _ = sklearn.metrics.roc_curve(y, s, sample_weight=weight)
        assert roc_auc(y, s, weight) == sklearn.metrics.auc(alarms, hits)
        ap = sklearn.metrics.average_precision_score(y, s, sample_weight=weight)
        assert average_precision(y, s, weight) == ap


def test_by_hand() -> None:
    y, s = [1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]
    assert average_precision(y, s) == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert roc_auc(y, s) == pytest.approx(3 / 4)
    assert average_precision([0, 1, 1, 0], [5, 5, 5, 5]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("y", "s", "message"),
    [
        ([0, 1], [0.1, np.inf], "1 of 2 scores are not finite"),
        ([0, 1], [0.1, np.nan], "not finite"),
        ([0, 2], [0.1, 0.2], "labels must be 0"),
        ([0, 1], [0.1], "expected"),
        ([], [], "n >= 1"),
    ],
)
def test_refuses(y: list[int], s: list[float], message: str) -> None:
    for area in (average_precision, roc_auc):
        with pytest.raises(MetricError, match=message):
            area(y, s)


def test_one_class_has_no_auc() -> None:
    with pytest.raises(MetricError, match="all labels are alike"):
        roc_auc([1, 1], [0.2, 0.3])


def bank(rows: np.ndarray, per_group: int = 1) -> FeatureBank:
    index = np.arange(len(rows))
    return FeatureBank(index, index // per_group, rows.astype(np.float32))


def test_scores_of_a_published_detector() -> None:
    real, fake = bank(np.array([[0.1], [0.8]])), bank(np.array([[0.9], [0.7], [0.2]]))
    values = AveragePrecision().finish(real, fake, stream(0))
    assert values["ap"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert values["auc"] == pytest.approx(4 / 6)
    assert DetectorAccuracy().finish(real, fake, stream(0)) == pytest.approx(
        {"accuracy": 3 / 5, "accuracy_real": 1 / 2, "accuracy_fake": 2 / 3}
    )


@pytest.mark.parametrize("fake", [np.ones((3, 2)), np.ones((0, 1))])
def test_scores_must_be_there_and_of_one_dimension(fake: np.ndarray) -> None:
    for metric in (AveragePrecision(), DetectorAccuracy()):
        with pytest.raises(MetricError, match="dimension 1"):
            metric.finish(bank(np.ones((3, 1))), bank(fake), stream(0))


def test_areas_of_subsets_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        y, s = rng.integers(0, 2, 40), np.round(rng.standard_normal(40), 1)
        weight = rng.integers(0, 3, 40) * 0.5
        used = weight > 0
        if len(np.unique(y[used])) < 2:
            continue
        want = [area(y[used], s[used], weight[used]) for area in (average_precision, roc_auc)]
        assert areas(y, s, weight) == pytest.approx(want)
    assert np.isnan(areas(np.ones(3), np.arange(3.0), np.ones(3))).all()
