"""Inception score: how sure a classifier is of each image, and how varied it finds them all.

Source: Salimans et al., "Improved techniques for training GANs", NeurIPS 2016, section 4.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from anyres_bench.core.errors import UsageError
from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import matrix
from anyres_bench.metrics.metric import BankMetric
from anyres_bench.metrics.sampling import Kept, RowParts, Values


@dataclass(frozen=True)
class InceptionScore(BankMetric):
    """Mean and spread over `splits` consecutive parts of the generated images.

    The features are logits; the published numbers take those without bias (`logits_unbiased`).
    """

    splits: int = 10

    name: ClassVar[str] = "inception-score"
    needs_real: ClassVar[bool] = False
    reads_answers: ClassVar[bool] = True
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "inception_score": (1, math.inf),
        "inception_score_std": (0, math.inf),
    }
    higher_is_better: ClassVar[Mapping[str, bool]] = {"inception_score": True}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"inception_score": mean, "inception_score_std": population standard deviation}."""
        mean, std = inception_score(fake.features(), self.splits)
        return {"inception_score": mean, "inception_score_std": std}

    def ranges(
        self, real: FeatureBank | None, fake: FeatureBank, values: Mapping[str, float]
    ) -> dict[str, tuple[float, float]]:
        """{"inception_score": 1 to the number of classes}."""
        return {"inception_score": (1.0, float(max(2, fake.dim)))}

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> Values | None:
        """Values of subsets whose rows stay in their splits; None where one would be empty."""
        part = parts[1]
        n_parts = len(subsets[0][1])
        values = []
        for start, stop in _splits(len(fake), self.splits):
            rows = fake.features()[start:stop].astype(np.float64)
            log_p = scipy.special.log_softmax(rows, axis=1)
            own = np.eye(n_parts)[part[start:stop]].T  # (n_parts, n) which row is in which part
            p = np.exp(log_p)
            sums, entropy = own @ p, own @ (p * log_p).sum(axis=1)
            counts = own.sum(axis=1)
            kept = np.array([in_fake for _, in_fake in subsets], float)
            n = kept @ counts
            if not n.all():
                return None
            marginal = (kept @ sums) / n[:, None]
            information = kept @ entropy / n + scipy.special.entr(marginal).sum(axis=1)
            values.append(np.exp(information))
        return [{"inception_score": float(mean)} for mean in np.mean(values, axis=0)]


def inception_score(logits: ArrayLike, splits: int = 10) -> tuple[float, float]:
    """exp(mean KL(p(y|x) || p(y))) of each split: mean and population standard deviation.

    Args:
        logits: (n, classes); their softmax, in float64, is p(y|x).
        splits: split i holds rows i*n//splits to (i+1)*n//splits, so every row is used.

    Raises:
        UsageError: no splits.
        MetricError: fewer rows than splits, or values that are not finite.
    """
    if splits < 1:
        raise UsageError(f"splits is {splits}, expected at least 1")
    rows = matrix("logits", logits, at_least=splits).astype(np.float64)
    log_p = scipy.special.log_softmax(rows, axis=1)
    scores = []
    for start, stop in _splits(len(rows), splits):
        p = np.exp(log_p[start:stop])
        marginal = p.mean(axis=0)
        # Where p is 0 throughout, 0 log 0 counts as 0.
        log_marginal = np.log(marginal, where=marginal > 0, out=np.zeros_like(marginal))
        scores.append(np.exp((p * (log_p[start:stop] - log_marginal)).sum(axis=1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def _splits(n: int, splits: int) -> Iterator[tuple[int, int]]:
    """Start and stop of each consecutive part of n rows."""
    return itertools.pairwise(i * n // splits for i in range(splits + 1))
