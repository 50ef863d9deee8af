"""What the procedural worlds share: pixel grids, hashed cells, pictures of 8 bits.

A world is a function of position drawn from a seed, rendered at any region of any canvas. Only
exactly rounded operations (+, -, *, /, square roots and comparisons) lead from seed to pixel, so
the bits are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.geometry import Region
from anyres_bench.data.pixels import Pixels

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Index = NDArray[np.intp]

_ROW = np.uint64(0x9E3779B97F4A7C15)
_COLUMN = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True)
class World:
    """One rule from seeds to pictures.

    Attributes:
        name: of its collector and its generator.
        rule: name of the rule from seed to pixels; it changes whenever a pixel does.
        aspects: width over height of collected pictures as "W:H", each also upright.
        render: (seed, region) -> (3, h, w) float32 RGB in [-1, 1]. The region may reach beyond
            the canvas, where the world goes on.
    """

    name: str
    rule: str
    aspects: tuple[str, ...]
    render: Callable[[int, Region], Floats]

    def picture(self, seed: int, region: Region) -> Pixels:
        """A window in 8 bits, (h, w, 3) uint8."""
        image = self.render(seed, region)
        levels = np.rint((image.clip(-1, 1) + 1) * np.float32(127.5)).astype(np.uint8)
        return levels.transpose(1, 2, 0)


@dataclass(frozen=True)
class Grid:
    """Pixels of a window in a world's coordinates, in heights of the canvas.

    Attributes:
        y: (h,) pixel centres, from 0 at the top of the canvas to 1 at its bottom.
        x: (w,) pixel centres, 0 in the middle of the canvas.
        pixel: side of a pixel.
    """

    y: Array
    x: Array
    pixel: float

    @classmethod
    def of(cls, region: Region) -> Self:
        """The pixels of a region."""
        canvas = region.canvas
        rows, columns = np.arange(region.size.height), np.arange(region.size.width)
        return cls(
            (2 * (rows + region.top) + 1) / (2 * canvas.height),
            (2 * (columns + region.left) + 1 - canvas.width) / (2 * canvas.height),
            1 / canvas.height,
        )

    def part(self, rows: slice, columns: slice) -> Self:
        """Some rows and columns."""
        return type(self)(self.y[rows], self.x[columns], self.pixel)


def cell_uniforms(key: np.uint64, row: Index, column: Index, n_words: int) -> Array:
    """(4 n_words, n) uniforms in (0, 1), 16 bits each, of lattice cells.

    Source: the mixing function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    word = row.astype(np.uint64) * _ROW + column.astype(np.uint64) * _COLUMN + key
    words = []
    for _ in range(n_words):
        word = word + _ROW
        mixed: NDArray[Any] = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        words.append(mixed ^ (mixed >> np.uint64(31)))
    bits = np.stack(words, axis=1).astype("<u8").view("<u2")
    return np.ascontiguousarray(bits.T + 0.5) / 65536
