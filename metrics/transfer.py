"""Detector transfer: a detector trained on canvases of one size, tried on those of another.

The diagonal of the matrix is the detectability of each size. Where a detector of one size works on
the others, a model leaves the same traces at all of them; where it does not, a detector has to be
trained for every size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import pair
from anyres_bench.metrics.detectability import balanced, groups_and_folds, ridge_scores
from anyres_bench.metrics.detection import roc_auc
from anyres_bench.metrics.metric import BankMetric, StrataKind, required


@dataclass(frozen=True)
class DetectorTransfer(BankMetric):
    """AUC of detectors trained at one size and tried at another, in cross-validation.

    An image or latent is in one fold at all sizes, so no detector is tried on what it was trained
    on, seen at another size.
    """

    folds: int = 5

    name: ClassVar[str] = "detector-transfer"
    strata: ClassVar[StrataKind] = "sizes"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = dict.fromkeys(
        ("auc", "auc_within", "auc_across"), (0, 1)
    )
    higher_is_better: ClassVar[Mapping[str, bool]] = {"auc_within": False, "auc_across": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """`auc@S>T` of a detector trained at S and tried at T; means within and across sizes.

        Raises:
            MetricError: fewer than two sizes, or a side has fewer groups than folds.
        """
        real = required(real)
        rows = np.concatenate(pair(real.features(), fake.features())).astype(np.float64)
        _, fold = groups_and_folds(real, fake, self.folds, rng)
        is_fake = np.repeat([0, 1], [len(real), len(fake)])
        stratum = np.concatenate([real.stratum, fake.stratum])
        sizes = list(dict.fromkeys(fake.stratum.tolist()))
        if len(sizes) < 2 or set(sizes) != set(real.stratum.tolist()):
            raise MetricError(f"sizes {', '.join(sizes)}: both sides need the same, two or more")
        values: dict[str, float] = {}
        for trained in sizes:
            scores = _out_of_fold(rows, is_fake, fold, stratum == trained)
            for tried in sizes:
                there = stratum == tried
                labels = is_fake[there]
                area = roc_auc(labels, scores[there], balanced(labels))
                values[f"auc@{trained}>{tried}"] = area
        within = [values[f"auc@{size}>{size}"] for size in sizes]
        n_across = len(sizes) * (len(sizes) - 1)
        across = (sum(values.values()) - sum(within)) / n_across
        return values | {"auc_within": float(np.mean(within)), "auc_across": float(across)}


def _out_of_fold(
    rows: NDArray[np.float64],
    is_fake: NDArray[np.int64],
    fold: NDArray[np.int64],
    trained: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Score of every row by the detector of the rows that are `trained` and of other folds."""
    scores = np.empty(len(rows))
    for number in np.unique(fold):
        test, train = fold == number, trained & (fold != number)
        if len(np.unique(is_fake[train])) < 2:
            raise MetricError("a size has images of one side only in a fold; use more images")
        scores[test] = ridge_scores(rows[train], is_fake[train], rows[test])
    return scores
