"""Random orders and parts in which a row's place depends on its own index or group.

So a sample changes only a little when some rows are left out, which the jackknife needs, and not
at all with the order in which rows arrived.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from anyres_bench.core.seeds import Stream

Kept = tuple[NDArray[np.bool_], NDArray[np.bool_]]  # parts of the real, of the fake side
KeptRows = tuple[NDArray[np.bool_], NDArray[np.bool_]]  # rows of both sides
RowParts = tuple[NDArray[np.int64], NDArray[np.int64]]  # part of each row of both sides
Values = list[dict[str, float]]


@dataclass(frozen=True)
class Average:
    """How a value is a mean over the rows of one side.

    Attributes:
        side: "real" or "fake", whose rows are averaged.
        smooth: whether leaving out few rows of the other side changes what a row adds by little
            or for few; not where balls of the other side are drawn anew.
    """

    side: Literal["real", "fake"]
    smooth: bool = False


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
class Parts:
    """The groups of one side, dealt into parts.

    Attributes:
        groups: (n_groups,) int64, ascending.
        place: (n_groups,) int64, part of each group.
        rows: (n_groups,) how many rows each has.
    """

    groups: NDArray[np.int64]
    place: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def deal(cls, group: NDArray[np.int64], count: int, rng: Stream) -> Parts:
        """`count` parts of nearly equal numbers of rows: large groups first, equal ones at random.

        Args:
            group: of each row.
        """
        groups, rows = np.unique(group, return_counts=True)
        order = random_order(groups, rng)
        order = order[np.argsort(-rows[order], kind="stable")]
        place = np.empty(len(groups), np.int64)
        lightest = [(0, part) for part in range(count)]
        for each in order:
            weight, part = lightest[0]
            place[each] = part
            heapq.heapreplace(lightest, (weight + int(rows[each]), part))
        return cls(groups, place, rows)

    def __len__(self) -> int:
        return int(self.place.max()) + 1

    def of(self, group: NDArray[np.int64]) -> NDArray[np.int64]:
        """Part of each row."""
        return self.place[np.searchsorted(self.groups, group)]

    @property
    def share(self) -> NDArray[np.float64]:
        """(n_groups,) share of the rows that each group has."""
        return np.asarray(self.rows / self.rows.sum())

    @property
    def n_effective(self) -> float:
        """Groups of equal size that would tell a mean as well, rows of a group being copies.

        Source: Kish, "Survey sampling", 1965, section 8.2.
        """
        return float(1.0 / np.square(self.share).sum()) if len(self.groups) else 0.0

    @property
    def weight(self) -> NDArray[np.float64]:
        """(n_parts,) share of the rows that each part has."""
        return np.asarray(np.bincount(self.place, self.share), np.float64)

    @property
    def unrest(self) -> NDArray[np.float64]:
        """(n_parts,) variance of the mean of each part, in those of one group's mean."""
        return np.asarray(np.bincount(self.place, self.share**2) / self.weight**2)


def leave_one_out(count: int) -> NDArray[np.bool_]:
    """(count, count) parts that each subset keeps: all but one."""
    return ~np.eye(count, dtype=bool)


def half_samples(count: int) -> NDArray[np.bool_]:
    """Balanced halves of `count` parts, a power of two, and then the other halves.

    The rows of a Hadamard matrix are orthogonal, so for a mean this is the textbook variance of
    the parts, exactly. Values that move in steps, such as counts of neighbours, differ between
    halves by more than a step, as between subsets that lack one part they may not.

    Source: McCarthy, "Pseudo-replication: half samples", Review of the International Statistical
    Institute 37, 1969.
    """
    half = scipy.linalg.hadamard(count)[1:] > 0
    return np.concatenate([half, ~half])


def keys(index: NDArray[np.int64], rng: Stream) -> NDArray[np.uint64]:
    """(n,) a random word for each index, new with each call.

    Source: the output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    x = index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + rng.words(1)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
