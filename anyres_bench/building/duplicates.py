"""Near-duplicates: the same picture twice, in other bytes.

Two hashes that differ in at most 31 of 256 bits differ, in at least one of 16 bands of 16 bits, in
at most one bit. So looking up each band and its 16 neighbours finds every such pair and meets few
others: nothing is missed, and no pair of all n^2 is compared in vain.

Source: Norouzi, Punjani, Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_N_BANDS = 16
_BLOCK = 1 << 22  # candidate pairs that are compared at once


def near_pairs(hashes: NDArray[np.uint8], distance: int) -> NDArray[np.int64]:
    """All pairs of hashes within a Hamming distance.

    Args:
        hashes: (n, 32) uint8.
        distance: bits, 0 to 31.

    Returns:
        (n_pairs, 2) int64, i < j, sorted. Of equal hashes only neighbours are paired, as a chain.
    """
    assert 0 <= distance < 2 * _N_BANDS, f"the bands find at most 31 bits, not {distance}"
    unique, of = np.unique(hashes, axis=0, return_inverse=True)
    pairs = [_equal(of.reshape(-1))]
    first = np.unique(of.reshape(-1), return_index=True)[1]
    words, bands = unique.view(np.uint64), unique.view(np.uint16)
    for band in range(_N_BANDS):
        for i, j in _meetings(bands[:, band], neighbours=distance >= _N_BANDS):
            near = np.bitwise_count(words[i] ^ words[j]).sum(axis=1) <= distance
            pairs.append(np.stack([first[i[near]], first[j[near]]], axis=1))
    found = np.sort(np.concatenate(pairs), axis=1)
    return np.unique(found, axis=0) if len(found) else found


def _equal(of: NDArray[np.intp]) -> NDArray[np.int64]:
    """Each hash paired with the next equal one."""
    order = np.argsort(of, kind="stable")
    same = of[order[1:]] == of[order[:-1]]
    return np.stack([order[:-1][same], order[1:][same]], axis=1).astype(np.int64)


def _meetings(
    values: NDArray[np.uint16], neighbours: bool
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Blocks of pairs (i, j), i < j, whose values are equal, or differ in one bit."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    flips = [0] + [1 << bit for bit in range(16)] * neighbours
    for flip in flips:
        wanted = values ^ np.uint16(flip)
        left = np.searchsorted(ordered, wanted, "left")
        counts = np.searchsorted(ordered, wanted, "right") - left
        ends = np.cumsum(counts)
        start = 0
        while start < len(values):
            base = ends[start - 1] if start else 0
            stop = max(int(np.searchsorted(ends, base + _BLOCK, "right")), start + 1)
            n = counts[start:stop]
            i = np.repeat(np.arange(start, stop), n)
            offset = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
            j = order[np.repeat(left[start:stop], n) + offset]
            yield i[i < j], j[i < j]
            start = stop


def components(n: int, pairs: Sequence[tuple[int, int]] | NDArray[np.int64]) -> list[int]:
    """For each of n items, the smallest item that it hangs together with over the pairs."""
    parent = list(range(n))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in pairs:
        one, two = sorted((root(int(i)), root(int(j))))
        parent[two] = one
    return [root(i) for i in range(n)]
