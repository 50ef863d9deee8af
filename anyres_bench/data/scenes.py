"""The procedural world: dead leaves over a landscape, rendered at any size.

A scene is a function of position drawn from a seed. Leaves (ellipses with shading and stripes)
lie in layers, each half an octave finer than the one below and hiding what it covers; there is no
finest layer, so a canvas of any size has detail down to its pixel. Which leaf lies where is hashed
from the scene, the layer and the cell of a lattice, so a window costs what its own pixels cost, and
is the same, bit for bit, rendered alone or cut from the whole.

The law. Radii have density r^-3, so the leaves of every octave cover the same share of the plane.
A leaf takes the colour of the leaf that its centre lies on, plus a jitter of mean zero. So each
octave adds the same variance at its own scale: the covariance falls with the logarithm of the
distance, the power spectrum as 1/f^2 (equal power in every octave), and away from the largest
leaves the statistics of a patch do not depend on the size of the canvas that it was cut from.
Leaves below a pixel fade out and leave the colour that they lie on, which is their mean. Measured
on ground: exponent 1.9 to 2.1 up to a quarter of Nyquist, octaves equal to 0.1 in log10; the
pixel's antialiasing takes 0.05 off the second octave below Nyquist and 0.35 off the first.

Source: Lee, Mumford and Huang, "Occlusion models for natural images: a statistical study of a
scale-invariant dead leaves model", IJCV 41, 2001, for the r^-3 law. Theirs lie in random order
with independent colours, which needs a smallest leaf, or every point is dust; here small lies on
large and takes after it, so the law holds down to any scale.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.geometry import Box, Region
from anyres_bench.core.seeds import stream
from anyres_bench.data.landscape import DEFAULT_STYLE, Landscape, Style
from anyres_bench.data.worlds import Array, Floats, Grid, Index, World, cell_uniforms

WORLD = "dead-leaves@1"
"""Name of the rule from seed to pixels; it changes whenever a pixel does."""

_CELL = 2.9  # side of a lattice cell, in largest radii of the layer; a leaf stays in its cell
_TURN = (0.08, 0.25)  # smallest and largest tangent of a lattice's turn to either side
_PRESENT = 0.85  # share of the cells that hold a leaf
_MAX_ASPECT = 1.9
_FADE = (0.7, 0.9)  # half minor axis, in pixels, at which a leaf begins to show and fully shows
_MOST_LAYERS = 64
_TILE = 256  # pixels

# Colour of a leaf against what it lies on, in units of the place's roughness.
_LIGHTNESS = 0.42
_ACCENT = 0.16
_SHADE = 0.22
_LIGHT = np.asarray([-0.8, -0.5])  # (y, x) of the side that faces the light
_STRIPES = 0.35
_MOOD_CHANGES = 0.25  # share of leaves with a contrast of their own
_GAIN = np.float32(1.15)


@dataclass(frozen=True)
class Scene:
    """A world of its own.

    Attributes:
        seed: any integer.
        style: what it was drawn from.
    """

    seed: int
    style: Style = DEFAULT_STYLE

    @functools.cached_property
    def landscape(self) -> Landscape:
        """What lies under the leaves."""
        return Landscape.draw(stream(self.seed, "scene", "landscape"), self.style)

    @functools.cached_property
    def keys(self) -> NDArray[np.uint64]:
        """One word a layer."""
        return stream(self.seed, "scene", "leaves").words(_MOST_LAYERS)

    @functools.cached_property
    def lattices(self) -> Array:
        """Per layer: shift (y, x) in cells, sine and cosine of the turn.

        Shifted and turned, the borders of the cells, which no leaf crosses, meet nowhere and run
        along no row or column of pixels.
        """
        shift, turn = np.split(
            stream(self.seed, "scene", "lattices").uniform((_MOST_LAYERS, 4)), 2, axis=1
        )
        low, high = _TURN
        tangent = (low + (high - low) * turn[:, 0]) * np.where(turn[:, 1] < 0.5, -1, 1)
        cosine = 1 / np.sqrt(1 + tangent * tangent)
        return np.concatenate([shift, (tangent * cosine)[:, None], cosine[:, None]], axis=1)


def render(scene: Scene, region: Region) -> Floats:
    """A window of the scene on a canvas.

    Args:
        scene: what to render.
        region: the window; it may reach beyond the canvas, where the world goes on.

    Returns:
        (3, h, w) float32 RGB in [-1, 1]. Each value is a function of the scene, the canvas and the
        pixel's place on it alone, by exactly rounded operations: the bits are the same anywhere.
    """
    height, width = region.size
    image = np.empty((3, height, width), np.float32)
    # Tiles keep the leaves of a large window in the cache, and out of the memory.
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            box = Box(top, left, min(_TILE, height - top), min(_TILE, width - left))
            window = _Window.of(region.crop(box))
            tile = _composite(scene.landscape, _leaves(scene, window), window)
            image[:, box.top : box.bottom, box.left : box.right] = tile
    return image


SCENES = World(
    "scenes", WORLD, ("1:1", "4:3", "3:2"), lambda seed, region: render(Scene(seed), region)
)


class _Window(Grid):
    """A region in scene coordinates."""

    @functools.cached_property
    def corners(self) -> Array:
        """(2, 4) y and x of the corner pixels."""
        return np.stack(np.meshgrid(self.y[[0, -1]], self.x[[0, -1]])).reshape(2, 4)

    def sees(self, centre: Array, radius: Array) -> NDArray[np.bool_]:
        """Whether a disc (y, x) may touch a pixel."""
        seen = np.ones(len(radius), np.bool_)
        for place, pixels in zip(centre, (self.y, self.x), strict=True):
            middle, half = (pixels[0] + pixels[-1]) / 2, (pixels[-1] - pixels[0]) / 2
            seen &= np.abs(place - middle) <= half + radius + self.pixel
        return seen


@dataclass(frozen=True)
class _Lattice:
    """The cells of one layer that a window needs; leaves are numbered row by row from `offset`.

    Attributes:
        cell: side.
        frame: shift (y, x) in cells, sine and cosine of the turn.
        first: row and column of the first cell.
        shape: numbers of rows and columns.
    """

    cell: float
    frame: tuple[float, ...]
    first: tuple[int, int]
    shape: tuple[int, int]
    offset: int

    @classmethod
    def around(cls, points: Array, cell: float, frame: Array, offset: int) -> _Lattice:
        """The cells of side `cell` that may hold some (2, n) points (y, x), and one around them."""
        lattice = cls(cell, tuple(frame.tolist()), (0, 0), (0, 0), offset)
        row, column = lattice._places(points[0], points[1])
        first = int(row.min()) - 1, int(column.min()) - 1
        shape = int(row.max()) + 2 - first[0], int(column.max()) + 2 - first[1]
        return dataclasses.replace(lattice, first=first, shape=shape)

    @property
    def leaves(self) -> slice:
        """Numbers of the leaves."""
        return slice(self.offset, self.offset + self.shape[0] * self.shape[1])

    def cells(self) -> Index:
        """(2, n) row and column of each leaf's cell."""
        rows, columns = (
            first + np.arange(n) for first, n in zip(self.first, self.shape, strict=True)
        )
        return np.stack([np.repeat(rows, len(columns)), np.tile(columns, len(rows))])

    def leaf(self, y: NDArray[Any], x: NDArray[Any]) -> Index:
        """Number of the leaf whose cell each point lies in, in the precision of the points."""
        row, column = (np.floor(place).astype(np.intp) for place in self._places(y, x))
        return np.asarray(
            (row - self.first[0]) * self.shape[1] + (column - self.first[1] + self.offset)
        )

    def points(self, places: Array) -> Array:
        """(2, n) points (y, x) at places in units of cells."""
        shift_y, shift_x, sine, cosine = self.frame
        row, column = (places[0] + shift_y) * self.cell, (places[1] + shift_x) * self.cell
        return np.stack([row * cosine + column * sine, column * cosine - row * sine])

    def _places(self, y: NDArray[Any], x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        shift_y, shift_x, sine, cosine = self.frame
        row = y * (cosine / self.cell) - x * (sine / self.cell) - shift_y
        return row, x * (cosine / self.cell) + y * (sine / self.cell) - shift_x


@dataclass(frozen=True)
class _Shapes:
    """Where leaves lie; all arrays end in (n,).

    Attributes:
        centre: (2, n) y and x.
        axes: (4, n) y and x part of the major, then of the minor axis, divided by its half length:
            on the rim the products with an offset (dy, dx) have a sum of squares of 1.
        major, minor: half lengths.
        present: whether there is a leaf in the cell at all.
        draws: (6, n) uniforms in (0, 1) for the looks.
    """

    centre: Array
    axes: Array
    major: Array
    minor: Array
    present: NDArray[np.bool_]
    draws: Array

    @classmethod
    def of_layer(cls, key: np.uint64, lattice: _Lattice) -> _Shapes:
        """The leaves of a layer's cells; a leaf never leaves its cell."""
        cells = lattice.cells()
        draws = cell_uniforms(key, cells[0], cells[1], n_words=3)
        radius = lattice.cell / _CELL / np.sqrt(1 + draws[0])  # density r^-3 over half an octave
        aspect = np.sqrt(1 + (_MAX_ASPECT - 1) * draws[1] * draws[1])
        major, minor = radius * aspect, radius / aspect
        room = 0.5 - major / lattice.cell
        centre = lattice.points(cells + 0.5 + (2 * draws[2:4] - 1) * room)
        tangent = 2 * draws[4] - 1  # of half the angle, so sine and cosine need no library
        norm = 1 + tangent * tangent
        cosine, sine = (1 - tangent * tangent) / norm, 2 * tangent / norm
        axes = np.stack([sine / major, cosine / major, cosine / minor, -sine / minor])
        return cls(centre, axes, major, minor, draws[5] < _PRESENT, draws[6:])

    @classmethod
    def joined(cls, parts: Sequence[_Shapes]) -> _Shapes:
        """All leaves of several layers."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(*(np.concatenate([getattr(p, n) for p in parts], axis=-1) for n in names))

    def cover(self, leaf: Index, points: Array) -> NDArray[np.bool_]:
        """Whether leaf i is there and covers point i of (2, n)."""
        dy, dx = points - self.centre[:, leaf]
        a = self.axes[0, leaf] * dy + self.axes[1, leaf] * dx
        b = self.axes[2, leaf] * dy + self.axes[3, leaf] * dx
        return np.asarray(self.present[leaf] & (a * a + b * b <= 1))


@dataclass(frozen=True)
class _Leaves:
    """What a pixel needs of the leaves of all layers, float32, finest layer first.

    Attributes:
        lattices: of the layers.
        centre: (2, n).
        reach: (n,) squared distance beyond which a leaf is not seen; 0 where there is none to see.
        looks: (12, n): axes (4), opacity, slope of the lightness along y and x, number and
            strength of the stripes, colour (3).
    """

    lattices: tuple[_Lattice, ...]
    centre: Floats
    reach: Floats
    looks: Floats


def _leaves(scene: Scene, window: _Window) -> _Leaves:
    pile = _lay(scene, window)
    shapes = pile.shapes
    colour, slope, n_stripes, stripes = _paint(scene, pile)
    low, high = _FADE
    opacity = np.clip((shapes.minor / window.pixel - low) / (high - low), 0, 1)
    period = shapes.major / (n_stripes * window.pixel)
    stripes = stripes * np.clip(period / 2 - 1, 0, 1)  # gone where a pixel holds half a period
    reach = shapes.major + window.pixel
    looks = [*shapes.axes, opacity, *slope, n_stripes, stripes, *colour]
    return _Leaves(
        pile.lattices,
        shapes.centre.astype(np.float32),
        (reach * reach * (shapes.present & (opacity > 0))).astype(np.float32),
        np.stack(looks).astype(np.float32),
    )


@dataclass(frozen=True)
class _Pile:
    """Leaves that lie on each other, finest layer first.

    Attributes:
        parent: (n,) number of the leaf that each lies on; -1 where there is none or the leaf is
            not needed.
        bare: numbers of the needed leaves that lie on the bare landscape.
    """

    lattices: tuple[_Lattice, ...]
    shapes: _Shapes
    parent: Index
    bare: Index


def _lay(scene: Scene, window: _Window) -> _Pile:
    """The leaves that a window needs: those it sees, those these lie on, and so on.

    From the finest layer to the coarsest: a leaf's centre is looked up in the layers below until
    one covers it, so a layer is needed where the window or a centre still looked up lies.
    """
    points, owners = np.empty((2, 0)), np.empty(0, np.intp)
    lattices, parts, found, offset = [], [], [], 0
    for k in reversed(range(_n_layers(scene, window))):
        cell = _CELL * _largest(scene.style, k)
        needed = np.concatenate([window.corners, points], axis=1)
        lattice = _Lattice.around(needed, cell, scene.lattices[k], offset)
        shapes = _Shapes.of_layer(scene.keys[k], lattice)
        under = lattice.leaf(*points)
        covered = shapes.cover(under - offset, points)
        found.append((owners[covered], under[covered]))
        wanted = window.sees(shapes.centre, shapes.major)
        wanted[under[covered] - offset] = True
        here = np.flatnonzero(wanted & shapes.present)
        points = np.concatenate([points[:, ~covered], shapes.centre[:, here]], axis=1)
        owners = np.concatenate([owners[~covered], here + offset])
        lattices.append(lattice)
        parts.append(shapes)
        offset = lattice.leaves.stop
    parent = np.full(offset, -1)
    for leaf, under in found:
        parent[leaf] = under
    return _Pile(tuple(lattices), _Shapes.joined(parts), parent, owners)


def _n_layers(scene: Scene, window: _Window) -> int:
    n = 0
    while _largest(scene.style, n) > _FADE[0] * window.pixel:
        n += 1
    assert n <= _MOST_LAYERS
    return n


def _largest(style: Style, k: int) -> float:
    """Largest radius in layer k: half an octave below that of the layer under it."""
    # A power of a square root would hang on the machine's library.
    return style.largest * 0.5 ** (k // 2) * (math.sqrt(0.5) if k % 2 else 1.0)


def _paint(scene: Scene, pile: _Pile) -> tuple[Array, Array, Array, Array]:
    """Colours (3, n), slopes of the lightness (2, n), numbers and strengths of stripes (n,)."""
    shapes, parent, bare = pile.shapes, pile.parent, pile.bare
    lean, lighten, change, new_mood, bend, stripe = shapes.draws
    n = len(parent)
    colour, slope = np.zeros((3, n)), np.zeros((2, n))
    # Roughness of the place, how much the leaves on a leaf differ from it, and both for this leaf.
    rough, mood, strength = np.zeros(n), np.ones(n), np.empty(n)
    surface = scene.landscape.surface(*shapes.centre[:, bare])
    colour[:, bare], rough[bare] = surface[:3], surface[3]
    bends = _SHADE * (0.3 + bend) / np.sqrt(shapes.major * shapes.minor)
    for lattice in reversed(pile.lattices):
        here = lattice.leaves
        on = np.flatnonzero(parent[here] >= 0) + lattice.offset
        under = parent[on]
        shade = (slope[:, under] * (shapes.centre[:, on] - shapes.centre[:, under])).sum(axis=0)
        colour[:, on] = colour[:, under] + shade
        rough[on], mood[on] = rough[under], mood[under]
        strength[here] = scene.style.contrast * rough[here] * mood[here]
        accent = scene.landscape.accent - colour[:, here]
        colour[:, here] += _ACCENT * strength[here] * (2 * lean[here] - 1) * accent
        colour[:, here] += _LIGHTNESS * strength[here] * (2 * lighten[here] - 1)
        slope[:, here] = bends[here] * strength[here] * _LIGHT[:, None]
        changed = change[here] < _MOOD_CHANGES
        mood[here] = np.where(changed, 0.2 + 1.6 * new_mood[here], mood[here])
    stripes = _STRIPES * strength * np.clip((stripe - 0.7) / 0.3, 0, 1)
    return colour, slope, np.floor(2 + 4 * bend), stripes


def _composite(landscape: Landscape, leaves: _Leaves, window: _Window) -> Floats:
    """The pixels of a window, (3, h, w): leaves from the finest down to the bare landscape."""
    ys, xs = window.y.astype(np.float32), window.x.astype(np.float32)
    y, x = np.repeat(ys, len(xs)), np.tile(xs, len(ys))
    place = np.arange(len(y))
    clear = np.ones(len(y), np.float32)  # how much of a pixel nothing covers yet
    colour = np.zeros((3, len(y)), np.float32)
    for lattice in leaves.lattices:
        leaf = lattice.leaf(y, x)
        dy, dx = y - leaves.centre[0].take(leaf), x - leaves.centre[1].take(leaf)
        near = np.flatnonzero(dy * dy + dx * dx < leaves.reach.take(leaf))
        opacity, seen = _look(leaves, leaf.take(near), dy.take(near), dx.take(near), window.pixel)
        added = clear.take(near) * opacity
        for channel, value in zip(colour, seen, strict=True):
            channel[place.take(near)] += added * value
        clear[near] -= added
        left = np.flatnonzero(clear)
        place, y, x, clear = place.take(left), y.take(left), x.take(left), clear.take(left)
    bare = landscape.surface(y.astype(np.float64), x.astype(np.float64), window.pixel)[:3]
    colour[:, place] += clear * bare.astype(np.float32)
    shown = _GAIN * colour / np.sqrt(1 + colour * colour)
    return np.asarray(np.clip(shown, -1, 1).reshape(3, len(ys), len(xs)))


def _look(
    leaves: _Leaves, leaf: Index, dy: Floats, dx: Floats, pixel: float
) -> tuple[Floats, list[Floats]]:
    """Opacity and colour of leaf i at the offset (dy, dx) i from its centre."""
    ay, ax, by, bx, opacity, slope_y, slope_x, n_stripes, stripes, *colour = (
        looks.take(leaf) for looks in leaves.looks
    )
    a, b = ay * dy + ax * dx, by * dy + bx * dx
    # Distance to the rim in pixels, to first order: (1 - q) / |grad q| with q = a^2 + b^2.
    grad_y, grad_x = ay * a + by * b, ax * a + bx * b
    steepness = np.sqrt(grad_y * grad_y + grad_x * grad_x + np.float32(1e-9))
    inside = (1 - (a * a + b * b)) * np.float32(0.5 / pixel) / steepness
    covered = np.clip(inside + np.float32(0.5), 0, opacity)
    wave = a * n_stripes
    wave = np.abs(wave - np.floor(wave) - np.float32(0.5)) * 4 - 1
    light = slope_y * dy + slope_x * dx + stripes * wave
    return covered, [channel + light for channel in colour]
