"""Statistics of features that add: `a + b` is both the next batch and the other rank.

`FeatureBank` keeps every row and is read in the order of the global index, so whatever is computed
from it is the same bit for bit for any batch size, batch order, worker or rank count. `Moments`
keeps sums only, for streams too large to keep; its sums depend on the order in the last digits.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.errors import MetricError

Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.str_]]


class FeatureBank:
    """Feature rows with their global index, group and stratum, in index order. Never changes.

    Args:
        index: (n,) integers >= 0, the global position of each row.
        group: (n,) integers; rows of one group depend on each other (one image, one latent).
        features: (n, dim) float32, finite.
        stratum: what all rows are of (a canvas size, an aspect); empty where there is one.

    A row may come twice (padded ranks send the last ones again) if it is the same bit for bit.

    Raises:
        MetricError: shapes or types do not fit, a value is not finite, or two different rows claim
            one index.
    """

    def __init__(
        self, index: ArrayLike, group: ArrayLike, features: ArrayLike, stratum: str = ""
    ) -> None:
        rows = np.asarray(index), np.asarray(group), np.asarray(features)
        _check_rows(*rows)
        labels = np.full(len(rows[0]), stratum)
        # Copies: whoever made the batch may use its buffers again.
        part = rows[0].astype(np.int64), rows[1].astype(np.int64), rows[2].copy(), labels
        self._parts: list[Rows] = [part] if len(rows[0]) else []

    @classmethod
    def empty(cls) -> FeatureBank:
        """A bank without rows, which fits any dimension."""
        return cls._of([])

    @classmethod
    def of_batches(cls, banks: Iterable[FeatureBank]) -> FeatureBank:
        """The rows of all. Cheap: rows are put in order when first read."""
        parts = [part for bank in banks for part in bank._parts]
        for _, _, features, _ in parts:
            if features.shape[1] != parts[0][2].shape[1]:
                raise MetricError(
                    f"features of {parts[0][2].shape[1]} and of {features.shape[1]} dimensions "
                    "cannot be put together; use one extractor for all batches"
                )
        return cls._of(parts)

    @classmethod
    def _of(cls, parts: list[Rows]) -> FeatureBank:
        bank = cls.__new__(cls)
        bank._parts = parts
        return bank

    def __add__(self, other: FeatureBank) -> FeatureBank:
        """The rows of both. Cheap: rows are put in order when first read."""
        return FeatureBank.of_batches([self, other])

    def __len__(self) -> int:
        return len(self.index)

    @property
    def dim(self) -> int:
        """Length of a row; 0 for an empty bank."""
        return self._parts[0][2].shape[1] if self._parts else 0

    @property
    def index(self) -> NDArray[np.int64]:
        """(n,) int64, ascending and unique."""
        return self._rows[0]

    @property
    def group(self) -> NDArray[np.int64]:
        """(n,) int64, in index order."""
        return self._rows[1]

    def features(self) -> NDArray[np.float32]:
        """(n, dim) float32 in index order; read-only."""
        return self._rows[2]

    @property
    def stratum(self) -> NDArray[np.str_]:
        """(n,) text, in index order."""
        return self._rows[3]

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of all rows, as 64 hex digits."""
        return digest_of(self._rows)

    def subset(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> FeatureBank:
        """Some of the rows: a mask, (n,) bool in index order, or positions in that order."""
        index, group, features, stratum = self._rows
        return FeatureBank._of([(index[which], group[which], features[which], stratum[which])])

    def strata(self) -> dict[str, FeatureBank]:
        """The rows of each stratum, in the order in which strata come first."""
        labels = dict.fromkeys(self.stratum.tolist())
        return {label: self.subset(self.stratum == label) for label in labels}

    @functools.cached_property
    def _rows(self) -> Rows:
        if not self._parts:
            empty = np.zeros(0, np.int64)
            return empty, empty, np.zeros((0, 0), np.float32), np.zeros(0, np.str_)
        if len(self._parts) > 1 or not (np.diff(self._parts[0][0]) > 0).all():
            self._parts = [_ordered(self._parts)]
        index, group, features, stratum = _drop_repeats(*self._parts[0])
        for column in (index, group, features, stratum):
            column.flags.writeable = False
        self._parts = [(index, group, features, stratum)]
        return self._parts[0]

    @classmethod
    def of_strata(cls, banks: Mapping[str, FeatureBank]) -> FeatureBank:
        """One bank of several, each of them a stratum; groups of one number stay one group."""
        parts, first = list[Rows](), 0
        for label, bank in banks.items():
            labels = np.full(len(bank), label)
            parts.append((bank.index + first, bank.group, bank.features(), labels))
            first += int(bank.index.max(initial=-1)) + 1
        return cls.of_batches(map(cls._of, ([part] for part in parts if len(part[0]))))


def digest_of(arrays: Iterable[NDArray[Any]]) -> str:
    """SHA-256 of the types, shapes and contents of arrays, as 64 hex digits."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _ordered(parts: list[Rows]) -> Rows:
    """All rows by their index, equal ones as they came; takes the parts out of the list.

    Features are let go of part by part as they are put in their places, so that they are not held
    twice.
    """
    index = np.concatenate([part[0] for part in parts])
    group = np.concatenate([part[1] for part in parts])
    stratum = np.concatenate([part[3] for part in parts])
    order = np.argsort(index, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    features = np.empty((len(order), parts[0][2].shape[1]), np.float32)
    end = len(order)
    while parts:
        rows = parts.pop()[2]
        features[place[end - len(rows) : end]] = rows
        end -= len(rows)
    return index[order], group[order], features, stratum[order]


def _check_rows(index: NDArray[Any], group: NDArray[Any], features: NDArray[Any]) -> None:
    if features.ndim != 2 or index.shape != features.shape[:1] or group.shape != index.shape:
        raise MetricError(
            f"index {index.shape}, group {group.shape} and features {features.shape} do not fit; "
            "expected (n,), (n,) and (n, dim)"
        )
    if index.dtype.kind not in "iu" or group.dtype.kind not in "iu" or (index < 0).any():
        raise MetricError("index and group must be integers, and an index may not be negative")
    if features.dtype != np.float32:
        raise MetricError(f"features are {features.dtype}, expected float32")
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise MetricError(
            f"{(~finite).sum()} of {len(features)} feature rows are not finite, first at index "
            f"{index[~finite][0]}; the images or the extractor gave NaN or infinity"
        )


def _drop_repeats(
    index: NDArray[np.int64],
    group: NDArray[np.int64],
    features: NDArray[np.float32],
    stratum: NDArray[np.str_],
) -> Rows:
    """Keep the first row of each index of sorted rows; the others must equal it bit for bit."""
    again = np.flatnonzero(np.diff(index) == 0) + 1
    if not len(again):
        return index, group, features, stratum
    bits = features.view(np.int32)
    same = (bits[again] == bits[again - 1]).all(axis=1) & (group[again] == group[again - 1])
    same &= stratum[again] == stratum[again - 1]
    if not same.all():
        raise MetricError(
            f"two different rows claim index {index[again[~same][0]]}; give every image its own "
            "global index, and use features that do not depend on the batch"
        )
    keep = np.ones(len(index), bool)
    keep[again] = False
    return index[keep], group[keep], features[keep], stratum[keep]


@dataclass(frozen=True)
class Moments:
    """Count, sum and sum of outer products of rows, in float64.

    The sums are of rows minus `shift`, the mean of the first batch: raw second moments of features
    far from zero lose most of their digits.

    Attributes:
        count: number of rows.
        shift: (dim,) float64.
        total: (dim,) float64, sum of (x - shift).
        outer: (dim, dim) float64, sum of (x - shift)(x - shift)^T.
    """

    count: int
    shift: NDArray[np.float64]
    total: NDArray[np.float64]
    outer: NDArray[np.float64]

    @classmethod
    def empty(cls) -> Moments:
        """No rows; fits any dimension."""
        return cls(0, np.zeros(0), np.zeros(0), np.zeros((0, 0)))

    @classmethod
    def of(cls, features: ArrayLike, shift: NDArray[np.float64] | None = None) -> Moments:
        """Moments of (n, dim) rows, about `shift` or else about their own mean.

        Raises:
            MetricError: not a matrix, or a value is not finite.
        """
        rows = np.asarray(features, np.float64)
        if rows.ndim != 2 or not np.isfinite(rows).all():
            raise MetricError(f"expected a finite (n, dim) matrix, got shape {rows.shape}")
        if not len(rows):
            return cls.empty()
        shift = rows.mean(axis=0) if shift is None else shift
        centred = rows - shift
        return cls(len(rows), shift, centred.sum(axis=0), centred.T @ centred)

    def about(self, shift: NDArray[np.float64]) -> Moments:
        """The same rows about another point: exact algebra, no second look at the data."""
        d = self.shift - shift
        cross = np.outer(d, self.total)
        outer = self.outer + cross + cross.T + self.count * np.outer(d, d)
        return Moments(self.count, shift, self.total + self.count * d, outer)

    def __add__(self, other: Moments) -> Moments:
        if not self.count or not other.count:
            return self if self.count else other
        other = self._aligned(other)
        return Moments(
            self.count + other.count,
            self.shift,
            self.total + other.total,
            self.outer + other.outer,
        )

    def __sub__(self, part: Moments) -> Moments:
        """Moments of the rows that are not in `part`, which must be some of these rows."""
        if not part.count:
            return self
        part = self._aligned(part)
        return Moments(
            self.count - part.count,
            self.shift,
            self.total - part.total,
            self.outer - part.outer,
        )

    def _aligned(self, other: Moments) -> Moments:
        if self.shift.shape != other.shift.shape:
            raise MetricError(
                f"moments of {len(self.shift)} and of {len(other.shift)} dimensions cannot be put "
                "together; use one extractor for all batches"
            )
        same = np.array_equal(self.shift, other.shift)
        return other if same else other.about(self.shift)

    @property
    def mean(self) -> NDArray[np.float64]:
        """(dim,) mean."""
        return self.shift + self.total / self.count

    def covariance(self, ddof: int = 1) -> NDArray[np.float64]:
        """(dim, dim) covariance, divided by count - ddof."""
        centred = np.outer(self.total, self.total / -self.count)
        centred += self.outer
        centred /= self.count - ddof
        return centred
