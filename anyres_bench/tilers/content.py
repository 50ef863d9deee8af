"""The project's content-aware grid: tiles cut finer where a map of detail says so.

The image is laid on the coarse grid that `seed` would choose within `coarse_tiles`. Then, while the
budget allows, the tile with most detail is replaced by its four quarters at twice the scale, each a
whole tile, as long as there is something to gain: its scale is below 1 and its detail above 0. Any
map may be given; the default is `spectral_detail`: the energy that the coarse copy has lost.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.pixels import Pixels
from anyres_bench.tilers.detail import Map, checked, integral, spectral_detail
from anyres_bench.tilers.layouts import mosaic, overview
from anyres_bench.tilers.llava_rules import fit
from anyres_bench.tilers.plan import Decision, Ints, Layer, Listing, Plan, Tiler, require
from anyres_bench.tilers.seed import Seed

Cell = tuple[int, int, int]  # level, row, column


@dataclass(frozen=True)
class SeedContent:
    """An overview, then coarse tiles, then those that were cut finer.

    Attributes:
        tile, patch, merge, max_stretch: as `Seed`'s.
        coarse_tiles: budget of the coarse grid.
        max_tiles: budget of all tiles, the overview not counted; a finer cut costs three.
        depth: how often a part may be cut finer.
    """

    native: ClassVar[bool] = False
    name: str = "seed-content"
    tile: int = 448
    patch: int = 14
    merge: int = 2
    coarse_tiles: int = 4
    max_tiles: int = 13
    max_stretch: float = 2.0
    depth: int = 1

    def __post_init__(self) -> None:
        if self.max_tiles < self.coarse_tiles or self.depth < 0:
            raise ConfigError(
                f"{self.name}: {self.coarse_tiles} coarse of {self.max_tiles} tiles, depth "
                f"{self.depth}; expected no more coarse tiles than all, and 0 or more"
            )
        self.seed  # noqa: B018  (its own checks)

    @property
    def seed(self) -> Seed:
        """The design that chooses the coarse grid."""
        return Seed(
            self.name, self.tile, self.patch, self.merge, self.coarse_tiles, self.max_stretch
        )

    def plan(self, image: Size, detail: Map | None = None) -> Plan:
        """What is done to an image with this map of detail; nothing is cut finer without one.

        Args:
            detail: (rows, columns) over the whole image, finite and not below 0.
        """
        require(image)
        grid, chosen = self.seed.grid(image)
        tile = Size.square(self.tile)
        resized, fitted = fit(image, self.seed.canvas(grid))
        coarse = mosaic(grid, tile, resized)
        cells = [(0, row, column) for row in range(grid.height) for column in range(grid.width)]
        cut = 0
        if detail is not None:
            cells, cut = self._split(image, coarse, cells, checked(detail))
        layers = (overview(tile), *self._layers(coarse, cells))
        split = Decision("split", f"{cut} tiles cut finer")
        return self.seed.plan_of(image, layers, (chosen, fitted, split))

    def plan_image(self, pixels: Pixels) -> Plan:
        """Cut finer where the coarse copy loses most energy."""
        image = Size(*pixels.shape[:2])
        grid, _ = self.seed.grid(image)
        resized, _ = fit(image, self.seed.canvas(grid))
        return self.plan(image, spectral_detail(pixels, _scale(image, resized, 0)))

    def _split(
        self, image: Size, coarse: Layer, cells: list[Cell], detail: Map
    ) -> tuple[list[Cell], int]:
        """Cells after the finer cuts, in order, and how many were cut."""

        def entry(cell: Cell) -> tuple[float, Cell]:
            return -integral(detail, image, self._box(image, coarse, cell)), cell

        queue = [entry(cell) for cell in cells]
        heapq.heapify(queue)
        kept, n, cut = [], len(cells), 0
        while queue:
            gain, cell = heapq.heappop(queue)
            level, row, column = cell
            finer = level < self.depth and _scale(image, coarse.resized, level) < 1
            if gain == 0 or not finer or n + 3 > self.max_tiles:
                kept.append(cell)
                continue
            n, cut = n + 3, cut + 1
            for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
                heapq.heappush(queue, entry((level + 1, 2 * row + y, 2 * column + x)))
        return sorted(kept), cut

    def _box(self, image: Size, coarse: Layer, cell: Cell) -> tuple[float, float, float, float]:
        """A cell in pixels of the image."""
        level, row, column = cell
        side = self.tile / 2**level
        y, x = image.height / coarse.resized.height, image.width / coarse.resized.width
        top, left = (row * side - coarse.top) * y, (column * side - coarse.left) * x
        return top, left, top + side * y, left + side * x

    def _layers(self, coarse: Layer, cells: list[Cell]) -> tuple[Layer, ...]:
        """A layer for each level that has cells; finer canvases are whole multiples."""
        return tuple(
            self._layer(coarse, level, [cell for cell in cells if cell[0] == level])
            for level in sorted({cell[0] for cell in cells})
        )

    def _layer(self, coarse: Layer, level: int, cells: list[Cell]) -> Layer:
        times, tile = 2**level, Size.square(self.tile)
        canvas = Size(coarse.canvas.height * times, coarse.canvas.width * times)
        resized = Size(coarse.resized.height * times, coarse.resized.width * times)
        regions = tuple(
            Region(canvas, row * self.tile, column * self.tile, tile) for _, row, column in cells
        )
        grid = Size(coarse.grid.height * times, coarse.grid.width * times)
        full = grid if grid.pixels == len(cells) else Size(0, 0)
        return Layer(canvas, resized, coarse.top * times, coarse.left * times, regions, full)

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """See `Tiler.listing`: of images without detail."""
        return self.seed.listing(heights, widths)

    def rivals(self) -> Mapping[str, Tiler]:
        """See `Tiler.rivals`."""
        return {"aspects not filtered": replace(self, max_stretch=1e6)}


def _scale(image: Size, coarse: Size, level: int) -> float:
    """Sides on the canvas of a level over sides of the image; the larger of the two."""
    return float(2**level) * max(coarse.height / image.height, coarse.width / image.width)


SEED_CONTENT = SeedContent()
