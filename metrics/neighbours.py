"""Nearest neighbours and balls, decided exactly, in little memory.

A float32 matrix product gives every squared distance with a proven error bound. Only pairs that the
bound leaves open are decided, by direct differences in float64; where they are many (a tight
cluster far from the rest), a float64 product narrows them down first. So ties are true ties, an
offset of the features costs no digits, and the answer depends on no block size or thread count.

Rows that occur several times are looked at once and counted as often as they occur: a generator
that always draws the same image costs no more than any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ties = Literal["strict", "inclusive"]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

_TILE = 2048  # rows and columns of the distance matrix in memory at a time
_VALUES = 1 << 22  # float64 differences in memory at a time


class Pairs(NamedTuple):
    """Pairs of a row i of one set and a row j of another, and their squared distances."""

    i: Indices
    j: Indices
    squared: NDArray[np.float64]

    def closer(self, reach: NDArray[np.float64], ties: Ties) -> Pairs:
        """Those nearer than the square root of `reach`, one for each, or as near ("inclusive")."""
        return self.take(self.squared < reach if ties == "strict" else self.squared <= reach)

    def take(self, which: NDArray[Any]) -> Pairs:
        """Some of the pairs, by mask or by order."""
        return Pairs(self.i[which], self.j[which], self.squared[which])


@dataclass(frozen=True)
class Points:
    """The distinct rows of a set.

    Attributes:
        rows: (m, dim), in the order of their first occurrence.
        number: (n,) int64, which of them each row of the set is.
        centre: (dim,) float64, origin of the approximate distances.
        scale: power of two that brings the features near 1, so that float32 holds their squares.
        centred: (m, dim) float32, (rows - centre) * scale.
        norm: (m,) float64, squared lengths of the centred rows.
    """

    rows: NDArray[Any]
    number: Indices
    centre: NDArray[np.float64]
    scale: float
    centred: NDArray[np.float32]
    norm: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    def weights(self, kept: NDArray[np.bool_] | None = None) -> Indices:
        """(m,) how often each distinct row occurs, in all or in the rows that are kept."""
        number = self.number if kept is None else self.number[kept]
        return np.bincount(number, minlength=len(self))

    def take(self, which: Indices) -> Points:
        """Some of the distinct rows."""
        rows, centred, norm = self.rows[which], self.centred[which], self.norm[which]
        return Points(rows, np.arange(len(which)), self.centre, self.scale, centred, norm)

    def near_origin(self, part: slice, dtype: type) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Some of the centred rows, in float32 or float64, and their squared lengths."""
        if dtype is np.float32:
            return self.centred[part], self.norm[part]
        rows = (self.rows[part] - self.centre) * self.scale
        return rows, np.einsum("ij,ij->i", rows, rows)


def points(real: NDArray[Any], fake: NDArray[Any]) -> tuple[Points, Points]:
    """The distinct rows of both sets, about the mean of the real one."""
    centre = real.mean(axis=0, dtype=np.float64)
    corners = [bound for x in (real, fake) for bound in (x.min(axis=0), x.max(axis=0))]
    largest = max(float(np.abs(corner - centre).max()) for corner in corners)
    scale = float(np.exp2(-np.ceil(np.log2(largest)))) if largest > 0 else 1.0
    return _distinct(real, centre, scale), _distinct(fake, centre, scale)


