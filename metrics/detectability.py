"""Detectability: how well a linear detector, trained here, tells generated from real features.

Ridge regression on standardised features in cross-validation; no image or latent is in both the
training and the test part. One half is the best a generator can reach, and the values of randomly
exchanged labels say how far from one half chance alone goes.

Source: the classifier two-sample test of Lopez-Paz and Oquab, "Revisiting classifier two-sample
tests", ICLR 2017, with a permutation null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import pair
from anyres_bench.metrics.detection import areas, average_precision, roc_auc
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.ridge_subsets import ridge_scores_of_subsets
from anyres_bench.metrics.sampling import (
    Kept,
    RowParts,
    Values,
    group_folds,
    random_order,
)

# Ridge strength per training row. Near the best for shifts of leading, middle and all principal
# directions, for fewer and for more rows than dimensions, on power-law spectra.
_RIDGE = 0.3


@dataclass(frozen=True)
class Detectability(BankMetric):
    """AP and AUC of out-of-fold scores, and the central 95 % of both under exchanged labels.

    Both classes weigh the same, so AP is one half for a perfect generator, whatever the sizes. The
    band is exact where groups of both sides have equally many rows, and approximate otherwise.
    """

    folds: int = 5
    permutations: int = 199

    name: ClassVar[str] = "detectability"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        name: (0, 1)
        for value in ("ap", "auc")
        for name in (value, f"{value}_null_low", f"{value}_null_high")
    }
    higher_is_better: ClassVar[Mapping[str, bool]] = {"ap": False, "auc": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"ap", "auc", "ap_null_low", "ap_null_high", "auc_null_low", "auc_null_high"}.

        Raises:
            MetricError: a side has fewer groups (images, latents) than folds.
        """
        real = required(real)
        rows = np.concatenate(pair(real.features(), fake.features())).astype(np.float64)
        group, fold = groups_and_folds(real, fake, self.folds, rng)
        is_fake = np.repeat([0, 1], [len(real), len(fake)])
        exchanged = [_exchange(is_fake, group, fold, rng) for _ in range(self.permutations)]
        labels = np.stack([is_fake, *exchanged], axis=1)
        scores = _out_of_fold(rows, labels, fold)
        values: dict[str, float] = {}
        for name, area in (("ap", average_precision), ("auc", roc_auc)):
            columns = zip(labels.T, scores.T, strict=True)
            own, *null = (area(y, s, balanced(y)) for y, s in columns)
            values[name] = own
            if null:
                low, high = np.quantile(null, [0.025, 0.975])
                values |= {f"{name}_null_low": float(low), f"{name}_null_high": float(high)}
        return values

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> Values | None:
        """AP and AUC of subsets whose groups stay in their folds; None where one would be empty."""
        banks = required(real), fake
        rows = np.concatenate(pair(banks[0].features(), banks[1].features())).astype(np.float64)
        fold = np.concatenate(
            [group_folds(bank.group, self.folds, stream(0, "subsets")) for bank in banks]
        )
        is_fake = np.repeat([0, 1], [len(bank) for bank in banks])
        kept = np.stack([_rows_of(subset, parts) for subset in subsets], axis=1)
        for number in range(self.folds):
            for label in (0, 1):
                if not kept[(fold == number) & (is_fake == label)].any(axis=0).all():
                    return None
        values = []
        for used, score in zip(
            kept.T, _scores_of_subsets(rows, is_fake, fold, kept).T, strict=True
        ):
            labels = is_fake[used]
            ap, auc = areas(labels, score[used], balanced(labels))
            values.append({"ap": ap, "auc": auc})
        return values

    def only_ranked(self) -> Detectability:
        """The same without the null band, which intervals do not need."""
        return Detectability(self.folds, permutations=0)


