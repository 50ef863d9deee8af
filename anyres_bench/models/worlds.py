"""`scenes[:MIN-MAX[:W:H,...]]` and `houses`: procedural worlds, the perfect models of themselves.

What a latent shows is what a random crop of a collected picture shows: a seed, the shape of a
frame, where in the frame the canvas lies, and at what size the frame was rendered before it was
shrunk to the canvas. The frame is the smallest of its shape that holds the canvas.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.houses import HOUSES
from anyres_bench.data.pixels import Pixels, to_float
from anyres_bench.data.scenes import SCENES
from anyres_bench.data.windows import combine, window_taps
from anyres_bench.data.worlds import World
from anyres_bench.models.generator import Canvases
from anyres_bench.models.labels import refuse_labels

if TYPE_CHECKING:
    from torch import Tensor

NATIVE = Size(256, 256)  # it has no size of its own; rendering tools need one


@dataclass(frozen=True)
class WorldGenerator:
    """Renders any window of any canvas, as 8 bits of a picture that was at least as large.

    The defaults are those of `collect`.

    Attributes:
        world: what is rendered.
        smallest, largest: shorter sides of pictures before they are shrunk, log-uniform, px;
            larger canvases are rendered as they are.
        aspects: width over height of the frames as "W:H", each upright for half of the latents.
    """

    world: World
    smallest: int = 128
    largest: int = 512
    aspects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "aspects", self.aspects or self.world.aspects)

    @property
    def id(self) -> str:
        sizes, shapes = f"{self.smallest}-{self.largest}", ",".join(self.aspects)
        return f"{self.world.name}:{sizes}:{shapes}:{self.world.rule}"

    @property
    def native(self) -> Size:
        return NATIVE

    @property
    def canvases(self) -> Canvases:
        return "any"

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> list[int]:
        """The seeds themselves; drawn worlds know no labels."""
        refuse_labels(self.id, labels)
        return list(seeds)

    def sample(self, z: Sequence[int], regions: Sequence[Region]) -> Tensor:
        """Windows of pictures, (n, 3, h, w) float32 in [-1, 1]."""
        return self._stacked(z, regions, [None] * len(regions))

    def sample_from(
        self, z: Sequence[int], regions: Sequence[Region], source_sides: Sequence[int]
    ) -> Tensor:
        """As `sample`, of pictures whose shorter sides were these before they were shrunk."""
        return self._stacked(z, regions, source_sides)

    def _stacked(
        self, z: Sequence[int], regions: Sequence[Region], source_sides: Sequence[int | None]
    ) -> Tensor:
        import torch

        pictures = [self._picture(*one) for one in zip(z, regions, source_sides, strict=True)]
        return to_float(torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy()))

    def _picture(self, seed: int, region: Region, shorter: int | None) -> Pixels:
        """(h, w, 3): the part of the frame that the window needs, shrunk to it."""
        source = self.framed(seed, region.canvas, shorter)
        rows, columns = window_taps(source.size, region.canvas, region.box, "lanczos")
        part = Box(rows.low, columns.low, rows.high - rows.low, columns.high - columns.low)
        return combine(self.world.picture(seed, source.crop(part)), rows, columns)

    def framed(self, seed: int, canvas: Size, shorter: int | None = None) -> Region:
        """What the canvas shows, before it is shrunk: a region of the frame's canvas.

        Args:
            seed: of the world and the frame.
            canvas: what the picture was shrunk to.
            shorter: its shorter side before that, px; None draws it.
        """
        rng = stream(seed, "frame")
        width, _, height = self.aspects[rng.integer(0, len(self.aspects) - 1)].partition(":")
        shape = Fraction(int(width), int(height))
        shape = 1 / shape if rng.integer(0, 1) else shape
        # Uniforms, not integers: the same picture on canvases of all sizes.
        zoom, y, x = (float(rng.uniform()) for _ in range(3))
        low = max(canvas.shorter, self.smallest)
        shorter = shorter or max(low, round(low * (self.largest / low) ** zoom))
        longer = round(Fraction(canvas.longer * shorter, canvas.shorter))
        size = Size(shorter, longer) if canvas.height <= canvas.width else Size(longer, shorter)
        frame = Size(
            max(size.height, round(size.width / shape)), max(size.width, round(size.height * shape))
        )
        top = int(y * (frame.height - size.height + 1))
        left = int(x * (frame.width - size.width + 1))
        return Region(frame, top, left, size)


def scenes(rest: str) -> WorldGenerator:
    """`scenes`, as `collect scenes` makes them by default, `scenes:96-256` or `scenes:96-256:3:2`.

    Raises:
        UsageError: what follows is no range of sizes, or an aspect is not W:H.
    """
    return _generator(SCENES, rest)


def houses(rest: str) -> WorldGenerator:
    """`houses`, as `collect houses` makes them by default, `houses:96-256` or `houses:96-256:3:2`.

    Raises:
        UsageError: what follows is no range of sizes, or an aspect is not W:H.
    """
    return _generator(HOUSES, rest)


def _generator(world: World, rest: str) -> WorldGenerator:
    if not rest:
        return WorldGenerator(world)
    spec = f"{world.name}:{rest}"
    match = re.fullmatch(r"([1-9]\d{0,4})-([1-9]\d{0,4})(?::(.+))?", rest)
    if match is None or int(match[1]) > int(match[2]):
        raise UsageError(
            f"{spec} is not {world.name}:MIN-MAX, such as {world.name}:128-512:1:1,3:2"
        )
    aspects = tuple(match[3].split(",")) if match[3] else world.aspects
    for text in aspects:
        if not re.fullmatch(r"[1-9]\d{0,3}:[1-9]\d{0,3}", text):
            raise UsageError(f"{spec}: {text!r} is not W:H, such as 3:2")
    return WorldGenerator(world, int(match[1]), int(match[2]), aspects)
