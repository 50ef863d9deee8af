"""The banded search misses nothing, and compares few."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anyres_bench.building import duplicates
from anyres_bench.building.duplicates import components, near_components


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


def expected(hashes: NDArray[np.uint8], distance: int) -> list[int]:
    return components(len(hashes), sorted(brute_force(hashes, distance)))


@pytest.mark.parametrize("many", [0, 4, 64])
@pytest.mark.parametrize("distance", [0, 1, 15, 16, 31])
def test_every_near_pair_is_joined(
    distance: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether pair by pair or star by star."""
    monkeypatch.setattr(duplicates, "_MANY", many)
    hashes = planted(300, distance)
    joined = expected(hashes, distance)
    assert near_components(hashes, distance).tolist() == joined
    assert len(set(joined)) < 300 or distance == 0


@given(st.integers(0, 2**32), st.integers(0, 31), st.sampled_from([0, 3, 64]))
@settings(max_examples=15)
def test_clusters_and_chains(seed: int, distance: int, many: int) -> None:
    """Walks of few bits a step, so that ends are far apart and the steps between are near."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (80, 256), dtype=np.uint8)
    for i in range(1, 80):
        if rng.random() < 0.9:
            bits[i] = bits[rng.integers(max(i - 5, 0), i)]
            bits[i, rng.choice(256, rng.integers(0, 40), replace=False)] ^= 1
    hashes = np.packbits(bits, axis=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_MANY", many)
        assert near_components(hashes, distance).tolist() == expected(hashes, distance)


def test_the_worst_case_of_the_pigeonholes() -> None:
    """31 bits spread over 16 bands: one band differs in one bit, all others in two."""
    base = np.zeros(256, np.uint8)
    other = base.copy()
    for band in range(16):
        other[band * 16 : band * 16 + (1 if band == 7 else 2)] = 1
    hashes = np.packbits(np.stack([base, other]), axis=1)
    assert near_components(hashes, 31).tolist() == [0, 0]
    assert near_components(hashes, 30).tolist() == [0, 1]


def test_few_and_equal_ones() -> None:
    hashes = np.zeros((4, 32), np.uint8)
    assert near_components(hashes, 31).tolist() == [0] * 4
    assert near_components(hashes[:1], 31).tolist() == [0]


def test_many_at_once() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (8_000, 32), dtype=np.uint8)
    hashes[1] = hashes[7_999]
    hashes[1, 0] ^= 3
    joined = near_components(hashes, 31)
    assert joined[7_999] == 1
    joined[7_999] = 7_999
    assert (joined == np.arange(8_000)).all()


@pytest.mark.parametrize(
    ("n_cameras", "n"),
    [(1, 3_000), pytest.param(2, 100_000, marks=pytest.mark.slow)],
)
def test_look_alikes_take_no_memory_a_pair(n_cameras: int, n: int) -> None:
    """Pictures of cameras that never move: n^2 / 2 pairs, of which none is kept."""
    rng = np.random.default_rng(0)
    bases = rng.integers(0, 256, (n_cameras, 32), dtype=np.uint8)
    hashes = np.repeat(bases, n // n_cameras, axis=0)
    for _ in range(10):
        turned = rng.integers(0, 256, len(hashes))
        hashes[np.arange(len(hashes)), turned >> 3] ^= (1 << (turned & 7)).astype(np.uint8)
    tracemalloc.start()
    joined = near_components(hashes, 31)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(set(joined.tolist())) == n_cameras
    assert peak < (50 << 20) + 2000 * n


def test_components() -> None:
    assert components(6, [(4, 3), (1, 4), (5, 0)]) == [0, 1, 2, 1, 1, 0]
    assert components(3, []) == [0, 1, 2]
