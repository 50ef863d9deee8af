"""Random numbers that depend on a seed and labels alone.

A stream is named, not shared: `stream(seed, "crop", 17)` is the same on every machine, whatever
was drawn before it and however the work was split. Words come from Philox, a counter-based
generator whose raw output is fixed by its paper; uniforms and normals are made from those words
here, so they never change with a numpy release (numpy's own `Generator` methods may).

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Philox 4x64-10).
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike, NDArray

from anyres_bench.core.counts import whole_number
from anyres_bench.core.errors import UsageError

_TWO_POW_53 = float(1 << 53)
_PART = re.compile(r"\s*([0-9]{1,19})(?:-([0-9]{1,19}))?\s*")
_MOST_SEEDS = 1_000_000  # of one call


class _Key(ISeedSequence):
    """A key of Philox. `Philox(key=...)` would ask the system for random numbers beside it."""

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self.words = words

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint64) -> NDArray[np.uint64]:
        """The key, which has two words of 64 bits."""
        assert (n_words, np.dtype(dtype)) == (2, np.dtype(np.uint64))
        return self.words


class Stream:
    """A reproducible stream of random numbers; made by `stream`."""

    def __init__(self, key: bytes) -> None:
        words = np.frombuffer(key, "<u8").astype(np.uint64)
        self._words = np.random.Philox(_Key(words))  # type: ignore[arg-type]  # numpy's own interface

    def words(self, n: int) -> NDArray[np.uint64]:
        """`n` raw 64-bit words."""
        return np.atleast_1d(np.asarray(self._words.random_raw(n), dtype=np.uint64))

    def uniform(self, shape: int | tuple[int, ...] = ()) -> NDArray[np.float64]:
        """Float64 uniforms in [0, 1) with 53 random bits each."""
        n = shape if isinstance(shape, int) else math.prod(shape)
        return ((self.words(n) >> np.uint64(11)) / _TWO_POW_53).reshape(shape)

    def normal(self, shape: int | tuple[int, ...] = ()) -> NDArray[np.float64]:
        """Float64 standard normals by the Box-Muller transform, two words a number."""
        radius = np.sqrt(-2.0 * np.log1p(-self.uniform(shape)))  # 1 - u lies in (0, 1]
        return np.asarray(radius * np.cos(2.0 * np.pi * self.uniform(shape)))

    def integers(self, low: int, high: int, shape: int | tuple[int, ...] = ()) -> NDArray[np.int64]:
        """Int64 integers, uniform in [low, high] with both ends; the bias is below range / 2^53."""
        assert high >= low, f"empty range [{low}, {high}]"
        return low + np.floor(self.uniform(shape) * (high - low + 1)).astype(np.int64)

    def integer(self, low: int, high: int) -> int:
        """One integer, uniform in [low, high] with both ends."""
        assert high >= low, f"empty range [{low}, {high}]"
        word = int(self._words.random_raw())
        return low + int((word >> 11) / _TWO_POW_53 * (high - low + 1))

    def permutation(self, n: int) -> NDArray[np.int64]:
        """A uniform permutation of range(n)."""
        return np.argsort(self.words(n), kind="stable")

    def choice(self, n: int, k: int) -> NDArray[np.int64]:
        """`k` distinct elements of range(n), in random order."""
        return self.permutation(n)[:k]


def stream(seed: int, *labels: Any) -> Stream:
    """The stream named by `seed` and `labels` (ints and strings, told apart by type).

    >>> stream(1, "z", 5).integer(0, 999) == stream(1, "z", 5).integer(0, 999)
    True
    """
    plain = (int(x) if isinstance(x, (int, np.integer)) else str(x) for x in labels)
    name = repr((int(seed), *plain))
    return Stream(hashlib.sha256(name.encode()).digest()[:16])


def checked_seed(seed: int) -> int:
    """The seed, of any type that is a whole number, as one that records can hold.

    Raises:
        UsageError: it is no whole number, or has more than 63 bits and a sign.
    """
    seed = whole_number("the seed", seed)
    if not -(1 << 63) <= seed < 1 << 63:
        raise UsageError(f"the seed has {seed.bit_length()} bits; expected 63 at most, and a sign")
    return seed


def parse_seeds(text: str) -> list[int]:
    """The seeds of a text.

    Raises:
        UsageError: it is no list of numbers and ranges, or they are too many or too large.

    >>> parse_seeds("0-3,7")
    [0, 1, 2, 3, 7]
    """
    matches = [_PART.fullmatch(part) for part in text.split(",")]
    ranges = [(int(found[1]), int(found[2] or found[1])) for found in matches if found]
    shown = f"seeds {text!r:.60}"
    if len(ranges) < len(matches):
        raise UsageError(
            f"{shown} are not numbers and ranges of at most 19 digits, such as 0-15 or 3,5,8"
        )
    for first, last in ranges:
        checked_seed(last)
        if first > last:
            raise UsageError(
                f"{shown}: {first}-{last} names nothing; a range runs from low to high"
            )
    if (n := sum(last - first + 1 for first, last in ranges)) > _MOST_SEEDS:
        raise UsageError(f"{shown} are {n:,}; at most {_MOST_SEEDS:,} are rendered in one call")
    return [seed for first, last in ranges for seed in range(first, last + 1)]
