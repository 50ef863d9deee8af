"""InternVL's dynamic tiles: the grid whose aspect is nearest, the image squashed onto it.

A grid of i x j tiles is as good as |w/h - i/j| is small. On exact equality of the doubles a larger
grid replaces a smaller one where the image has more than half of its pixels, so a large image of
the same shape gets more tiles. There is no lower limit: 37 x 23 pixels become seven tiles.

Source: InternVL 2410d1d, `internvl_chat/internvl/train/dataset.py`; the same in transformers'
got_ocr2 and internvl.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.layouts import mosaic, overview, per_region
from anyres_bench.tilers.plan import Decision, Ints, Layer, Listing, Plan, Tiler, TokenGrid, require

MOST_TILES = 1024
Tie = Literal["area", "blocks", "first"]


@dataclass(frozen=True)
class InternVL:
    """Dynamic tiles, then a thumbnail of the whole image.

    Attributes:
        tile: side of a tile, px.
        min_tiles, max_tiles: tiles a grid may have.
        patch: side of the encoder's patch, px.
        merge: encoder tokens a language-model token takes along each axis (pixel shuffle).
        thumbnail: whether a grid of more than one tile is followed by the whole image.
        tie: between grids of one aspect: "area" by the image's pixels (published), "blocks" the
            grid of most tiles, "first" the smallest.
    """

    native: ClassVar[bool] = False

    name: str = "internvl"
    tile: int = 448
    min_tiles: int = 1
    max_tiles: int = 12
    patch: int = 14
    merge: int = 2
    thumbnail: bool = True
    tie: Tie = "area"

    def __post_init__(self) -> None:
        sides = min(self.tile, self.patch, self.merge)
        if not (1 <= self.min_tiles <= self.max_tiles <= MOST_TILES and sides > 0):
            raise ConfigError(
                f"{self.name}: {self.min_tiles} to {self.max_tiles} tiles of {self.tile} px with "
                f"patches of {self.patch} px, {self.merge} a token; expected 1 to {MOST_TILES} "
                "tiles, and 1 or more of all others"
            )

    @cached_property
    def grids(self) -> tuple[Size, ...]:
        """Every grid that may be chosen, by area and then by columns."""
        return tuple(g for g in grids_up_to(self.max_tiles) if g.pixels >= self.min_tiles)

    @property
    def tokens_per_tile(self) -> int:
        """Language-model tokens of a tile, as the published formula announces them."""
        return int((self.tile // self.patch) ** 2 * (1 / self.merge) ** 2)

    def plan(self, image: Size) -> Plan:
        """Choose the grid, then cut; see `Tiler.plan`."""
        require(image)
        grid, decision = self._grid(image)
        tile = Size.square(self.tile)
        layers: tuple[Layer, ...] = (mosaic(grid, tile),)
        if self.thumbnail and grid.pixels > 1:
            layers += (overview(tile),)
        n_regions = sum(len(layer.regions) for layer in layers)
        return Plan(
            tiler=self.name,
            image=image,
            layers=layers,
            patch=self.patch,
            encoder=((self.tile // self.patch) ** 2,) * n_regions,
            grids=self._token_grids(layers),
            tokens=n_regions * self.tokens_per_tile,
            decisions=(decision,),
        )

    def _grid(self, image: Size) -> tuple[Size, Decision]:
        aspect = image.width / image.height
        best, least, branch = self.grids[0], float("inf"), "nearest aspect"
        for grid in self.grids:
            difference = abs(aspect - grid.width / grid.height)
            if difference < least:
                best, least, branch = grid, difference, "nearest aspect"
            elif difference == least:
                wins = self._wins(image.pixels, grid)
                best = grid if wins else best
                branch = "tie: the larger grid" if wins else f"{branch.split(';')[0]}; tie kept"
        values = (("aspect", aspect), ("difference", least))
        return best, Decision("grid", branch, values=values)

    def _wins(self, pixels: int, grid: Size) -> bool:
        """Whether a later grid of the same aspect replaces the one before."""
        if self.tie == "area":
            return pixels > 0.5 * self.tile * self.tile * grid.width * grid.height
        return self.tie == "blocks"

    def _token_grids(self, layers: tuple[Layer, ...]) -> tuple[TokenGrid, ...]:
        side, rest = divmod(self.tile // self.patch, self.merge)
        if rest:  # pixel shuffle cannot cut such a tile, whatever number is announced
            return ()
        return per_region(layers, side, self.patch * self.merge, self.merge)

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """See `Tiler.listing`."""
        aspect, pixels = widths / heights, heights * widths
        best = np.zeros(len(heights), np.int64)
        least = np.full(len(heights), np.inf)
        for index, grid in enumerate(self.grids):
            difference = np.abs(aspect - grid.width / grid.height)
            better = difference < least
            if self.tie == "area":
                enough = pixels > 0.5 * self.tile * self.tile * grid.width * grid.height
                better |= (difference == least) & enough
            elif self.tie == "blocks":
                better |= difference == least
            best[better] = index
            np.minimum(least, difference, out=least)
        grids = np.asarray(self.grids, np.int64)[best]
        tiles = grids.prod(axis=1)
        regions = tiles + (self.thumbnail & (tiles > 1))
        return Listing(
            grid=grids,
            canvas=grids * self.tile,
            resized=grids * self.tile,
            offset=np.zeros_like(grids),
            regions=regions,
            encoder_tokens=regions * (self.tile // self.patch) ** 2,
            tokens=regions * self.tokens_per_tile,
        )

    def rivals(self) -> Mapping[str, Tiler]:
        """See `Tiler.rivals`."""
        ties: tuple[Tie, ...] = ("area", "blocks", "first")
        names = {
            "area": "ties by the image's pixels",
            "blocks": "ties to the grid of most blocks",
            "first": "ties to the smallest grid",
        }
        rivals: dict[str, Tiler] = {
            names[tie]: replace(self, tie=tie) for tie in ties if tie != self.tie
        }
        rivals["the thumbnail missing" if self.thumbnail else "a thumbnail added"] = replace(
            self, thumbnail=not self.thumbnail
        )
        return rivals


def grids_up_to(most: int) -> list[Size]:
    """Every grid of at most so many tiles, by tiles and then by columns."""
    sides = range(1, most + 1)
    grids = [Size(rows, columns) for columns in sides for rows in range(1, most // columns + 1)]
    return sorted(grids, key=lambda grid: grid.pixels)


INTERNVL = InternVL()
