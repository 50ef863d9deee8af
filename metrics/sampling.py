"""Random orders and folds in which a row's place depends on its own index or group.

So a sample changes only a little when some rows are left out, which the jackknife needs, and not
at all with the order in which rows arrived.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from anyres_bench.core.seeds import Stream

Replicates = list[dict[str, float]]


def random_order(index: NDArray[np.int64], rng: Stream) -> NDArray[np.int64]:
    """Positions of `index` in an order that is random and new with each call."""
    return np.argsort(keys(index, rng), kind="stable")


def group_folds(group: NDArray[np.int64], count: int, rng: Stream) -> NDArray[np.int64]:
    """(n,) fold of each row, in range(count): groups stay whole and spread evenly."""
    groups, inverse = np.unique(group, return_inverse=True)
    place = np.empty(len(groups), np.int64)
    place[random_order(groups, rng)] = np.arange(len(groups))
    return np.asarray((place * count // len(groups))[inverse])


@dataclass(frozen=True)
class Replication:
    """Subsets of one side from which the variance of a value is told.

    Attributes:
        part: (n,) int64, part of each row.
        keep: (n_replicates, n_parts) bool, parts that each subset keeps.
        scale: variance of the value over the variance of the replicates.
    """

    part: NDArray[np.int64]
    keep: NDArray[np.bool_]
    scale: float

    @property
    def n_parts(self) -> int:
        """How many parts there are."""
        return int(self.keep.shape[1])

    @property
    def freedom(self) -> int:
        """Degrees of freedom: parts less one."""
        return self.n_parts - 1

    def masks(self) -> Iterator[NDArray[np.bool_]]:
        """(n,) mask of the rows that each subset keeps."""
        return (keep[self.part] for keep in self.keep)


def leave_one_out(count: int) -> tuple[NDArray[np.bool_], float]:
    """`keep` and `scale` of the jackknife: each subset lacks one part."""
    return ~np.eye(count, dtype=bool), count - 1.0


def half_samples(count: int) -> tuple[NDArray[np.bool_], float]:
    """`keep` and `scale` of balanced halves of `count` parts, a power of two, and the other halves.

    The rows of a Hadamard matrix are orthogonal, so for a mean this is the textbook variance of
    the parts, exactly. Values that move in steps, such as counts of neighbours, differ between
    halves by more than a step, as between subsets that lack one part they may not.

    Source: McCarthy, "Pseudo-replication: half samples", Review of the International Statistical
    Institute 37, 1969.
    """
    half = scipy.linalg.hadamard(count)[1:] > 0
    return np.concatenate([half, ~half]), 1.0


def keys(index: NDArray[np.int64], rng: Stream) -> NDArray[np.uint64]:
    """(n,) a random word for each index, new with each call.

    Source: the output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    x = index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + rng.words(1)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
