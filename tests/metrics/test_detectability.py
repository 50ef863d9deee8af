"""The detector that is trained here: what it finds, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics import detectability
from anyres_bench.metrics.detectability import Detectability


def bank(rows: np.ndarray, per_group: int = 1) -> FeatureBank:
    index = np.arange(len(rows))
    return FeatureBank(index, index // per_group, rows.astype(np.float32))


def clustered(seed: int, shift: float = 0.0, groups: int = 30, per_group: int = 4) -> FeatureBank:
    """Patches that resemble their image far more than they resemble one another's class."""
    rng = np.random.default_rng(seed)
    image = np.repeat(rng.standard_normal((groups, 12)), per_group, axis=0)
    return bank(image + 0.1 * rng.standard_normal(image.shape) + shift, per_group)


def test_nothing_is_detected_where_nothing_differs() -> None:
    """Were patches of one image in training and test alike, AUC would be far above one half."""
    outside = 0
    for seed in range(6):
        pair = clustered(2 * seed), clustered(2 * seed + 1)
        values = Detectability(permutations=39).finish(*pair, stream(seed))
        outside += not values["auc_null_low"] <= values["auc"] <= values["auc_null_high"]
        assert values["auc_null_low"] < 0.5 < values["auc_null_high"]
    assert outside <= 1


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
    found = detectability.ridge_predictions(rows, labels, test)
    np.testing.assert_allclose(found, at @ weights + labels.mean(axis=0), rtol=0, atol=1e-12)
    one = detectability.ridge_predictions(rows, labels[:, :1], test)
    np.testing.assert_allclose(one, found[:, :1], rtol=0, atol=1e-12)


def test_groups_do_not_straddle_folds_and_labels_move_in_groups() -> None:
    real, fake = clustered(1), clustered(2, groups=20, per_group=3)
    rng = stream(3)
    group, fold = detectability.groups_and_folds(real, fake, 5, rng)
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


@pytest.mark.parametrize("dim", [3, 60])
def test_the_quick_detector_is_scikit_learns(dim: int) -> None:
    rng = np.random.default_rng(dim)
    rows, test = rng.standard_normal((40, dim)), rng.standard_normal((9, dim))
    rows[:, 1] = 2.0
    labels = rng.integers(0, 2, 40)
    want = detectability.ridge_predictions(rows, labels[:, None], test)[:, 0]
    np.testing.assert_allclose(detectability.ridge_scores(rows, labels, test), want, rtol=1e-9)
