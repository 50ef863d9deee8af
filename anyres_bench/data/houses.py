"""The procedural street: houses in front of hills, rendered at any size.

One house stands in the middle of a square canvas, on a lawn between hills and a road; a wider
canvas shows the next lots of the same street. Light and sky belong to the street, everything else
to the lot. At 32 px there are sky, roof, walls, windows and a door; larger canvases show panes,
curtains, joints between bricks and tiles, the tone of each brick, blades of grass, and grain that
halves in size with every octave, without end.

Everything bounded by rows and columns is averaged over the pixel in closed form; sloping and round
edges by their distance. So the picture of a seed is the same at every size, and a window is, bit
for bit, the crop of the whole.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from anyres_bench.core.geometry import Region
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.data.painting import Colour, Painting, disc, grain, laid, plain, wedge
from anyres_bench.data.patterns import Courses
from anyres_bench.data.worlds import Array, Floats, Grid, World

RULE = "houses@1"

# Top of the sky, sky above the hills, light on all that does not shine, share of lit windows.
_HOURS: tuple[tuple[Colour, Colour, Colour, float], ...] = (
    ((0.25, 0.5, 0.88), (0.72, 0.86, 0.97), (1.0, 1.0, 0.98), 0.0),
    ((0.36, 0.32, 0.6), (0.98, 0.63, 0.38), (0.92, 0.74, 0.66), 0.35),
    ((0.03, 0.05, 0.17), (0.15, 0.2, 0.4), (0.32, 0.38, 0.58), 0.7),
    ((0.6, 0.66, 0.72), (0.82, 0.84, 0.86), (0.76, 0.78, 0.8), 0.1),
)
_WALLS: tuple[Colour, ...] = (
    (0.69, 0.32, 0.25),
    (0.93, 0.87, 0.72),
    (0.86, 0.66, 0.32),
    (0.55, 0.66, 0.75),
    (0.9, 0.9, 0.9),
)
_ROOFS: tuple[Colour, ...] = ((0.45, 0.17, 0.13), (0.25, 0.27, 0.32), (0.42, 0.3, 0.2))
_DOORS: tuple[Colour, ...] = ((0.5, 0.1, 0.1), (0.1, 0.3, 0.2), (0.12, 0.2, 0.42), (0.3, 0.18, 0.1))
_WHITE, _DARK, _GLASS, _LAMP = (
    (0.96, 0.96, 0.94),
    (0.1, 0.1, 0.12),
    (0.2, 0.27, 0.34),
    (1, 0.83, 0.4),
)
_STONE, _ROAD, _TRUNK, _LEAVES = (
    (0.66, 0.64, 0.6),
    (0.3, 0.3, 0.32),
    (0.33, 0.23, 0.15),
    (0.2, 0.4, 0.16),
)

_CLOTH, _BRASS = (0.85, 0.8, 0.74), (0.85, 0.7, 0.3)

_GROUND = 0.82  # where houses stand
_KERB, _STREET = 0.925, 0.945  # where pavement and road begin
_FAR = 1e6
_COLUMNS, _FLOORS = 3, 2
_JOINT = 0.16
_MOST_OCTAVES = 24


@dataclass(frozen=True)
class House:
    """One lot; lengths in heights of the canvas.

    Attributes:
        middle: x of the house.
        half: half its width.
        eaves, ridge: y where walls end and where the roof does.
        flat: width of the ridge over that of the roof.
        wall, roof, door: colours.
        column: which column the door is in.
        lit: (floors, columns) in (0, 1); a window is lit where this is below the street's share.
        curtains: share of the window that each of two curtains covers.
        chimney: x from the middle, over the half width.
        tree: place x, height and radius of its crown.
        key: of its textures.
    """

    middle: float
    half: float
    eaves: float
    ridge: float
    flat: float
    wall: Colour
    roof: Colour
    door: Colour
    column: int
    lit: Array
    curtains: Array
    chimney: float
    tree: tuple[float, float, float]
    key: np.uint64

    @classmethod
    def draw(cls, random: Stream, lot: int) -> House:
        """The house of a lot."""
        half, eaves, rise, flat, chimney, crown, radius = random.uniform(7).tolist()
        side = 2 * random.integer(0, 1) - 1
        eaves = 0.42 + 0.1 * eaves
        half = 0.25 + 0.06 * half
        return cls(
            middle=lot - 0.06 * side,
            half=half,
            eaves=eaves,
            ridge=eaves - 0.13 - 0.11 * rise,
            flat=0.75 * flat,
            wall=_tone(_WALLS[random.integer(0, len(_WALLS) - 1)], random),
            roof=_tone(_ROOFS[random.integer(0, len(_ROOFS) - 1)], random),
            door=_DOORS[random.integer(0, len(_DOORS) - 1)],
            column=random.integer(0, _COLUMNS - 1),
            lit=random.uniform((_FLOORS, _COLUMNS)),
            curtains=0.3 * random.uniform((_FLOORS, _COLUMNS)),
            chimney=(0.3 + 0.3 * chimney) * (2 * random.integer(0, 1) - 1),
            tree=(lot + 0.37 * side, 0.6 + 0.08 * crown, 0.07 + 0.045 * radius),
            key=random.words(1)[0] >> np.uint64(1),  # octaves are added to it
        )


@dataclass(frozen=True)
class Street:
    """A world of its own.

    Attributes:
        seed: any integer.
    """

    seed: int

    def house(self, lot: int) -> House:
        """The house of a lot; lot 0 is in the middle of the canvas."""
        return House.draw(stream(self.seed, "street", "lot", lot), lot)

    @functools.cached_property
    def sky(self) -> Sky:
        """What all lots share."""
        return Sky.draw(stream(self.seed, "street", "sky"))


@dataclass(frozen=True)
class Sky:
    """Light, sky and hills.

    Attributes:
        top, low: colours of the sky.
        light: on all that does not shine.
        lit: share of windows that are lit.
        sun: place (y, x) and radius.
        hills: y of their line, and (n, 3) triangle waves: cycles a height, amplitude, phase.
        grass: colour of the lawn.
        key: of the textures.
    """

    top: Array
    low: Array
    light: Array
    lit: float
    sun: tuple[float, float, float]
    hills: tuple[float, Array]
    grass: Colour
    key: np.uint64

    def below_hills(self, grid: Grid) -> Array:
        """Share of each pixel that lies below the line of the hills."""
        height, waves = self.hills
        line = np.full_like(grid.x, height)
        for cycles, amplitude, phase in waves:
            fade = min(max(1 / (cycles * grid.pixel) / 4 - 1, 0.0), 1.0)
            turn = grid.x * cycles + phase
            line += fade * amplitude * (4 * np.abs(turn - np.floor(turn) - 0.5) - 1)
        return np.clip((grid.y[:, None] - line) / grid.pixel + 0.5, 0, 1)

    @classmethod
    def draw(cls, random: Stream) -> Sky:
        """A sky of any hour."""
        one, other = random.integers(0, len(_HOURS) - 1, 2)
        share, up, across, radius, rise = random.uniform(5).tolist()
        mixed = [
            np.asarray(a) + (np.asarray(b) - np.asarray(a)) * 0.5 * share
            for a, b in zip(_HOURS[one], _HOURS[other], strict=True)
        ]
        waves = np.arange(_MOST_OCTAVES)
        turns, phases = random.uniform((2, _MOST_OCTAVES))
        cycles = (0.8 + 0.4 * turns) * 2.0**waves
        return cls(
            top=mixed[0],
            low=mixed[1],
            light=mixed[2],
            lit=float(mixed[3]),
            sun=(0.08 + 0.22 * up, 0.9 * across - 0.45, 0.035 + 0.03 * radius),
            hills=(0.56 + 0.08 * rise, np.stack([cycles, 0.06 / cycles, phases], axis=1)),
            grass=_tone((0.33, 0.53, 0.22), random),
            key=random.words(1)[0] >> np.uint64(1),  # octaves are added to it
        )


def _tone(colour: Colour, random: Stream) -> Colour:
    """A colour a little brighter or darker, and a little off."""
    factors = (0.82 + 0.3 * random.uniform()) * (0.94 + 0.12 * random.uniform(3))
    red, green, blue = np.minimum(np.asarray(colour) * factors, 1.0).tolist()
    return red, green, blue


def render(street: Street, region: Region) -> Floats:
    """A window of the street on a canvas.

    Args:
        street: what to render.
        region: the window; it may reach beyond the canvas, where the world goes on.

    Returns:
        (3, h, w) float32 RGB in [-1, 1]. Each value is a function of the street, the canvas and
        the pixel's place on it alone, by exactly rounded operations: the bits are the same
        anywhere.
    """
    picture = Painting(Grid.of(region), street.sky.light)
    _backdrop(picture, street.sky)
    first, last = np.floor(picture.grid.x[[0, -1]] + 0.5).astype(int).tolist()
    for lot in range(first, last + 1):
        _front(picture, street.house(lot), street.sky)
    return np.asarray(2 * np.clip(picture.rgb, 0, 1) - 1, np.float32)


HOUSES = World("houses", RULE, ("1:1",), lambda seed, region: render(Street(seed), region))


def _backdrop(picture: Painting, sky: Sky) -> None:
    """Sky, sun, hills, lawn, pavement and road."""
    down = np.clip(picture.grid.y / 0.6, 0, 1)
    shades = sky.top[:, None] + (sky.low - sky.top)[:, None] * down
    picture.rgb[:] = shades[:, :, None]
    y, x, radius = sky.sun
    sun = (y - radius, x - radius, y + radius, x + radius)
    picture.shine(sun, np.minimum(sky.low + 0.3, 1), disc(y, x, radius))
    haze = sky.low * 0.45 + np.asarray((0.25, 0.35, 0.4)) * sky.light * 0.55
    picture.shine((0.3, -_FAR, _GROUND, _FAR), haze, sky.below_hills)
    picture.paint((0.74, -_FAR, _KERB, _FAR), grain(sky.grass, 0.16, (0.05, 0.0125), sky.key))
    slabs = Courses(_STREET - _KERB, 0.055, 0.1, (_KERB, 0.0))
    picture.paint((_KERB, -_FAR, _STREET, _FAR), laid(_STONE, 0.06, slabs, sky.key))
    picture.paint((_STREET, -_FAR, _FAR, _FAR), grain(_ROAD, 0.05, (0.01, 0.01), sky.key))


def _front(picture: Painting, house: House, sky: Sky) -> None:
    """A house with its path and tree."""
    _chimney(picture, house)
    _roof(picture, house)
    _walls(picture, house)
    for floor in range(_FLOORS):
        for column in range(_COLUMNS):
            if (floor, column) == (_FLOORS - 1, house.column):
                _door(picture, house)
            else:
                _window(picture, house, (floor, column), sky.lit)
    _tree(picture, house)


def _chimney(picture: Painting, house: House) -> None:
    x = house.middle + house.chimney * house.half
    top = house.ridge - 0.03
    bricks = Courses(0.011, 0.026, _JOINT, (top, x))
    picture.paint((top, x - 0.03, house.eaves, x + 0.03), laid(_WALLS[0], 0.12, bricks, house.key))
    picture.paint((top - 0.012, x - 0.037, top, x + 0.037), plain(_STONE))


def _roof(picture: Painting, house: House) -> None:
    reach = house.half + 0.035
    tiles = Courses(0.017, 0.021, 0.2, (house.ridge, house.middle))
    picture.paint(
        (house.ridge, house.middle - reach, house.eaves, house.middle + reach),
        laid(house.roof, 0.14, tiles, house.key),
        wedge((house.ridge, house.middle), (house.flat * reach, reach), house.eaves),
    )


def _walls(picture: Painting, house: House) -> None:
    left, right = house.middle - house.half, house.middle + house.half
    bricks = Courses(0.0125, 0.031, _JOINT, (house.eaves, left))
    picture.paint((house.eaves, left, _GROUND, right), laid(house.wall, 0.12, bricks, house.key))
    picture.shade((house.eaves, left, house.eaves + 0.018, right), 0.6)
    plinth = Courses(0.0225, 0.06, 0.1, (_GROUND - 0.0225, left))
    box = (_GROUND - 0.0225, left - 0.006, _GROUND, right + 0.006)
    picture.paint(box, laid(_STONE, 0.1, plinth, house.key))
    gutter = (house.eaves - 0.004, left - 0.035, house.eaves + 0.005, right + 0.035)
    picture.paint(gutter, plain(_WHITE))


def _place(house: House, floor: int, column: int) -> tuple[float, float]:
    """Bottom of a floor, and middle of a column."""
    storey = (_GROUND - 0.0225 - house.eaves) / _FLOORS
    step = 2 * house.half / _COLUMNS
    return house.eaves + storey * (floor + 1), house.middle + step * (column - (_COLUMNS - 1) / 2)


def _window(picture: Painting, house: House, at: tuple[int, int], share: float) -> None:
    bottom, x = _place(house, *at)
    half, height = 0.2 * house.half, 0.56 * (_GROUND - house.eaves) / _FLOORS
    bottom -= 0.3 * height
    top = bottom - height
    picture.paint((top - 0.01, x - half - 0.01, bottom + 0.01, x + half + 0.01), plain(_WHITE))
    glass = (top, x - half, bottom, x + half)
    cloth = 2 * half * float(house.curtains[at])
    if house.lit[at] < share:
        picture.shine(glass, np.asarray(_LAMP))
    else:
        picture.paint(glass, plain(_GLASS))
    for left in (x - half, x + half - cloth):
        folds = Courses(1.0, 0.0065, 0.0, (0.0, left))
        picture.paint((top, left, bottom, left + cloth), laid(_CLOTH, 0.12, folds, house.key))
    bar = 0.0035
    picture.paint((top, x - bar, bottom, x + bar), plain(_WHITE))
    middle = top + 0.4 * height
    picture.paint((middle - bar, x - half, middle + bar, x + half), plain(_WHITE))
    sill = (bottom + 0.006, x - half - 0.016, bottom + 0.016, x + half + 0.016)
    picture.paint(sill, plain(_STONE))
    picture.shade((sill[2], sill[1], sill[2] + 0.005, sill[3]), 0.7)


def _door(picture: Painting, house: House) -> None:
    bottom, x = _GROUND, _place(house, 0, house.column)[1]
    half = 0.19 * house.half
    top = bottom - 0.72 * (bottom - house.eaves) / _FLOORS
    slabs = Courses(0.021, 0.04, 0.12, (_GROUND, x - half))
    picture.paint((bottom, x - half, _KERB, x + half), laid(_STONE, 0.1, slabs, house.key))
    picture.paint((top - 0.012, x - half - 0.012, bottom, x + half + 0.012), plain(_WHITE))
    picture.paint((top, x - half, bottom, x + half), plain(house.door))
    for row in range(3):
        low = top + (bottom - top) * (0.06 + 0.31 * row)
        for left in (x - 0.78 * half, x + 0.1 * half):
            panel = (low, left, low + 0.25 * (bottom - top), left + 0.68 * half)
            picture.shade(panel, 0.75)
    picture.paint((bottom, x - 1.22 * half, bottom + 0.012, x + 1.22 * half), plain(_STONE))
    y, x, radius = top + 0.55 * (bottom - top), x + 0.88 * half, 0.0055
    knob = (y - radius, x - radius, y + radius, x + radius)
    picture.paint(knob, plain(_BRASS), disc(y, x, radius))


def _tree(picture: Painting, house: House) -> None:
    x, y, radius = house.tree
    trunk = (y, x - 0.14 * radius, _GROUND + 0.02, x + 0.14 * radius)
    picture.paint(trunk, grain(_TRUNK, 0.1, (0.03, 0.004), house.key))
    leaves = grain(_LEAVES, 0.22, (0.02, 0.02), house.key)
    for up, across, size in ((0.0, -0.45, 0.75), (0.0, 0.45, 0.75), (-0.55, 0.0, 0.85)):
        cy, cx, r = y + up * radius, x + across * radius, size * radius
        picture.paint((cy - r, cx - r, cy + r, cx + r), leaves, disc(cy, cx, r))
