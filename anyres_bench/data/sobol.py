"""Scrambled Sobol points: positions that fill a square more evenly than chance does.

Point i is a function of the key and of i alone, in integers, so it is the same on every machine,
rank and batch, and with every version of any library: task ids depend on it. Of the first 2^k
points, each coordinate has one in every 2^-k of its range.

Source: Joe and Kuo, "Constructing Sobol sequences with better two-dimensional projections", SIAM
Journal on Scientific Computing 30, 2008 (direction numbers); Matousek, "On the L2-discrepancy for
anchored boxes", Journal of Complexity 14, 1998 (linear scrambling with a digital shift).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import UsageError
from anyres_bench.core.seeds import stream

N_AXES = 4
BITS = 32

# Degree and inner coefficients of the primitive polynomial of each axis after the first, and its
# first direction numbers.
_POLYNOMIALS = ((1, 0, (1,)), (2, 1, (1, 3)), (3, 1, (1, 3, 1)))


def directions() -> NDArray[np.uint64]:
    """(4, 32) direction numbers as 32-bit fractions, before any scrambling."""
    first = [1 << (BITS - 1 - bit) for bit in range(BITS)]
    return np.array([first, *(_directions(*p) for p in _POLYNOMIALS)], np.uint64)


def _directions(degree: int, inner: int, start: tuple[int, ...]) -> list[int]:
    numbers = [m << (BITS - 1 - bit) for bit, m in enumerate(start)]
    for bit in range(degree, BITS):
        number = numbers[bit - degree] ^ (numbers[bit - degree] >> degree)
        for k in range(1, degree):
            if inner >> (degree - 1 - k) & 1:
                number ^= numbers[bit - k]
        numbers.append(number)
    return numbers


@dataclass(frozen=True)
class Sobol:
    """One scrambling of the sequence.

    Attributes:
        vectors: (4, 32) uint64, what each bit of a point's number contributes.
        shift: (4,) uint64, what every point is shifted by.
    """

    vectors: NDArray[np.uint64]
    shift: NDArray[np.uint64]

    @classmethod
    def scrambled(cls, seed: int, *labels: int | str) -> Sobol:
        """The scrambling of a seed and labels."""
        rng = stream(seed, "sobol", *labels)
        vectors = [_scrambled(row, rng.words(BITS)) for row in directions()]
        return cls(np.stack(vectors), rng.words(N_AXES) >> np.uint64(64 - BITS))

    def point(self, i: int) -> tuple[int, ...]:
        """Coordinates of point i, four integers below 2^32.

        Raises:
            UsageError: i is negative, or 2^32 or more.
        """
        if not 0 <= i < 1 << BITS:
            raise UsageError(f"a Sobol sequence has points 0 to 2^{BITS} - 1, not {i}")
        found = self.shift.copy()
        for bit in range(i.bit_length()):
            if i >> bit & 1:
                found ^= self.vectors[:, bit]
        return tuple(int(x) for x in found)


def _scrambled(row: NDArray[np.uint64], words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Direction numbers times a random lower triangular matrix of bits with ones on the diagonal.

    Digit b of the product, the first being the most significant, is the parity of the digits up to
    b that row b of the matrix selects.
    """
    result = np.zeros_like(row)
    for digit in range(BITS):
        place = BITS - 1 - digit
        own = 1 << place
        above = int(words[digit]) & ((1 << BITS) - 1) & ~(2 * own - 1)
        parity = np.array([(int(v) & (above | own)).bit_count() & 1 for v in row], np.uint64)
        result |= parity << np.uint64(place)
    return result


class PointDraws:
    """The coordinates of one point, one a draw: what a view rule takes its random numbers from."""

    def __init__(self, point: tuple[int, ...]) -> None:
        self._left = list(point)

    def integer(self, low: int, high: int) -> int:
        """Uniform in [low, high], both ends included."""
        return low + (self._left.pop(0) * (high - low + 1) >> BITS)

    def uniform(self) -> float:
        """Uniform in [0, 1)."""
        return self._left.pop(0) / (1 << BITS)
