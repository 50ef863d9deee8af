"""How well scores tell generated images from real ones: average precision, AUC, accuracy.

Labels are 1 for generated and 0 for real, and a higher score means "generated".

Source: the evaluation of Wang et al., "CNN-generated images are surprisingly easy to spot... for
now", CVPR 2020, section 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.sampling import Kept, RowParts, Values


@dataclass(frozen=True)
class AveragePrecision(BankMetric):
    """AP and AUC of a published detector; the features are its scores, of dimension 1."""

    name: ClassVar[str] = "ap"
    dim: ClassVar[int | None] = 1
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"ap": (0, 1), "auc": (0, 1)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"ap": False, "auc": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"ap": the share of generated images where all score alike, up to 1; "auc": 0 to 1}."""
        is_fake, score = labelled(required(real), fake)
        return {"ap": average_precision(is_fake, score), "auc": roc_auc(is_fake, score)}

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> Values | None:
        """Values of subsets, from scores that are sorted once."""
        is_fake, score = labelled(required(real), fake)
        values = []
        for kept in subsets:
            used = np.concatenate([keep[part] for keep, part in zip(kept, parts, strict=True)])
            ap, auc = areas(is_fake, score, used.astype(np.float64))
            values.append({"ap": ap, "auc": auc})
        return values


@dataclass(frozen=True)
class DetectorAccuracy(BankMetric):
    """Accuracy of a published detector whose scores are probabilities: above 0.5 is "generated"."""

    name: ClassVar[str] = "detector-accuracy"
    dim: ClassVar[int | None] = 1
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "accuracy": (0, 1),
        "accuracy_real": (0, 1),
        "accuracy_fake": (0, 1),
    }
    higher_is_better: ClassVar[Mapping[str, bool]] = {"accuracy": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"accuracy" of all, "accuracy_real" and "accuracy_fake" of one side}."""
        is_fake, score = labelled(required(real), fake)
        return {
            "accuracy": accuracy(is_fake, score),
            "accuracy_real": accuracy(is_fake[is_fake == 0], score[is_fake == 0]),
            "accuracy_fake": accuracy(is_fake[is_fake == 1], score[is_fake == 1]),
        }


def labelled(real: FeatureBank, fake: FeatureBank) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels and scores of both sides, real first.

    Raises:
        MetricError: a side is empty, or the features are not of dimension 1.
    """
    if not len(real) or not len(fake) or (real.dim, fake.dim) != (1, 1):
        raise MetricError(
            f"expected scores of both sides, of dimension 1; got {len(real)} real rows of "
            f"dimension {real.dim} and {len(fake)} fake ones of {fake.dim}: use a detector as "
            "extractor"
        )
    is_fake = np.repeat([0, 1], [len(real), len(fake)])
    return is_fake, np.concatenate([real.features(), fake.features()])[:, 0]


def average_precision(
    is_fake: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None
) -> float:
    """Step-wise area under precision against recall; equal scores share one threshold.

    Args:
        is_fake: (n,) labels 0 and 1.
        score: (n,) finite.
        weight: (n,) > 0 of each sample, all 1 by default.

    Returns:
        0 to 1; 0 where nothing is generated, as scikit-learn has it.

    Raises:
        MetricError: no rows, unequal lengths, other labels, or scores that are not finite.
    """
    y, s = _checked(is_fake, score)
    if not y.any():
        return 0.0
    hits, alarms = _counts(y, s, weight)
    precision, recall = hits / (hits + alarms), hits / hits[-1]
    # From the last threshold to the first, as scikit-learn adds them up.
    steps = np.diff(np.append(recall[::-1], 0.0)) * precision[::-1]
    return float(max(0.0, -np.sum(steps)))


def roc_auc(is_fake: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Probability that a generated image scores higher than a real one; ties count one half.

    Raises:
        MetricError: as for `average_precision`, or all labels are alike.
    """
    y, s = _checked(is_fake, score)
    if y.min() == y.max():
        raise MetricError("AUC needs real and generated images; all labels are alike")
    hits, alarms = _counts(y, s, weight)
    if len(hits) > 2:  # what lies on the line between its neighbours is left out
        bends = (np.diff(alarms, 2) != 0) | (np.diff(hits, 2) != 0)
        kept = np.concatenate([[True], bends, [True]])
        hits, alarms = hits[kept], alarms[kept]
    right, wrong = (np.append(0.0, counts) / counts[-1] for counts in (hits, alarms))
    return float(np.trapezoid(right, wrong))


def _counts(
    y: NDArray[Any], score: NDArray[np.float64], weight: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weight of the generated and of the real rows at or above each score, from the highest.

    As scikit-learn computes it, bit for bit: checking what it is given takes it twenty times as
    long as the rest, which hundreds of permutations pay for.
    """
    w = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)  # of rows that share a threshold
    hits = np.cumsum((y * w)[order])[last]
    return hits, np.cumsum(((1 - y) * w)[order])[last]


def areas(
    is_fake: NDArray[Any], score: NDArray[Any], weight: NDArray[np.float64]
) -> tuple[float, float]:
    """AP and AUC of rows that are checked, for many subsets of them; NaN without both classes.

    Args:
        is_fake: (n,) 0 or 1.
        score: (n,) finite.
        weight: (n,) of each row, 0 for those that are left out.
    """
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)  # of rows that share a threshold
    hits, alarms = (
        np.cumsum(np.where(is_fake == label, weight, 0.0)[order])[last] for label in (1, 0)
    )
    found, wrong = np.diff(hits, prepend=0.0), np.diff(alarms, prepend=0.0)
    if not hits[-1] or not alarms[-1]:
        return float("nan"), float("nan")
    chosen = hits + alarms
    precision = np.divide(hits, chosen, where=chosen > 0, out=np.zeros_like(hits))
    return (
        float(found @ precision / hits[-1]),
        float(wrong @ (hits - found / 2.0) / hits[-1] / alarms[-1]),
    )


def accuracy(is_fake: ArrayLike, probability: ArrayLike) -> float:
    """Share of labels that "probability > 0.5" gets right.

    Raises:
        MetricError: no rows, unequal lengths, other labels, or NaN.
    """
    y, p = _checked(is_fake, probability, allow_infinite=True)
    return float(np.mean((p > 0.5) == (y == 1)))


def _checked(
    is_fake: ArrayLike, score: ArrayLike, allow_infinite: bool = False
) -> tuple[NDArray[Any], NDArray[Any]]:
    y, s = np.asarray(is_fake), np.asarray(score, np.float64)
    if y.ndim != 1 or y.shape != s.shape or not len(y):
        raise MetricError(f"labels {y.shape} and scores {s.shape}: expected (n,) each and n >= 1")
    if not np.isin(y, (0, 1)).all():
        raise MetricError("labels must be 0 (real) or 1 (generated)")
    bad = np.isnan(s) if allow_infinite else ~np.isfinite(s)
    if bad.any():
        raise MetricError(f"{bad.sum()} of {len(s)} scores are not finite; mend the detector")
    return y, s
