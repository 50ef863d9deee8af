"""Precision and recall, density and coverage: how two sets lie in each other's neighbourhoods.

The ball of a point reaches to its k-th nearest neighbour in its own set. Whether a point exactly on
the rim is inside is a convention that papers differ in and that changes values much where features
repeat: `ties=inclusive` is d <= r, `ties=strict` is d < r.

Source: Kynkaanniemi et al., "Improved precision and recall metric", NeurIPS 2019, equations 1 and
2; Naeem et al., "Reliable fidelity and diversity metrics", ICML 2020, equations 5 and 7.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import pair
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.neighbours import (
    Indices,
    Pairs,
    Points,
    Ties,
    kth_nearest,
    points,
    within,
)
from anyres_bench.metrics.sampling import Average, KeptRows

_AVERAGES = {
    "precision": Average("fake"),
    "recall": Average("real"),
    "density": Average("fake"),
    "coverage": Average("real", smooth=True),  # balls reach as far whatever the fakes are
}


@dataclass(frozen=True)
class Prdc(BankMetric):
    """All four with one k and one rule for ties, for little more than the cost of two."""

    k: int = 5
    ties: Ties = "strict"

    name: ClassVar[str] = "prdc"
    smooth: ClassVar[bool] = False
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "precision": (0, 1),
        "recall": (0, 1),
        "density": (0, math.inf),
        "coverage": (0, 1),
    }
    higher_is_better: ClassVar[Mapping[str, bool]] = {
        "precision": True,
        "recall": True,
        "density": True,
        "coverage": True,
    }

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"precision", "recall", "coverage": shares in [0, 1]; "density" >= 0, may exceed 1}."""
        a, b = required(real).features(), fake.features()
        return self._own(prdc(a, b, self.k, self.ties, "recall" in self.higher_is_better))

    @property
    def averages(self) -> Mapping[str, Average]:
        """Sides that the values are means over."""
        return {name: _AVERAGES[name] for name in self.higher_is_better}

    def rows(
        self, real: FeatureBank, fake: FeatureBank, subsets: Sequence[KeptRows]
    ) -> list[dict[str, NDArray[np.float64]]]:
        """What each row adds to the values, from one look at the distances."""
        a, b = points(real.features(), fake.features())
        weights = [(a.weights(in_a), b.weights(in_b)) for in_a, in_b in subsets]
        with_recall = "recall" in self.higher_is_better
        found = _counts(a, b, weights, self.k, self.ties, with_recall)
        return [self._rows(count, a, b) for count in found]

    def _rows(self, count: _Counts, a: Points, b: Points) -> dict[str, NDArray[np.float64]]:
        each: dict[str, NDArray[Any]] = {
            "precision": count.precise[b.number],
            "recall": count.recalled[a.number],
            "density": count.inside[b.number] / self.k,
            "coverage": count.covered[a.number],
        }
        return {name: each[name].astype(np.float64) for name in self.higher_is_better}

    def _own(self, values: Mapping[str, float]) -> dict[str, float]:
        return {name: values[name] for name in self.higher_is_better}


@dataclass(frozen=True)
class PrecisionRecall(Prdc):
    """Improved precision and recall; by default k = 3 and d <= r, as in the paper's code."""

    k: int = 3
    ties: Ties = "inclusive"

    name: ClassVar[str] = "precision-recall"
    higher_is_better: ClassVar[Mapping[str, bool]] = {"precision": True, "recall": True}


@dataclass(frozen=True)
class DensityCoverage(Prdc):
    """Density and coverage; by default k = 5 and d < r, as in the authors' package."""

    name: ClassVar[str] = "density-coverage"
    higher_is_better: ClassVar[Mapping[str, bool]] = {"density": True, "coverage": True}


