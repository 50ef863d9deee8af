"""MIND: sliced Wasserstein distance of features, which a few thousand images already determine.

    3 dim E_u W2(x.u, y.u)^2,   u uniform on the unit sphere

The expectation is a mean over fixed directions; W2 of numbers on a line is the mean square of the
difference of their quantiles, so no covariance is estimated and none is inverted: unlike the
Fréchet distance it means something at 5,000 samples, the number that it was published with. The
factor makes it grow with feature units as the Fréchet distance does.

Sets of unequal size are compared by their quantile functions, exactly. torch-fidelity instead draws
a subset of the larger one; where sizes are equal the numbers are the same, directions included.

Source: torch-fidelity's `monge_inception_distance`, as described in its repository; Bonneel et al.,
"Sliced and Radon Wasserstein Barycenters of Measures", JMIV 2015.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import pair
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.sampling import Kept, RowParts, Values

SEED = 2020  # of the directions: torch-fidelity's default
_ROWS = 4096  # rows that are projected at a time
_TOGETHER = 100  # directions in which subsets are compared at a time

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mind(BankMetric):
    """MIND over so many directions."""

    directions: int = 1000

    name: ClassVar[str] = "mind"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"mind": (0, math.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"mind": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"mind": distance}, in squared feature units."""
        a, b = pair(required(real).features(), fake.features())
        on = directions(a.shape[1], self.directions)
        return {"mind": _distance(_sorted(project(a, on)), _sorted(project(b, on)), a.shape[1])}

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> Values:
        """Values of subsets, projected and sorted once: what is left of an order is in order."""
        sides = pair(required(real).features(), fake.features())
        dim = sides[0].shape[1]
        on = directions(dim, self.directions)
        totals = np.zeros(len(subsets))
        for some in np.split(on, range(_TOGETHER, self.directions, _TOGETHER), axis=1):
            orders = [_Ordered.of(project(rows, some)) for rows in sides]
            for i, subset in enumerate(subsets):
                a, b = (
                    order.without(~kept[part])
                    for order, kept, part in zip(orders, subset, parts, strict=True)
                )
                totals[i] += some.shape[1] * _distance(a, b, dim)
        return [{"mind": float(total) / self.directions} for total in totals]


@dataclass(frozen=True)
class _Ordered:
    """Projections in order.

    Attributes:
        values: (k, n), ascending.
        rows: (k, n) the row of each.
    """

    values: Floats
    rows: NDArray[np.int32]

    @classmethod
    def of(cls, shadows: Floats) -> _Ordered:
        """Of (n, k) projections."""
        columns = np.ascontiguousarray(shadows.T)
        rows = columns.argsort(axis=1)
        return cls(np.take_along_axis(columns, rows, axis=1), rows.astype(np.int32))

    def without(self, left_out: NDArray[np.bool_]) -> Floats:
        """Of the other rows, ascending: (k, n less those left out)."""
        if not left_out.any():
            return self.values
        return self.values[~left_out[self.rows]].reshape(len(self.values), -1)


def mind(real: ArrayLike, fake: ArrayLike, n_directions: int = 1000, seed: int = SEED) -> float:
    """MIND as torch-fidelity computes it, subset of the larger set included.

    Args:
        real, fake: (m, dim) and (n, dim).
        n_directions: that are averaged over.
        seed: of the subset and then of the directions.

    Raises:
        MetricError: a set is empty, dimensions differ, or values are not finite.
    """
    import torch

    a, b = pair(real, fake)
    generator = torch.Generator().manual_seed(seed)
    n, dim = min(len(a), len(b)), a.shape[1]
    if len(a) != len(b):
        kept = torch.randperm(max(len(a), len(b)), generator=generator)[:n].numpy()
        a, b = (a[kept], b) if len(a) > n else (a, b[kept])
    on = _directions(dim, n_directions, generator)
    return _distance(_sorted(project(a, on)), _sorted(project(b, on)), dim)


@functools.lru_cache(maxsize=4)
def directions(dim: int, n: int, seed: int = SEED) -> Floats:
    """(dim, n) unit vectors, the same in every comparison."""
    import torch

    return _directions(dim, n, torch.Generator().manual_seed(seed))


def _directions(dim: int, n: int, generator: Any) -> Floats:
    import torch

    drawn = torch.randn(n, dim, generator=generator).double().numpy().T
    return np.asarray(drawn / np.linalg.norm(drawn, axis=0))


def project(features: NDArray[Any], on: Floats) -> Floats:
    """(n, dim) rows on (dim, k) directions, (n, k) float64."""
    blocks = (
        features[i : i + _ROWS].astype(np.float64) @ on for i in range(0, len(features), _ROWS)
    )
    return np.concatenate(list(blocks))


def _sorted(shadows: Floats) -> Floats:
    """(k, n) of (n, k), ascending."""
    return np.sort(np.ascontiguousarray(shadows.T), axis=1)


def _distance(a: Floats, b: Floats, dim: int) -> float:
    """Of sorted projections (k, m) and (k, n)."""
    m, n = a.shape[1], b.shape[1]
    if m == n:
        return float(3 * dim * np.mean(np.square(a - b)))
    # Both quantile functions are steps; between neighbouring steps of either they are constant.
    ends = np.union1d(np.arange(1, m + 1) * n, np.arange(1, n + 1) * m)  # in units of 1 / (m n)
    weights = np.diff(ends, prepend=0) / (m * n)
    gaps = a.take((ends - 1) // n, axis=1)
    gaps -= b.take((ends - 1) // m, axis=1)
    return float(3 * dim * (np.square(gaps, out=gaps) @ weights).mean())