def groups_and_folds(
    real: FeatureBank, fake: FeatureBank, n_folds: int, rng: Stream
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Group number, unique over both sides, and fold of each row, real rows first."""
    groups, folds, first = [], [], 0
    for side, bank in (("real", real), ("fake", fake)):
        ids, number = np.unique(bank.group, return_inverse=True)
        if len(ids) < n_folds:
            raise MetricError(
                f"the {side} side has {len(ids)} groups (images or latents), fewer than the "
                f"{n_folds} folds; use more images"
            )
        groups.append(number + first)
        folds.append(group_folds(bank.group, n_folds, rng))
        first += len(ids)
    return np.concatenate(groups), np.concatenate(folds)


def _exchange(
    is_fake: NDArray[np.int64], group: NDArray[np.int64], fold: NDArray[np.int64], rng: Stream
) -> NDArray[np.int64]:
    """Labels exchanged between whole groups of a fold, so folds keep their mix of classes."""
    _, first = np.unique(group, return_index=True)
    label, group_fold = is_fake[first], fold[first]
    shuffled = random_order(np.arange(len(first)), rng)
    receiving = np.argsort(group_fold, kind="stable")
    giving = shuffled[np.argsort(group_fold[shuffled], kind="stable")]
    exchanged = np.empty_like(label)
    exchanged[receiving] = label[giving]
    return np.asarray(exchanged[group])


def _out_of_fold(
    rows: NDArray[np.float64], labels: NDArray[np.int64], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Score of each row by the detector that was trained without its fold, for each labelling."""
    scores = np.empty(labels.shape)
    for test in (fold == number for number in np.unique(fold)):
        scores[test] = ridge_predictions(rows[~test], labels[~test], rows[test])
    return scores


def _rows_of(subset: Kept, parts: RowParts) -> NDArray[np.bool_]:
    """(n,) rows of both sides that are kept, real ones first."""
    return np.concatenate([kept[part] for kept, part in zip(subset, parts, strict=True)])


def _scores_of_subsets(
    rows: NDArray[np.float64],
    labels: NDArray[np.int64],
    fold: NDArray[np.int64],
    kept: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Score (n, k) of each row by the detector trained on each subset without the row's fold."""
    scores = np.empty(kept.shape)
    for test in (fold == number for number in range(fold.max() + 1)):
        known = rows[~test], labels[~test]
        found = ridge_scores_of_subsets(*known, rows[test], kept[~test], _RIDGE)
        if found is None:
            found = np.stack(
                [
                    ridge_scores(known[0][used], known[1][used], rows[test])
                    for used in kept[~test].T
                ],
                axis=1,
            )
        scores[test] = found
    return scores


def ridge_predictions(
    rows: NDArray[np.float64], labels: NDArray[np.int64], test: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Predictions (n_test, k) of ridge regression on standardised rows, for (n, k) labels."""
    scaler = StandardScaler().fit(rows)
    ridge = Ridge(alpha=_RIDGE * len(rows), solver="cholesky")
    ridge.fit(scaler.transform(rows), labels)
    return np.asarray(ridge.predict(scaler.transform(test))).reshape(len(test), labels.shape[1])


def ridge_scores(
    rows: NDArray[np.float64], labels: NDArray[np.int64], test: NDArray[np.float64]
) -> NDArray[np.float64]:
    """As `ridge_predictions` for one labelling, without checks, which take most of its time."""
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    deviation[deviation == 0] = 1.0
    x, centre = (rows - mean) / deviation, labels.mean()
    wide = x.shape[1] > len(x)
    gram = x @ x.T if wide else x.T @ x
    gram[np.diag_indices_from(gram)] += _RIDGE * len(x)
    aim = labels - centre if wide else x.T @ (labels - centre)
    weight = scipy.linalg.solve(gram, aim, assume_a="pos", check_finite=False)
    return np.asarray((test - mean) / deviation @ (x.T @ weight if wide else weight) + centre)


def balanced(is_fake: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights that give both classes one half."""
    return np.asarray(0.5 / np.bincount(is_fake)[is_fake])
