"""Kernel distance (KID): squared maximum mean discrepancy with a cubic kernel, unbiased.

Source: Binkowski et al., "Demystifying MMD GANs", ICLR 2018, section 4.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import pair
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.sampling import Kept, RowParts, Values, random_order

_ROWS = 1024  # rows of the kernel matrix that are in memory at a time


@dataclass(frozen=True)
class Kid(BankMetric):
    """KID of all rows: no subsets, so nothing is random and no row is left out."""

    name: ClassVar[str] = "kid"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"kid": (-math.inf, math.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"kid": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"kid": value}; it is unbiased, so it may be slightly negative."""
        return {"kid": squared_mmd(required(real).features(), fake.features())}

    def ranges(
        self, real: FeatureBank | None, fake: FeatureBank, values: Mapping[str, float]
    ) -> dict[str, tuple[float, float]]:
        """{"kid": from where the squared MMD is 0 that also compares each row with itself}."""
        bias = _self_terms(required(real)) + _self_terms(fake)
        return {"kid": (-bias, math.inf)}

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> Values:
        """Values of subsets, from kernel sums between their parts."""
        a, b = (
            [bank.features()[part == number] for number in range(len(kept))]  # none of some parts
            for bank, part, kept in zip((required(real), fake), parts, subsets[0], strict=True)
        )
        within_a, within_b = _part_sums(a), _part_sums(b)
        between = np.array([[_sum_between(x, y) for y in b] for x in a])

        def value(in_a: NDArray[np.bool_], in_b: NDArray[np.bool_]) -> dict[str, float]:
            m, n = (in_x @ [len(x) for x in parts] for in_x, parts in ((in_a, a), (in_b, b)))
            within = in_a @ within_a @ in_a / (m * (m - 1)) + in_b @ within_b @ in_b / (n * (n - 1))
            return {"kid": float(within - 2.0 * (in_a @ between @ in_b) / (m * n))}

        return [value(*kept) for kept in subsets]


@dataclass(frozen=True)
class KidSubsets(BankMetric):
    """KID as the mean over `n` random subsets of `size` rows, the papers' protocol.

    Where a set has fewer rows, the subsets have as many as the smaller set, as in clean-fid. The
    spread over subsets is no standard error of the mean: subsets overlap.
    """

    n: int = 100
    size: int = 1000

    name: ClassVar[str] = "kid-subsets"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "kid": (-math.inf, math.inf),
        "kid_subset_std": (0, math.inf),
    }
    higher_is_better: ClassVar[Mapping[str, bool]] = {"kid": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"kid": mean, "kid_subset_std": population standard deviation over subsets}."""
        banks = required(real), fake
        size = min(self.size, *map(len, banks))
        values = []
        for _ in range(self.n):
            a, b = (bank.features()[random_order(bank.index, rng)[:size]] for bank in banks)
            values.append(squared_mmd(a, b))
        return {"kid": float(np.mean(values)), "kid_subset_std": float(np.std(values))}

    def ranges(
        self, real: FeatureBank | None, fake: FeatureBank, values: Mapping[str, float]
    ) -> dict[str, tuple[float, float]]:
        """As `Kid.ranges`: the mean of many subsets is near the value of all rows."""
        return Kid().ranges(real, fake, values)


def squared_mmd(real: ArrayLike, fake: ArrayLike) -> float:
    """Unbiased squared MMD with k(x, y) = (x.y / dim + 1)^3, in float64.

    Args:
        real, fake: (m, dim) and (n, dim); m and n may differ.

    Raises:
        MetricError: fewer than 2 rows, unequal dimensions, or values that are not finite.
    """
    a, b = pair(real, fake, at_least=2)
    m, n = len(a), len(b)
    within = _sum_within(a) / (m * (m - 1)) + _sum_within(b) / (n * (n - 1))
    return float(within - 2.0 * _sum_between(a, b) / (m * n))


def _self_terms(bank: FeatureBank) -> float:
    """What comparing rows with themselves adds to the squared MMD, from evenly spaced rows."""
    x = bank.features()[:: -(-len(bank) // _ROWS)].astype(np.float64)
    kernel = _kernel(x, x)
    own, n = float(np.trace(kernel)), len(x)
    return (own / n - (float(kernel.sum()) - own) / (n * (n - 1))) / len(bank)


def _part_sums(parts: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Sums of k over all pairs of two different rows, by the parts that they are in."""
    sums = np.diag([_sum_within(x) for x in parts])
    for p, q in itertools.combinations(range(len(parts)), 2):
        sums[p, q] = sums[q, p] = _sum_between(parts[p], parts[q])
    return sums


def _sum_between(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Sum of k over all pairs of a row of x and a row of y."""
    pairs = ((rows, columns) for rows in _blocks(x) for columns in _blocks(y))
    return float(sum(_kernel(rows, columns).sum() for rows, columns in pairs))


def _sum_within(x: NDArray[Any]) -> float:
    """Sum of k over all pairs of two different rows of x; every pair is computed once."""
    total = 0.0
    for start, rows in zip(range(0, len(x), _ROWS), _blocks(x), strict=True):
        own = _kernel(rows, rows)
        total += own.sum() - np.trace(own)
        total += 2.0 * _sum_between(rows, x[start + _ROWS :])
    return total


def _blocks(x: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(x), _ROWS):
        yield x[start : start + _ROWS].astype(np.float64)


def _kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    base = x @ y.T / x.shape[1] + 1.0
    return np.asarray(base * base * base)  # `**` would call pow for every element
