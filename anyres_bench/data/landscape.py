"""The smooth part of a scene: sky, sun, three ridges and their colours, as functions of position.

Positions are in heights of the canvas: y runs from 0 at the top to 1 at the bottom, x is 0 in the
middle. A wider canvas shows more of the same world; a higher one shows the same in more pixels.
Colours here are unbounded numbers around zero; `anyres_bench.data.scenes` maps them to [-1, 1].
Only +, -, *, / and square roots are used, so the bits are the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anyres_bench.core.errors import ConfigError, UnknownNameError
from anyres_bench.core.registry import nearest
from anyres_bench.core.seeds import Stream
from anyres_bench.data.worlds import Array

# Colours of: top of the sky, sky at the horizon, far ground, near ground, accents.
PALETTES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "day": (
        (-0.55, -0.05, 0.75),
        (0.35, 0.6, 0.95),
        (-0.25, 0, 0.2),
        (-0.7, -0.2, -0.9),
        (0.9, 0.8, -0.1),
    ),
    "dusk": (
        (-0.8, -0.75, -0.1),
        (0.95, 0.25, -0.35),
        (-0.35, -0.45, -0.15),
        (-0.9, -0.85, -0.75),
        (1, 0.4, -0.2),
    ),
    "autumn": (
        (-0.1, 0.2, 0.5),
        (0.8, 0.75, 0.65),
        (0, -0.1, -0.2),
        (-0.1, -0.5, -0.9),
        (0.9, 0.25, -0.6),
    ),
    "desert": (
        (-0.3, 0.15, 0.7),
        (0.8, 0.75, 0.6),
        (0.45, 0, -0.3),
        (0.65, 0.2, -0.3),
        (-0.3, -0.5, -0.6),
    ),
    "winter": (
        (-0.3, -0.1, 0.15),
        (0.45, 0.5, 0.6),
        (-0.1, 0, 0.2),
        (0.45, 0.5, 0.6),
        (-0.7, -0.7, -0.6),
    ),
    "dawn": (
        (-0.35, -0.25, 0.35),
        (0.9, 0.55, 0.55),
        (-0.2, -0.2, 0.25),
        (-0.6, -0.35, -0.5),
        (0.8, 0.7, 0.75),
    ),
}
"""Name -> colours; a scene blends two palettes and is named after the stronger."""

# Per ridge, from far to near: lowest offset below the horizon, share of the near colour, share of
# the sky's haze, roughness of its leaves.
_OFFSET = (0.0, 0.05, 0.17)
_NEARNESS = (0.25, 0.6, 1.0)
_HAZE = (0.45, 0.2, 0.0)
_ROUGHNESS = (0.45, 0.75, 1.0)
_SKY_ROUGHNESS = 0.2
_SUNLIGHT = (0.8, 0.65, 0.4)
# Waves of a ridge line: smallest and largest frequency in cycles a height, largest amplitude.
_FREQUENCIES = ((0.3, 0.8), (0.7, 1.7), (1.6, 3.6), (3.5, 7.5))
_AMPLITUDES = (0.08, 0.045, 0.022, 0.01)


@dataclass(frozen=True)
class Style:
    """What scenes are drawn from.

    Attributes:
        palettes: names of `PALETTES` to choose from.
        horizon: lowest and highest place of the horizon, in heights from the top.
        largest: radius of the largest leaf, in heights.
        contrast: of the leaves; at 0 they are a mosaic of the smooth landscape.

    Raises:
        UnknownNameError: no such palette.
        ConfigError: a number is out of range.
    """

    palettes: tuple[str, ...] = tuple(PALETTES)
    horizon: tuple[float, float] = (0.36, 0.62)
    largest: float = 0.17
    contrast: float = 1.0

    def __post_init__(self) -> None:
        for name in self.palettes:
            if name not in PALETTES:
                raise UnknownNameError(f"unknown palette {name!r}; {nearest(name, PALETTES)}")
        if not self.palettes:
            raise ConfigError(f"a style needs a palette; known: {', '.join(PALETTES)}")
        if not 0.05 <= self.horizon[0] <= self.horizon[1] <= 0.95:
            raise ConfigError(f"horizon is {self.horizon}, expected 0.05 <= low <= high <= 0.95")
        if not 0.01 <= self.largest <= 1 or not 0 <= self.contrast <= 3:
            raise ConfigError(
                f"got largest = {self.largest} and contrast = {self.contrast}, expected "
                "0.01 to 1 and 0 to 3"
            )


DEFAULT_STYLE = Style()


@dataclass(frozen=True)
class Landscape:
    """One scene's smooth part.

    Attributes:
        palette: name of the stronger palette.
        colours: (5, 3) in the order of `PALETTES`.
        horizon: in heights from the top.
        sun: place (y, x), radius and strength of its glow.
        ridges: per ridge, from far to near, its mean height and (4, 3) waves: frequency,
            amplitude, phase in cycles.
    """

    palette: str
    colours: Array
    horizon: float
    sun: tuple[float, float, float, float]
    ridges: tuple[tuple[float, Array], ...]

    @classmethod
    def draw(cls, random: Stream, style: Style) -> Landscape:
        """A landscape of this style."""
        strong, weak = random.integers(0, len(style.palettes) - 1, 2)
        share, place = random.uniform(2)
        first, second = (np.asarray(PALETTES[style.palettes[i]]) for i in (strong, weak))
        low, high = style.horizon
        horizon = float(low + (high - low) * place)
        up, across, radius, strength = random.uniform(4).tolist()
        ridges = []
        for offset in _OFFSET:
            ends, amplitudes = np.asarray(_FREQUENCIES), np.asarray(_AMPLITUDES)
            rise, draws = float(random.uniform()), random.uniform((4, 3))
            frequency = ends[:, 0] + (ends[:, 1] - ends[:, 0]) * draws[:, 0]
            amplitude = amplitudes * (2 * draws[:, 1] - 1)
            waves = np.stack([frequency, amplitude, draws[:, 2]], axis=1)
            ridges.append((horizon + offset * (0.7 + 0.6 * rise), waves))
        return cls(
            palette=style.palettes[strong],
            colours=first + (second - first) * 0.5 * share,
            horizon=horizon,
            sun=(
                horizon * (0.2 + 0.8 * up),
                1.2 * across - 0.6,
                0.05 + 0.12 * radius,
                1.2 * strength * strength,
            ),
            ridges=tuple(ridges),
        )

    @property
    def accent(self) -> Array:
        """Colour that single leaves lean to, (3, 1)."""
        return self.colours[4:].T

    def surface(self, y: Array, x: Array, pixel: float = 0.0) -> Array:
        """Colour and roughness at some points.

        Args:
            y, x: (n,) positions.
            pixel: side of a pixel over which ridge lines are averaged; 0 gives hard lines.

        Returns:
            (4, n): three colours, and how strongly leaves differ from what they lie on.
        """
        ground_far, ground_near, sky_low = self.colours[2], self.colours[3], self.colours[1]
        values = self._sky(y, x)
        for k, (height, waves) in enumerate(self.ridges):
            depth = y - _ridge_line(x, height, waves)
            opacity = np.clip(depth / pixel + 0.5, 0, 1) if pixel else (depth > 0).astype(y.dtype)
            near = np.clip(depth / (1.05 - height), 0, 1) * _NEARNESS[k]
            ground = ground_far + (ground_near - ground_far) * _NEARNESS[k]
            ground = ground + (sky_low - ground) * _HAZE[k]
            for c in range(3):
                slope = 0.35 * (ground_near[c] - ground_far[c]) - 0.1
                values[c] += opacity * (ground[c] + slope * near - values[c])
            values[3] += opacity * (_ROUGHNESS[k] - values[3])
        return values

    def _sky(self, y: Array, x: Array) -> Array:
        top, low = self.colours[0], self.colours[1]
        down = np.clip(y / self.horizon, 0, 1.2)
        down = down * down
        sun_y, sun_x, radius, strength = self.sun
        distance = (y - sun_y) * (y - sun_y) + (x - sun_x) * (x - sun_x)
        glow = strength / (1 + distance / (radius * radius))
        values = np.empty((4, len(y)))
        for c in range(3):
            values[c] = top[c] + (low[c] - top[c]) * down + glow * _SUNLIGHT[c]
        values[3] = _SKY_ROUGHNESS
        return values


def _ridge_line(x: Array, height: float, waves: Array) -> Array:
    line = np.full_like(x, height)
    for frequency, amplitude, phase in waves:
        line += amplitude * _wave(frequency * x + phase)
    return line


def _wave(cycles: Array) -> Array:
    """A smooth wave of amplitude 1 and period 1 made of two parabolas."""
    t = cycles - np.floor(cycles) - 0.5
    return np.asarray(8 * t * (1 - 2 * np.abs(t)))
