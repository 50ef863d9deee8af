"""Pictures painted from back to front: plain, grained and laid materials behind masks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from anyres_bench.data.patterns import Cells, Courses, inside, lattice
from anyres_bench.data.worlds import Array, Grid

Colour = tuple[float, float, float]
"""Red, green and blue of 0 to 1 in full light."""

Rectangle = tuple[float, float, float, float]
"""Top, left, bottom and right, in heights of the canvas."""

Material = Callable[[Grid], Array]
"""Colours of some pixels, (3, h, w), or (3, 1, 1) where they are all the same."""

Mask = Callable[[Grid], Array]
"""Share of some pixels that is covered, (h, w)."""

_MOST_OCTAVES = 16
_JOINT_SHADE = 0.72


class Painting:
    """A picture in the making.

    Args:
        grid: its pixels.
        light: factors on the colours of all that does not shine, (3,).

    Attributes:
        rgb: (3, h, w), 0 to 1; black where nothing was painted yet.
    """

    def __init__(self, grid: Grid, light: Array) -> None:
        self.grid, self._light = grid, light[:, None, None]
        self.rgb = np.zeros((3, len(grid.y), len(grid.x)))

    def paint(self, box: Rectangle, material: Material, mask: Mask | None = None) -> None:
        """Cover a rectangle, or what a mask leaves of it."""
        self._blend(box, lambda part, under: self._light * material(part), mask)

    def shine(self, box: Rectangle, colour: Array, mask: Mask | None = None) -> None:
        """Cover a rectangle by a colour that needs no light."""
        self._blend(box, lambda part, under: colour[:, None, None], mask)

    def shade(self, box: Rectangle, factor: float) -> None:
        """Darken a rectangle."""
        self._blend(box, lambda part, under: factor * under, None)

    def _blend(
        self, box: Rectangle, colour: Callable[[Grid, Array], Array], mask: Mask | None
    ) -> None:
        grid, (top, left, bottom, right) = self.grid, box
        down = inside(grid.y, grid.pixel, top, bottom)
        across = inside(grid.x, grid.pixel, left, right)
        rows, columns = _extent(down), _extent(across)
        part = grid.part(rows, columns)
        if not len(part.y) or not len(part.x):
            return
        cover = down[rows, None] * across[columns]
        if mask is not None:
            cover = cover * mask(part)
        under = self.rgb[:, rows, columns]
        under += cover * (colour(part, under) - under)


def _extent(cover: Array) -> slice:
    """From the first to the last pixel that is covered at all."""
    (found,) = np.nonzero(cover)
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0)


def plain(colour: Colour) -> Material:
    """The same everywhere."""
    value = np.asarray(colour)[:, None, None]
    return lambda grid: value


def grain(colour: Colour, contrast: float, cell: tuple[float, float], key: np.uint64) -> Material:
    """Cells of random tone in cells of random tone: each octave adds the same contrast.

    Args:
        colour: the mean.
        contrast: largest change of tone by one octave.
        cell: height and width of the coarsest cells, in heights of the canvas.
        key: of the tones.
    """
    base = np.asarray(colour)[:, None, None]
    return lambda grid: base * (1 + contrast * octaves(grid, cell, key))


def octaves(grid: Grid, cell: tuple[float, float], key: np.uint64) -> Array:
    """Sum over octaves, from `cell` down to the pixel, of a number in (-1, 1) a cell, (h, w)."""
    total = np.zeros((len(grid.y), len(grid.x)))
    for k in range(_MOST_OCTAVES):
        height, width = (side * 0.5**k for side in cell)
        # Borders of all octaves at different places: a third of a cell goes into no half cell.
        rows = Cells.along(grid.y, grid.pixel, height, height / 3)
        columns = Cells.along(grid.x, grid.pixel, width, width / 3)
        if not rows.fade and not columns.fade:
            break
        total += lattice(key + np.uint64(k), rows, columns)
    return total


def laid(colour: Colour, contrast: float, courses: Courses, key: np.uint64) -> Material:
    """Bricks, slabs or tiles of different tone between darker joints, with a grain of their own."""
    base = np.asarray(colour)[:, None, None]

    def material(grid: Grid) -> Array:
        joints, bricks = courses.draw(key, grid.y, grid.x, grid.pixel)
        fine = octaves(grid, (courses.height / 2, courses.width / 4), key + np.uint64(99))
        tone = 1 + contrast * (bricks + 0.5 * fine)
        shade: Array = base * (tone + (_JOINT_SHADE - tone) * joints)
        return shade

    return material


def disc(y: float, x: float, radius: float) -> Mask:
    """A disc, its edge blurred over a pixel."""

    def mask(grid: Grid) -> Array:
        dy, dx = grid.y[:, None] - y, grid.x - x
        cover: Array = np.clip((radius - np.sqrt(dy * dy + dx * dx)) / grid.pixel + 0.5, 0, 1)
        return cover

    return mask


def wedge(top: tuple[float, float], halves: tuple[float, float], bottom: float) -> Mask:
    """What lies between two slopes.

    Args:
        top: y and x of the middle of the upper edge.
        halves: half widths of the upper and the lower edge.
        bottom: y of the lower edge.
    """
    y, x = top
    slope = (halves[1] - halves[0]) / (bottom - y)
    steepness = np.sqrt(1 + slope * slope)

    def mask(grid: Grid) -> Array:
        within = halves[0] + slope * (grid.y[:, None] - y) - np.abs(grid.x - x)
        cover: Array = np.clip(within / (grid.pixel * steepness) + 0.5, 0, 1)
        return cover

    return mask
