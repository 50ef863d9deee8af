"""AP, AUC and accuracy against their definitions, and the detector that is trained here."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics import detectability
from anyres_bench.metrics.detectability import Detectability
from anyres_bench.metrics.detection import (
    AveragePrecision,
    DetectorAccuracy,
    accuracy,
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


# --- the detector that is trained here --------------------------------------------------------


def clustered(seed: int, shift: float = 0.0, groups: int = 30, per_group: int = 4) -> FeatureBank:
    """Patches that resemble their image far more than they resemble one another's class."""
    rng = np.random.default_rng(seed)
    image = np.repeat(rng.standard_normal((groups, 12)), per_group, axis=0)
    return bank(image + 0.1 * rng.standard_normal(image.shape) + shift, per_group)


def test_nothing_is_detected_where_nothing_differs() -> None:
    """Were patches of one image in training and test alike, AUC would be far above one half."""
    outside = 0
    for seed in range(12):
        pair = clustered(2 * seed), clustered(2 * seed + 1)
        values = Detectability(permutations=39).finish(*pair, stream(seed))
        outside += not values["auc_null_low"] <= values["auc"] <= values["auc_null_high"]
        assert values["auc_null_low"] < 0.5 < values["auc_null_high"]
    assert outside <= 3


def test_a_shift_is_detected_and_the_order_of_sides_means_nothing() -> None:
    real, fake = clustered(100), clustered(101, shift=0.7)
    values = Detectability(permutations=39).finish(real, fake, stream(0))
    assert values["auc"] > values["auc_null_high"] + 0.1
    assert values["ap"] > values["ap_null_high"] + 0.1
    swapped = Detectability(permutations=39).finish(fake, real, stream(0))
    assert swapped["auc"] == pytest.approx(values["auc"], abs=0.05)


def test_the_values_that_rank_are_the_same_without_the_band() -> None:
    real, fake = clustered(100), clustered(101, shift=0.1)
    whole = Detectability(permutations=9)
    values = whole.finish(real, fake, stream(1))
    trimmed = whole.only_ranked().finish(real, fake, stream(1))
    assert trimmed == {name: values[name] for name in ("ap", "auc")}


def test_both_classes_weigh_the_same() -> None:
    real, fake = clustered(5, groups=60), clustered(6, groups=15)
    values = Detectability(permutations=99).finish(real, fake, stream(0))
    assert values["ap_null_low"] < 0.5 < values["ap_null_high"]
    assert (values["ap_null_low"] + values["ap_null_high"]) / 2 == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("n", "dim"), [(40, 90), (90, 40), (50, 50)])
def test_the_detector_is_ridge_regression_on_standardised_rows(n: int, dim: int) -> None:
    rng = np.random.default_rng(n)
    rows, test = (3 + rng.standard_normal((k, dim)) for k in (n, 7))
    rows[:, 5] = test[:, 5] = 0.1  # a dimension that says nothing
    labels = rng.integers(0, 2, (n, 4))
    spread = np.where(np.arange(dim) == 5, 1.0, rows.std(axis=0))
    x, at = ((part - rows.mean(axis=0)) / spread for part in (rows, test))
    gram = x.T @ x + detectability._RIDGE * n * np.eye(dim)
    weights = np.linalg.solve(gram, x.T @ (labels - labels.mean(axis=0)))
    found = detectability._ridge_predictions(rows, labels, test)
    np.testing.assert_allclose(found, at @ weights + labels.mean(axis=0), rtol=0, atol=1e-12)
    one = detectability._ridge_predictions(rows, labels[:, :1], test)
    np.testing.assert_allclose(one, found[:, :1], rtol=0, atol=1e-12)


def test_groups_do_not_straddle_folds_and_labels_move_in_groups() -> None:
    real, fake = clustered(1), clustered(2, groups=20, per_group=3)
    rng = stream(3)
    group, fold = detectability._groups_and_folds(real, fake, 5, rng)
    is_fake = np.repeat([0, 1], [len(real), len(fake)])
    assert len(np.unique(group)) == 50
    for number in np.unique(group):
        assert len(np.unique(fold[group == number])) == 1
    exchanged = detectability._exchange(is_fake, group, fold, rng)
    assert (exchanged != is_fake).any()
    first = np.unique(group, return_index=True)[1]
    np.testing.assert_array_equal(exchanged, exchanged[first][group])
    for number in range(5):
        here = first[fold[first] == number]
        assert exchanged[here].sum() == is_fake[here].sum() == 4


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(MetricError, match="fake side has 4 groups"):
        Detectability().finish(clustered(1), clustered(2, groups=4), stream(0))