def _distinct(features: NDArray[Any], centre: NDArray[np.float64], scale: float) -> Points:
    first: dict[bytes, int] = {}
    number = np.array([first.setdefault(row.tobytes(), len(first)) for row in features])
    first_rows = np.unique(number, return_index=True)[1]
    rows = features if len(first) == len(features) else features[first_rows]
    centred, norm = np.empty(rows.shape, np.float32), np.empty(len(rows))
    step = max(1, _VALUES // rows.shape[1])
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        centred[part] = (rows[part] - centre) * scale
        norm[part] = np.square(centred[part], dtype=np.float64).sum(axis=1)
    return Points(rows, number, centre, scale, centred, norm)


def kth_nearest(of: Points, weightings: Sequence[Indices], k: int) -> NDArray[np.float64]:
    """Squared distance of each distinct row to the k-th nearest other row of its own set.

    Args:
        weightings: how often each distinct row is in the set, once for every subset that is asked
            about; each subset has more than k rows. Copies of a row are others at distance 0.

    Returns:
        (len(weightings), len(of)); NaN, which is in no ball, for rows that are not in a subset.
    """
    squared = np.full((len(weightings), len(of)), np.nan)
    rows, count = np.arange(len(of)), min(k, len(of) - 1)
    if len(weightings) > 1:  # subsets lack some of the nearest
        count = min(4 * k + 12, len(of) - 1)
    while len(rows):
        number, distance = _ranked(of, rows, count)
        distance = np.hstack([np.zeros((len(rows), 1)), distance])
        enough = np.ones(len(rows), bool)
        for weight, result in zip(weightings, squared, strict=True):
            seen = np.cumsum(np.hstack([weight[rows, None] - 1, weight[number]]), axis=1)
            reached, present = seen[:, -1] >= k, weight[rows] > 0
            first = (seen >= k).argmax(axis=1)
            here = np.flatnonzero(reached & present)
            result[rows[here]] = distance[here, first[here]]
            enough &= reached | ~present
        assert enough.all() or count < len(of) - 1, "a subset has no more than k rows"
        rows, count = rows[~enough], min(4 * count, len(of) - 1)
    return squared


def nearest(of: Points, among: Points) -> tuple[NDArray[np.float64], Indices]:
    """Squared distance to, and number of, the nearest row of another set; the first on ties."""
    number, squared = _first(_candidates(of, among, 1), 1)
    return squared[:, 0], number[:, 0]


def within(
    a: Points, b: Points, reaches: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> Iterator[list[Pairs]]:
    """Pairs of rows of a and b that may lie in a ball.

    Args:
        reaches: smallest and largest squared radius that is asked about; each (len(a), 1), of
            balls around the rows of a, or (1, len(b)).

    Yields:
        for one tile of all pairs at a time, the pairs of each reach: every one with a squared
        distance up to the largest. It is exact, or -infinity where certainly below the smallest.
    """
    for rows, columns in _tiles(a, b):
        for dtype in (np.float32, np.float64):
            lower, upper = _bounds(a, b, rows, columns, dtype)
            own = [[_scaled(r, a, b, dtype)[rows, columns] for r in reach] for reach in reaches]
            sure = [upper < smallest for smallest, _ in own]
            maybe = [lower <= largest for _, largest in own]
            if not any(_too_many(m & ~s) for m, s in zip(maybe, sure, strict=True)):
                break
        yield [_pairs(a, b, rows, columns, m, s) for m, s in zip(maybe, sure, strict=True)]


def _scaled(reach: NDArray[np.float64], a: Points, b: Points, dtype: type) -> NDArray[Any]:
    return np.broadcast_to((reach * a.scale**2).astype(dtype), (len(a), len(b)))


def _pairs(a: Points, b: Points, rows: slice, columns: slice, maybe: Mask, sure: Mask) -> Pairs:
    i, j = _where(maybe)
    unsure = np.flatnonzero(~sure[i, j])
    pairs = Pairs(i + rows.start, j + columns.start, np.full(len(i), -np.inf))
    pairs.squared[unsure] = _squared_distances(a, b, pairs.i[unsure], pairs.j[unsure])
    return pairs


def _ranked(of: Points, rows: Indices, count: int) -> tuple[Indices, NDArray[np.float64]]:
    """Numbers and squared distances of the `count` nearest others of some rows, nearest first."""
    if not count:
        return np.zeros((len(rows), 0), np.int64), np.zeros((len(rows), 0))
    if len(rows) == len(of):
        return _first(_candidates(of, of, count), count)
    found = _candidates(of.take(rows), of, count + 1)
    return _first(found.take(found.j != rows[found.i]), count)


def _first(pairs: Pairs, count: int) -> tuple[Indices, NDArray[np.float64]]:
    """(rows, count) of j and squared distance: the nearest to each i, the lower j of equals."""
    pairs = pairs.take(np.lexsort((pairs.j, pairs.squared, pairs.i)))
    rank = np.arange(len(pairs.i)) - np.searchsorted(pairs.i, pairs.i)
    pairs = pairs.take(rank < count)
    return pairs.j.reshape(-1, count), pairs.squared.reshape(-1, count)


def _candidates(a: Points, b: Points, k: int) -> Pairs:
    """Pairs with every row j of b that may be among the k nearest to row i of a, and few others.

    Where a is b, a row is no neighbour of itself, and each pair of tiles is looked at once.
    """
    limits = np.full((len(a), k), np.inf)  # the k smallest upper bounds of each row so far
    kept = []
    for rows, columns in _tiles(a, b):
        if a is b and columns.start < rows.start:
            continue
        for dtype in (np.float32, np.float64):
            lower, upper = _bounds(a, b, rows, columns, dtype)
            if a is b and rows == columns:
                np.fill_diagonal(lower, np.inf)
                np.fill_diagonal(upper, np.inf)
            sides = [(rows, columns, lower, _smallest(limits[rows], upper, k))]
            if a is b and rows != columns:
                sides.append((columns, rows, lower.T, _smallest(limits[columns], upper.T, k)))
            masks = [low <= limit[:, k - 1 :] for _, _, low, limit in sides]
            if not any(_too_many(mask, k) for mask in masks):
                break
        for (own, other, low, limit), mask in zip(sides, masks, strict=True):
            limits[own] = limit
            i, j = _where(mask)
            kept.append((i + own.start, j + other.start, low[i, j]))
    i, j, low = (np.concatenate(column) for column in zip(*kept, strict=True))
    near = low <= limits[i, k - 1]
    i, j = i[near], j[near]
    return Pairs(i, j, _squared_distances(a, b, i, j))


def _smallest(limits: NDArray[np.float64], upper: NDArray[Any], k: int) -> NDArray[np.float64]:
    """The k smallest of each row of `limits` and `upper` together; the largest of them last."""
    few = min(k, upper.shape[1])
    new = np.partition(upper, few - 1, axis=1)[:, :few]
    return np.partition(np.hstack([limits, new]), k - 1, axis=1)[:, :k]


def _tiles(a: Points, b: Points) -> Iterator[tuple[slice, slice]]:
    for row in range(0, len(a), _TILE):
        for column in range(0, len(b), _TILE):
            yield slice(row, row + _TILE), slice(column, column + _TILE)


def _too_many(mask: Mask, expected: int = 0) -> bool:
    """Whether float64 differences of the pairs would cost more than a float64 product."""
    return bool(np.count_nonzero(mask) > (expected + 32) * len(mask))


def _where(mask: Mask) -> tuple[Indices, Indices]:
    """Row and column of the true elements; much faster than `nonzero` where they are few."""
    i, j = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return i, j


def _bounds(
    a: Points, b: Points, rows: slice, columns: slice, dtype: type
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Lower and upper bounds of the squared distances of a tile, times the squared scale.

    |x|^2 + |y|^2 - 2 x.y with unit roundoff u is off by at most u (dim + 9) (|x|^2 + |y|^2): a sum
    of dim products in any order, the rounding of x and y themselves, and the sums here; to first
    order in u, hence the little more below. The floor is for products that underflow.

    Source: Higham, "Accuracy and stability of numerical algorithms", 2nd edition, section 3.1.
    """
    (x, norm_x), (y, norm_y) = a.near_origin(rows, dtype), b.near_origin(columns, dtype)
    share = (1.01 * x.shape[1] + 32) * np.finfo(dtype).eps / 2
    floor = x.shape[1] * float(np.finfo(dtype).tiny)
    upper = (-2 * x) @ y.T
    upper += ((1 + share) * norm_x + floor).astype(dtype)[:, None]
    upper += ((1 + share) * norm_y + floor).astype(dtype)
    lower = upper - (2 * share * norm_x + 2 * floor).astype(dtype)[:, None]
    lower -= (2 * share * norm_y + 2 * floor).astype(dtype)
    return lower, upper


def _squared_distances(a: Points, b: Points, i: Indices, j: Indices) -> NDArray[np.float64]:
    """d^2 of pairs of rows by direct differences, the same for (x, y) and (y, x)."""
    squared = np.empty(len(i))
    step = max(1, _VALUES // a.rows.shape[1])
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        difference = a.rows[i[part]].astype(np.float64) - b.rows[j[part]]
        squared[part] = np.square(difference, out=difference).sum(axis=1)
    return squared