def prdc(
    real: ArrayLike, fake: ArrayLike, k: int, ties: Ties, with_recall: bool = True
) -> dict[str, float]:
    """Precision, recall, density and coverage, exact to the last sample.

    Args:
        real, fake: (n1, dim) and (n2, dim).
        k: balls reach to the k-th nearest neighbour, not counting the point itself.
        ties: "strict" (d < r, as the `prdc` package) or "inclusive" (d <= r, as the StyleGAN family
            and torch-fidelity).
        with_recall: recall alone needs the balls around fake points, a third of the work.

    Returns:
        precision: share of fake points inside any real ball. recall: share of real points inside
        any fake ball. density: real balls that hold a fake point, mean over fake points, over k.
        coverage: share of real balls that hold any fake point.

    Raises:
        MetricError: k is not smaller than both sets, or the features are not two finite matrices
            of one dimension.
    """
    a, b = points(*pair(real, fake))
    [count] = _counts(a, b, [(a.weights(), b.weights())], k, ties, with_recall)
    return count.values(k, with_recall)


Subset = tuple[Indices, Indices]  # how often each distinct row of the two sides is in it


def _counts(
    a: Points, b: Points, subsets: Sequence[Subset], k: int, ties: Ties, with_recall: bool
) -> list[_Counts]:
    """What each pair of subsets of the two sides finds."""
    _check_options(k, ties, min(min(u.sum(), v.sum()) for u, v in subsets))
    radii = [_radii(a, [u for u, _ in subsets], k)[:, :, None]]
    if with_recall:
        radii.append(_radii(b, [v for _, v in subsets], k)[:, None, :])
    counts = [_Counts(u, v) for u, v in subsets]
    for found in within(a, b, [_span(r) for r in radii]):
        for n, count in enumerate(counts):
            real_balls = found[0]
            count.in_real_balls(real_balls.closer(radii[0][n, real_balls.i, 0], ties))
            for balls in found[1:]:
                count.in_fake_balls(balls.closer(radii[1][n, 0, balls.j], ties))
    return counts


def _radii(of: Points, weightings: Sequence[Indices], k: int) -> NDArray[np.float64]:
    """Squared radii for each weighting; equal ones, such as of the whole set, are found once."""
    distinct = {weight.tobytes(): weight for weight in weightings}
    squared = dict(zip(distinct, kth_nearest(of, list(distinct.values()), k), strict=True))
    return np.stack([squared[weight.tobytes()] for weight in weightings])


def _span(radii: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.nanmin(radii, axis=0), np.nanmax(radii, axis=0)


class _Counts:
    """What is found inside balls of one pair of subsets, by distinct row."""

    def __init__(self, of_real: Indices, of_fake: Indices) -> None:
        self.of_real, self.of_fake = of_real, of_fake
        self.covered, self.recalled = np.zeros((2, len(of_real)), bool)
        self.precise = np.zeros(len(of_fake), bool)
        self.inside = np.zeros(len(of_fake), np.int64)

    def in_real_balls(self, pairs: Pairs) -> None:
        self.covered[pairs.i[self.of_fake[pairs.j] > 0]] = self.precise[pairs.j] = True
        weight = self.of_real[pairs.i]
        self.inside += np.bincount(pairs.j, weight, len(self.inside)).astype(np.int64)

    def in_fake_balls(self, pairs: Pairs) -> None:
        self.recalled[pairs.i] = True

    def values(self, k: int, with_recall: bool) -> dict[str, float]:
        n_real, n_fake = int(self.of_real.sum()), int(self.of_fake.sum())
        values = {
            "precision": float(self.of_fake @ self.precise) / n_fake,
            "density": int(self.of_fake @ self.inside) / (k * n_fake),
            "coverage": float(self.of_real @ self.covered) / n_real,
        }
        recall = {"recall": float(self.of_real @ self.recalled) / n_real}
        return values | recall if with_recall else values


def _check_options(k: int, ties: str, smaller: int) -> None:
    if k < 1 or ties not in ("strict", "inclusive"):
        raise UsageError(f"k={k}, ties={ties!r}: expected k >= 1 and ties strict or inclusive")
    if k >= smaller:
        raise MetricError(
            f"k is {k} and the smaller set has {smaller} rows; k must be smaller than both sets: "
            "use more images"
        )
