"""The project's own design: the grid that fits shape and size best within a budget of tiles.

Grids of up to `max_tiles` tiles are filtered by aspect (none stretched more than `max_stretch`
times; where all are, those of the nearest aspect stay) and scored

    score = 0.7 fit + 0.3 coverage
    fit       the smaller over the larger of the two aspects
    coverage  pixels of the image that the canvas keeps, over the larger of canvas and image

so that coverage is 1 only where the image fills the canvas at its own size: losing pixels,
enlarging and padding all cost. The best score wins, the fewest tiles among equals. The image keeps
its aspect, lies in the middle of the canvas, and an overview comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.internvl import MOST_TILES, grids_up_to
from anyres_bench.tilers.layouts import mosaic, overview, per_region
from anyres_bench.tilers.llava import effective_and_wasted
from anyres_bench.tilers.llava_rules import fit, fit_many
from anyres_bench.tilers.plan import Decision, Ints, Layer, Listing, Plan, Tiler, require

COVERAGE = 0.3  # weight of coverage; the rest is the aspect's


@dataclass(frozen=True)
class Seed:
    """An overview, then the tiles of the grid of the best score.

    Attributes:
        tile: side of a tile, px.
        patch: side of the encoder's patch, px.
        merge: encoder tokens a language-model token takes along each axis.
        max_tiles: budget of tiles, the overview not counted.
        max_stretch: the largest ratio of aspects that a grid may have to the image.
    """

    native: ClassVar[bool] = False
    name: str = "seed"
    tile: int = 448
    patch: int = 14
    merge: int = 2
    max_tiles: int = 9
    max_stretch: float = 2.0

    def __post_init__(self) -> None:
        within = 1 <= self.max_tiles <= MOST_TILES
        if min(self.patch, self.merge) < 1 or not (within and self.max_stretch >= 1):
            raise ConfigError(
                f"{self.name}: patch {self.patch}, merge {self.merge}, max_tiles {self.max_tiles}, "
                f"max_stretch {self.max_stretch}; none may be below 1, nor tiles above {MOST_TILES}"
            )
        if self.tile < 1 or self.tile % (self.patch * self.merge):
            raise ConfigError(
                f"{self.name}: a tile of {self.tile} px is no multiple of a token's "
                f"{self.patch * self.merge} px"
            )

    @cached_property
    def grids(self) -> tuple[Size, ...]:
        """Every grid in the budget, by tiles and then by columns."""
        return tuple(grids_up_to(self.max_tiles))

    @property
    def side(self) -> int:
        """Language-model tokens along a tile's side."""
        return self.tile // self.patch // self.merge

    def plan(self, image: Size) -> Plan:
        """See `Tiler.plan`."""
        require(image)
        grid, chosen = self.grid(image)
        tile = Size.square(self.tile)
        resized, fitted = fit(image, self.canvas(grid))
        return self.plan_of(image, (overview(tile), mosaic(grid, tile, resized)), (chosen, fitted))

    def plan_of(
        self, image: Size, layers: tuple[Layer, ...], decisions: tuple[Decision, ...]
    ) -> Plan:
        """A plan of layers whose regions all are tiles."""
        n = sum(len(layer.regions) for layer in layers)
        return Plan(
            tiler=self.name,
            image=image,
            layers=layers,
            patch=self.patch,
            encoder=((self.tile // self.patch) ** 2,) * n,
            grids=per_region(layers, self.side, self.patch * self.merge, self.merge),
            tokens=n * self.side**2,
            decisions=decisions,
        )

    def canvas(self, grid: Size) -> Size:
        """The canvas of a grid, px."""
        return Size(grid.height * self.tile, grid.width * self.tile)

    def grid(self, image: Size) -> tuple[Size, Decision]:
        """The grid of the best score and the numbers that decided."""
        aspect = image.width / image.height
        fits = [_fit(aspect, grid.width / grid.height) for grid in self.grids]
        least, branch = 1 / self.max_stretch, "best score"
        if max(fits) < least:
            least, branch = max(fits), "best score among the nearest aspects"
        best, score = self.grids[0], -1.0
        for grid, fitting in zip(self.grids, fits, strict=True):
            scored = (1 - COVERAGE) * fitting + COVERAGE * self._coverage(image, grid)
            if fitting >= least and scored > score:
                best, score = grid, scored
        return best, Decision("grid", branch, "", (("aspect", aspect), ("score", score)))

    def _coverage(self, image: Size, grid: Size) -> float:
        canvas = self.canvas(grid)
        effective, _ = effective_and_wasted(image, canvas)
        return effective / max(canvas.pixels, image.pixels)

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """See `Tiler.listing`."""
        h, w = np.asarray(heights, np.int64), np.asarray(widths, np.int64)
        grid = np.array(self.grids, np.int64)[self._grid_many(h, w)]
        canvas = grid * self.tile
        resized = fit_many(h, w, canvas)
        n = grid.prod(axis=1) + 1
        return Listing(
            grid=grid,
            canvas=canvas,
            resized=resized,
            offset=(canvas - resized) // 2,
            regions=n,
            encoder_tokens=n * (self.tile // self.patch) ** 2,
            tokens=n * self.side**2,
        )

    def _grid_many(self, h: Ints, w: Ints) -> Ints:
        aspect, pixels = w / h, h * w
        ratios = [grid.width / grid.height for grid in self.grids]
        nearest = np.zeros(len(h))
        for ratio in ratios:
            np.maximum(nearest, np.minimum(aspect / ratio, ratio / aspect), out=nearest)
        least = np.minimum(1 / self.max_stretch, nearest)
        best, score = np.zeros(len(h), np.int64), np.full(len(h), -1.0)
        for index, (grid, ratio) in enumerate(zip(self.grids, ratios, strict=True)):
            canvas = self.canvas(grid)
            fitting = np.minimum(aspect / ratio, ratio / aspect)
            scale = np.minimum(canvas.width / w, canvas.height / h)
            fitted = (w * scale).astype(np.int64) * (h * scale).astype(np.int64)
            coverage = np.minimum(fitted, pixels) / np.maximum(canvas.pixels, pixels)
            scored = (1 - COVERAGE) * fitting + COVERAGE * coverage
            better = (fitting >= least) & (scored > score)
            best[better] = index
            np.copyto(score, scored, where=better)
        return best

    def rivals(self) -> Mapping[str, Tiler]:
        """See `Tiler.rivals`."""
        return {"aspects not filtered": replace(self, max_stretch=1e6)}


def _fit(aspect: float, other: float) -> float:
    return min(aspect / other, other / aspect)


SEED = Seed()
