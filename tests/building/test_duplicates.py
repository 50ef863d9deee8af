"""The banded search misses nothing, and compares few."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from anyres_bench.building.duplicates import components, near_pairs


def planted(n: int, seed: int) -> NDArray[np.uint8]:
    """Random hashes, half of them copies of earlier ones with 0 to 40 bits turned."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (n, 256), dtype=np.uint8)
    for i in range(n // 2, n):
        bits[i] = bits[i - n // 2]
        turned = rng.choice(256, rng.integers(0, 41), replace=False)
        bits[i, turned] ^= 1
    return np.packbits(bits, axis=1)


def brute_force(hashes: NDArray[np.uint8], distance: int) -> set[tuple[int, int]]:
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(axis=2)
    return {(int(i), int(j)) for i, j in np.argwhere(apart <= distance) if i < j}


@pytest.mark.parametrize("distance", [0, 1, 15, 16, 31])
def test_every_near_pair_is_found(distance: int) -> None:
    hashes = planted(300, distance)
    expected = brute_force(hashes, distance)
    assert {tuple(pair) for pair in near_pairs(hashes, distance).tolist()} == expected
    assert expected or distance == 0


def test_the_worst_case_of_the_pigeonholes() -> None:
    """31 bits spread over 16 bands: one band differs in one bit, all others in two."""
    base = np.zeros(256, np.uint8)
    other = base.copy()
    for band in range(16):
        other[band * 16 : band * 16 + (1 if band == 7 else 2)] = 1
    hashes = np.packbits(np.stack([base, other]), axis=1)
    assert near_pairs(hashes, 31).tolist() == [[0, 1]]
    assert near_pairs(hashes, 30).tolist() == []


def test_equal_hashes_are_a_chain() -> None:
    hashes = np.zeros((4, 32), np.uint8)
    assert near_pairs(hashes, 31).tolist() == [[0, 1], [1, 2], [2, 3]]
    assert near_pairs(hashes[:1], 31).shape == (0, 2)


def test_many_at_once() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (8_000, 32), dtype=np.uint8)
    hashes[1] = hashes[7_999]
    hashes[1, 0] ^= 3
    assert near_pairs(hashes, 31).tolist() == [[1, 7_999]]


def test_components() -> None:
    assert components(6, [(4, 3), (1, 4), (5, 0)]) == [0, 1, 2, 1, 1, 0]
    assert components(3, []) == [0, 1, 2]
