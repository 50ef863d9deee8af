"""FD-infinity: the Frechet distance extrapolated to infinitely many images.

The distance of finite sets is biased upwards by nearly c1/n1 + c2/n2. Both sets are shrunk in
proportion, so a straight line in one over the fraction removes the bias of both; the papers shrink
the generated set alone, which leaves that of a finite reference in.

Source: Chong and Forsyth, "Effectively unbiased FID and inception score", CVPR 2020, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.features.stats import FeatureBank, Moments
from anyres_bench.metrics.frechet import distance_of_covariances, frechet_distance, moments_of
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.sampling import Kept, RowParts, Values, random_order


@dataclass(frozen=True)
class FdInfinity(BankMetric):
    """Intercept of a line through the distances of `points` fractions of both sets.

    The fractions are evenly spaced from one tenth (5,000 of 50,000, as in the paper), or from as
    much more as keeps twice as many rows as dimensions, to all rows. Below as many rows as
    dimensions the bias is no straight line: at dim 128, 150 rows and a true value of 0.09, starting
    at a tenth gives 1.19.
    """

    points: int = 15
    ddof: Literal[0, 1] = 1

    name: ClassVar[str] = "fd-infinity"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"fd_infinity": (-math.inf, math.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"fd_infinity": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"fd_infinity": intercept}; noise may make it slightly negative.

        Raises:
            MetricError: a set has no more than twice as many rows as dimensions.
        """
        banks = required(real), fake
        fractions = self._fractions(fake.dim, min(map(len, banks)))
        distances = []
        for fraction in fractions:
            a, b = (bank.features()[self._share(bank, fraction, rng)] for bank in banks)
            distances.append(frechet_distance(a, b, self.ddof))
        return {"fd_infinity": at_infinity(fractions, distances)}

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> Values | None:
        """Values of subsets; shares differ by few rows, so each side's moments are made once.

        None where that is not accurate, as for the distance.
        """
        banks = required(real), fake
        shares = [[_Share(bank.features()) for bank in banks] for _ in range(self.points)]
        values = []
        for subset in subsets:
            used = [np.flatnonzero(kept[p]) for kept, p in zip(subset, parts, strict=True)]
            fractions = self._fractions(fake.dim, min(map(len, used)))
            some = [bank.subset(rows) for bank, rows in zip(banks, used, strict=True)]
            rng, distances = stream(0, "subsets"), []
            for fraction, sides in zip(fractions, shares, strict=True):
                chosen = [
                    rows[self._share(bank, fraction, rng)]
                    for bank, rows in zip(some, used, strict=True)
                ]
                if min(map(len, chosen)) <= fake.dim:
                    return None
                a, b = (share.moments(rows) for share, rows in zip(sides, chosen, strict=True))
                distance = distance_of_covariances(a, b, self.ddof)
                if distance is None:
                    return None
                distances.append(distance)
            values.append({"fd_infinity": at_infinity(fractions, distances)})
        return values

    def cautions(
        self, real: FeatureBank | None, fake: FeatureBank, values: Mapping[str, float]
    ) -> dict[str, str]:
        """`several-windows` where shares of rows are no shares of the images."""
        banks = required(real), fake
        shared = any(len(np.unique(bank.group)) < len(bank) for bank in banks)
        return {"fd_infinity": "several-windows"} if shared else {}

    def least_rows(self, dim: int) -> int:
        """The smallest sets from which it extrapolates."""
        return 2 * dim + 1

    def _fractions(self, dim: int, smaller: int) -> NDArray[np.float64]:
        """Of both sets, the last of them whole."""
        if smaller < self.least_rows(dim):
            raise MetricError(
                f"FD-infinity extrapolates from subsets larger than the {dim} dimensions: the "
                f"smaller set has {smaller} rows, needs more than {2 * dim}"
            )
        first = min(max(0.1, 2 * dim / smaller), 0.5)
        return np.linspace(first, 1.0, self.points)

    def _share(self, bank: FeatureBank, fraction: float, rng: Stream) -> NDArray[np.int64]:
        """Positions of a random share of the rows."""
        return random_order(bank.index, rng)[: round(fraction * len(bank))]


@dataclass(frozen=True)
class FdInfinityOfGroups(FdInfinity):
    """The same from shares of the groups: images, or latents, with all of their rows.

    Where images show several windows each, the bias is one over the number of images more than
    over that of rows, and shares of rows, which hold nearly all images, leave it in. Where every
    group has one row the two agree.
    """

    name: ClassVar[str] = "fd-infinity-groups"

    def cautions(
        self, real: FeatureBank | None, fake: FeatureBank, values: Mapping[str, float]
    ) -> dict[str, str]:
        """None: shares are those of the images."""
        return {}

    def _share(self, bank: FeatureBank, fraction: float, rng: Stream) -> NDArray[np.int64]:
        """Positions of all rows of a random share of the groups."""
        groups = np.unique(bank.group)
        kept = groups[random_order(groups, rng)[: round(fraction * len(groups))]]
        return np.flatnonzero(np.isin(bank.group, kept))


class _Share:
    """Moments of shares of rows, each from the first share and the rows by which it differs."""

    def __init__(self, features: NDArray[np.float32]) -> None:
        self._features = features
        self._first: tuple[NDArray[np.bool_], Moments] | None = None

    def moments(self, share: NDArray[np.int64]) -> Moments:
        """Of the rows at these positions."""
        mask = np.zeros(len(self._features), bool)
        mask[share] = True
        if self._first is None:
            self._first = mask, moments_of(self._features[mask])
        rows, moments = self._first
        more, less = self._features[mask & ~rows], self._features[rows & ~mask]
        return moments + Moments.of(more, moments.shift) - Moments.of(less, moments.shift)


def at_infinity(sizes: ArrayLike, distances: ArrayLike) -> float:
    """Intercept of the least-squares line of distance against one over size.

    Raises:
        UsageError: fewer than two different sizes.
    """
    x = 1.0 / np.asarray(sizes, np.float64)
    if len(np.unique(x)) < 2:
        raise UsageError("a line needs at least two different sizes")
    return float(np.polynomial.Polynomial.fit(x, np.asarray(distances), 1)(0.0))
