"""Patterns along rows and columns, averaged over each pixel in closed form.

What is bounded by rows and columns (bars, courses of bricks, cells of a lattice) has an exact mean
over a pixel: no samples are taken, nothing aliases, and a picture shrunk by averaging is the
picture rendered smaller. What varies from cell to cell with mean zero fades out as cells become
smaller than two pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anyres_bench.data.worlds import Array, Index, cell_uniforms


def inside(centres: Array, pixel: float, low: float, high: float) -> Array:
    """Share of each pixel that lies between two places, (n,)."""
    below = np.maximum(centres - 0.5 * pixel, low)
    above = np.minimum(centres + 0.5 * pixel, high)
    return np.clip((above - below) / pixel, 0, 1)


def bars(centres: Array, pixel: float, period: float, share: float, start: float = 0.0) -> Array:
    """Share of each pixel that bars cover, (n,); bar k goes from `start` + k periods on."""
    low = (centres - 0.5 * pixel - start) / period
    width = pixel / period
    return (_bars_up_to(low + width, share) - _bars_up_to(low, share)) / width


def _bars_up_to(place: Array, share: float) -> Array:
    whole = np.floor(place)
    return whole * share + np.minimum(place - whole, share)


@dataclass(frozen=True)
class Cells:
    """The cells along one axis that each pixel sees.

    Attributes:
        first: (n,) number of the cell that the pixel begins in.
        second: (n,) share of the pixel in the cell after it.
        fade: 0 where a cell is a pixel or less, 1 from two pixels on.
    """

    first: Index
    second: Array
    fade: float

    @classmethod
    def along(cls, centres: Array, pixel: float, size: float, start: float = 0.0) -> Cells:
        """Cells of one size, cell 0 from `start` on."""
        low = (centres - 0.5 * pixel - start) / size
        width = pixel / size
        first = np.floor(low)
        second = np.clip((low + width - first - 1) / width, 0, 1)
        return cls(first.astype(np.intp), second, min(max(1 / width - 1, 0.0), 1.0))

    @property
    def span(self) -> Index:
        """Numbers of all cells that are seen."""
        return np.arange(self.first.min(), self.first.max() + 2)

    def mean(self, values: Array) -> Array:
        """Values (..., span) of the cells -> means (..., n) over the pixels."""
        at = self.first - self.first.min()
        return values[..., at] * (1 - self.second) + values[..., at + 1] * self.second


def lattice(key: np.uint64, rows: Cells, columns: Cells) -> Array:
    """A number in (-1, 1) a cell, averaged over the pixels, (h, w)."""
    fade = rows.fade * columns.fade
    if not fade:
        return np.zeros((len(rows.first), len(columns.first)))
    down, across = rows.span, columns.span
    row, column = np.repeat(down, len(across)), np.tile(across, len(down))
    values = (2 * cell_uniforms(key, row, column, 1)[0] - 1).reshape(len(down), len(across))
    return fade * columns.mean(rows.mean(values.T).T)


@dataclass(frozen=True)
class Courses:
    """Rows of bricks, every second one shifted by half a brick.

    Attributes:
        height, width: of a brick with its joint.
        joint: thickness of the joint over the height.
        start: (y, x) where brick (0, 0) begins.
    """

    height: float
    width: float
    joint: float
    start: tuple[float, float]

    def draw(self, key: np.uint64, y: Array, x: Array, pixel: float) -> tuple[Array, Array]:
        """Share of each pixel that joints cover, and a number in (-1, 1) a brick, both (h, w)."""
        top, left = self.start
        rows = Cells.along(y, pixel, self.height, top)
        flat = bars(y, pixel, self.height, self.joint, top)
        upright, bricks = [], []
        for parity in (0, 1):
            begin = left + 0.5 * self.width * parity
            upright.append(bars(x, pixel, self.width, self.joint * self.height / self.width, begin))
            columns = Cells.along(x, pixel, self.width, begin)
            bricks.append(_of_rows(key, rows, columns, parity))
        odd = _odd_share(y, pixel, self.height, top)[:, None]
        joints = upright[0] * (1 - odd) + upright[1] * odd
        return flat[:, None] + (1 - flat[:, None]) * joints, bricks[0] + bricks[1]


def _of_rows(key: np.uint64, rows: Cells, columns: Cells, parity: int) -> Array:
    """`lattice` with every second row of cells set to zero."""
    fade = rows.fade * columns.fade
    if not fade:
        return np.zeros((len(rows.first), len(columns.first)))
    down, across = rows.span, columns.span
    row, column = np.repeat(down, len(across)), np.tile(across, len(down))
    values = (2 * cell_uniforms(key, row, column, 1)[0] - 1) * (row % 2 == parity)
    return fade * columns.mean(rows.mean(values.reshape(len(down), len(across)).T).T)


def _odd_share(y: Array, pixel: float, height: float, top: float) -> Array:
    """Share of each pixel in courses of odd number."""
    return bars(y, pixel, 2 * height, 0.5, top + height)
