"""Near-duplicates: the same picture twice, in other bytes.

Two hashes that differ in at most 31 of 256 bits differ, in at least one of 16 bands of 16 bits, in
at most one bit. So looking up each band and its 16 neighbours finds every such pair and meets few
others: nothing is missed, and no pair of all n^2 is compared in vain.

Where many meet, as the pictures of a camera that never moves do, they are not paired one by one:
those near one of them are joined through it, and what is joined already is not looked at again. So
memory grows with the number of hashes, whatever they are.

Source: Norouzi, Punjani, Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_N_BANDS = 16
_BLOCK = 1 << 22  # pairs that are compared at once
_MANY = 64  # hashes of one value of a band that are no longer paired one by one

Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]


def near_components(hashes: NDArray[np.uint8], distance: int) -> Numbers:
    """For each hash the smallest number of those that it hangs together with over near pairs.

    Args:
        hashes: (n, 32) uint8.
        distance: bits, 0 to 31, by which near hashes differ at most.

    Returns:
        (n,) int64.
    """
    assert 0 <= distance < 2 * _N_BANDS, f"the bands find at most 31 bits, not {distance}"
    unique, first, of = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
    words, bands = unique.view(np.uint64), unique.view(np.uint16)
    labels = np.arange(len(unique))
    flips = [0] + [1 << bit for bit in range(16)] * (distance >= _N_BANDS)
    for band in range(_N_BANDS):
        places = _Places.of(bands[:, band])
        for flip in flips:
            labels = _joined(words, places, flip, labels, distance)
    smallest = np.full(len(unique), len(hashes))
    np.minimum.at(smallest, labels, first)
    return smallest[labels][of.reshape(-1)]


def distances(one: Words, many: Words) -> NDArray[np.int64]:
    """Bits in which a hash of four words differs from each of many, (n,) int64."""
    bits: NDArray[np.int64] = np.bitwise_count(one ^ many).sum(axis=-1, dtype=np.int64)
    return bits


@dataclass(frozen=True)
class _Places:
    """Hashes in the order of a band's values.

    Attributes:
        order: (n,), from place to hash.
        values: (n,), in that order.
        starts: (65537,), the first place of each value.
    """

    order: Numbers
    values: NDArray[np.uint16]
    starts: Numbers

    @classmethod
    def of(cls, values: NDArray[np.uint16]) -> _Places:
        """Those of a band."""
        starts = np.zeros((1 << 16) + 1, np.int64)
        np.cumsum(np.bincount(values, minlength=1 << 16), out=starts[1:])
        order = np.argsort(values, kind="stable")
        return cls(order, values[order], starts)

    def met(self, flip: int) -> tuple[Numbers, Numbers]:
        """For each place, where those whose value differs in `flip` begin, and how many."""
        wanted = self.values ^ np.uint16(flip)
        left = self.starts[wanted]
        return left, self.starts[1:][wanted] - left


def _joined(words: Words, places: _Places, flip: int, labels: Numbers, distance: int) -> Numbers:
    """The labels after joining near hashes whose values of a band differ in `flip` alone."""
    order = places.order
    left, n_met = places.met(flip)
    own_left, n_own = places.met(0)
    is_many = np.maximum(n_met, n_own) > max(_MANY, 8 * len(order) >> 16)
    # Each pair of values is met from one of the two.
    counts = np.where(is_many | (places.values & flip > 0), 0, n_met)
    pairs = list(_pairs(words, order, left, counts, labels, distance))
    for k in np.flatnonzero(is_many & (own_left == np.arange(len(order))) & (own_left <= left)):
        members = order[own_left[k] : own_left[k] + n_own[k]]
        if flip:
            members = np.concatenate([members, order[left[k] : left[k] + n_met[k]]])
        if labels[members].min() != labels[members].max():
            labels = _merged(labels, pairs)
            pairs = [_star_pairs(words, members, labels, distance)]
    return _merged(labels, pairs)


def _pairs(
    words: Words, order: Numbers, left: Numbers, counts: Numbers, labels: Numbers, distance: int
) -> Iterator[Numbers]:
    """Near pairs that are not joined yet, block by block: (n, 2) each.

    The k-th in `order` meets those at places `left[k]` to `left[k] + counts[k]`.
    """
    ends = np.cumsum(counts)
    start = 0
    while start < len(order):
        base = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, base + _BLOCK, "right")), start + 1)
        n = counts[start:stop]
        i = order[np.repeat(np.arange(start, stop), n)]
        offset = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        j = order[np.repeat(left[start:stop], n) + offset]
        apart = labels[i] != labels[j]
        i, j = i[apart], j[apart]
        near = distances(words[i], words[j]) <= distance
        yield np.stack([i[near], j[near]], axis=1)
        start = stop


def _star_pairs(words: Words, members: Numbers, labels: Numbers, distance: int) -> Numbers:
    """Pairs that join what is near among members: stars around one each, then star with star."""
    stars: list[Numbers] = []
    pairs: list[tuple[int, int]] = []
    left = members
    while len(left):
        near = distances(words[left[0]], words[left]) <= distance
        stars.append(left[near])
        pairs += [(int(left[0]), int(i)) for i in left[near] if labels[i] != labels[left[0]]]
        left = left[~near]
    centres = words[[star[0] for star in stars]]
    radii = np.array([distances(words[star[0]], words[star]).max() for star in stars])
    names = [labels[star[0]] for star in stars]
    for k, star in enumerate(stars):
        reach = distances(centres[k], centres[k + 1 :]) - radii[k] - radii[k + 1 :]
        for m in np.flatnonzero(reach <= distance) + k + 1:
            if names[k] != names[m] and (pair := _first_near(words, star, stars[m], distance)):
                pairs.append(pair)
                names = [names[k] if name == names[m] else name for name in names]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _first_near(
    words: Words, some: Numbers, others: Numbers, distance: int
) -> tuple[int, int] | None:
    """One near pair of one of some and one of others; None where there is none."""
    n_rows = max(_BLOCK // len(others), 1)
    for start in range(0, len(some), n_rows):
        part = some[start : start + n_rows]
        near = distances(words[part][:, None], words[others][None]) <= distance
        if near.any():
            i, j = np.unravel_index(int(near.argmax()), near.shape)
            return int(part[i]), int(others[j])
    return None


def _merged(labels: Numbers, pairs: Sequence[Numbers]) -> Numbers:
    """The labels after joining pairs."""
    found = labels[np.concatenate(pairs)] if pairs else np.empty((0, 2), np.int64)
    if not len(found):
        return labels
    names, numbers = np.unique(found, return_inverse=True)
    roots = components(len(names), numbers.reshape(-1, 2).tolist())
    renamed = np.arange(len(labels))
    renamed[names] = names[roots]
    return renamed[labels]


def components(n: int, pairs: Sequence[Sequence[int]]) -> list[int]:
    """For each of n items, the smallest item that it hangs together with over the pairs."""
    parent = list(range(n))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in pairs:
        one, two = sorted((root(i), root(j)))
        parent[two] = one
    return [root(i) for i in range(n)]
