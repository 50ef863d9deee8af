"""LLaVA-NeXT and OneVision: the canvas of a list that keeps most of the image, cut into squares.

The image keeps its aspect, is padded with black in the middle of the canvas, and is preceded by a
base image that is squashed. Features of padding are removed again ("unpad"), one learned newline is
put after each row, and `anyres_max` pools what is still too much.

Source: LLaVA-NeXT df17966, `llava/mm_utils.py` and `llava/model/llava_arch.py`; transformers 5.23.0
and 4.45, llava_next and llava_onevision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.tilers.layouts import mosaic, overview, per_region
from anyres_bench.tilers.llava_rules import (
    UNPAD,
    Unpad,
    fit,
    fit_many,
    pool,
    pool_many,
    unpad,
    unpad_many,
)
from anyres_bench.tilers.plan import (
    Axis,
    Decision,
    Ints,
    Layer,
    Listing,
    Plan,
    Tiler,
    TokenGrid,
    require,
)

Order = Literal["width-height", "height-width"]
Merge = Literal["unpad", "spatial", "flat", "maxpool2x2"]
Pinpoints = tuple[tuple[int, int], ...]


def grid_pinpoints(tile: int, most: int) -> Pinpoints:
    """OneVision's "(1x1),...,(nxn)": every grid up to `most` x `most` tiles, first number outer."""
    sides = range(1, most + 1)
    return tuple((i * tile, j * tile) for i in sides for j in sides)


def v16_pinpoints(tile: int) -> Pinpoints:
    """The five canvases of LLaVA 1.6, in their order."""
    grids = ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))
    return tuple((i * tile, j * tile) for i, j in grids)


_V16 = v16_pinpoints(336)


@dataclass(frozen=True)
class Llava:
    """A base image and the tiles of the best canvas.

    Attributes:
        tile: side of a tile, px.
        patch: side of the encoder's patch, px; the pixels left over at a tile's end are not seen.
        pinpoints: the canvases, px, in their order; none: the base image alone.
        order: which side the first number of a pinpoint is. Upstream reads the width, Hugging Face
            the height, so where areas tie one takes the portrait canvas, the other the landscape.
        merge: how tokens are laid out: "unpad" and newlines, the whole mosaic ("spatial"), tile by
            tile ("flat"), or the mosaic's 2 x 2 maxima ("maxpool2x2").
        unpad: how the size without padding is made whole, a name of `UNPAD`.
        padding: "centre", or "both-sides": the left padding on the right too, a column short where
            it is odd (transformers before 4.46).
        base: whether the base image's tokens are given to the language model.
        anyres_max: tiles' worth of tokens above which features are pooled (from 1.21 times on).
    """

    native: ClassVar[bool] = False

    name: str = "llava-next"
    tile: int = 336
    patch: int = 14
    pinpoints: Pinpoints = _V16
    order: Order = "width-height"
    merge: Merge = "unpad"
    unpad: Unpad = "floor"
    padding: Literal["centre", "both-sides"] = "centre"
    base: bool = True
    anyres_max: int | None = None

    def __post_init__(self) -> None:
        sizes = (self.tile, self.patch, 1 if self.anyres_max is None else self.anyres_max)
        if min(sizes) < 1 or self.tile < self.patch:
            raise ConfigError(
                f"{self.name}: tile {self.tile}, patch {self.patch}, anyres_max {self.anyres_max}; "
                "none may be below 1, and a tile must hold a patch"
            )
        wrong = [p for p in self.pinpoints if p[0] % self.tile or p[1] % self.tile or min(p) < 1]
        if wrong or self.unpad not in UNPAD:
            raise ConfigError(
                f"{self.name}: pinpoints {wrong} are no multiples of the tile's {self.tile} px, or "
                f"unpad={self.unpad} is none of {', '.join(UNPAD)}; tiles must fill a canvas"
            )

    @property
    def side(self) -> int:
        """Tokens along a tile's side."""
        return self.tile // self.patch

    @cached_property
    def canvases(self) -> tuple[Size, ...]:
        """The possible canvases in the order in which they are tried."""
        if self.order == "width-height":
            return tuple(Size(second, first) for first, second in self.pinpoints)
        return tuple(Size(first, second) for first, second in self.pinpoints)

    def plan(self, image: Size) -> Plan:
        """Choose the canvas, fit, cut, remove padding, pool; see `Tiler.plan`."""
        require(image)
        square = Size.square(self.tile)
        layers: tuple[Layer, ...] = (overview(square),)
        decisions: tuple[Decision, ...] = ()
        grids = per_region(layers, self.side, self.patch, 1) if self.base else ()
        if self.canvases:
            canvas, chosen = self._canvas(image)
            resized, fitted = fit(image, canvas)
            layers += (self._tiles(canvas, resized),)
            tiles, removed = self._token_grids(image, layers[1])
            grids += tiles
            decisions = (chosen, fitted, *removed)
        elif self.merge == "unpad":
            grids = tuple(replace(grid, end=1) for grid in grids)
        n_regions = sum(len(layer.regions) for layer in layers)
        return Plan(
            tiler=self.name,
            image=image,
            layers=layers,
            patch=self.patch,
            encoder=(self.side**2,) * n_regions,
            grids=grids,
            tokens=sum(grid.tokens for grid in grids),
            decisions=decisions,
        )

    def _canvas(self, image: Size) -> tuple[Size, Decision]:
        """Most of the image's own pixels, then least waste, then the first of the list."""
        best, most, least, branch = self.canvases[0], 0, math.inf, "most pixels kept"
        for canvas in self.canvases:
            effective, wasted = effective_and_wasted(image, canvas)
            if effective > most:
                best, most, least, branch = canvas, effective, wasted, "most pixels kept"
            elif effective == most and wasted < least:
                best, least, branch = canvas, wasted, "tie in pixels kept: least waste"
            elif effective == most and wasted == least:
                branch = "tie in pixels kept and waste: the first of the list"
        values = (("pixels kept", float(most)), ("wasted", float(least)))
        return best, Decision("canvas", branch, "truncate", values)

    def _tiles(self, canvas: Size, resized: Size) -> Layer:
        tile = Size.square(self.tile)
        layer = mosaic(Size(canvas.height // self.tile, canvas.width // self.tile), tile, resized)
        if self.padding == "centre":
            return layer
        height, width = resized.height + 2 * layer.top, resized.width + 2 * layer.left
        short = Size(height, width)
        regions = tuple(_clipped(region, short) for region in layer.regions)
        return replace(layer, canvas=short, regions=regions)

    def _token_grids(
        self, image: Size, layer: Layer
    ) -> tuple[tuple[TokenGrid, ...], tuple[Decision, ...]]:
        side, grid = self.side, layer.grid
        if self.merge == "flat":
            grids = per_region((overview(Size.square(self.tile)), layer), side, self.patch, 1)
            return grids[1:], ()
        height, width = grid.height * side, grid.width * side
        if self.merge == "maxpool2x2":
            half = Size(height // 2, width // 2)
            rows = self._axis(half.height, 0, 2 * half.height)
            columns = self._axis(half.width, 0, 2 * half.width)
            return (TokenGrid(1, None, rows, columns, pool="max"),), ()
        if self.merge == "spatial":
            rows, columns = self._axis(height, 0, height), self._axis(width, 0, width)
            return (TokenGrid(1, None, rows, columns),), ()
        kept, top, left, removed = unpad(image, Size(height, width), self.unpad)
        small, pooled = pool(kept, side, self.anyres_max)
        rows = self._axis(small.height, top, kept.height)
        columns = self._axis(small.width, left, kept.width)
        grids = (TokenGrid(1, None, rows, columns, separators=1),)
        return grids, (removed, *pooled)

    def _axis(self, n: int, first: int, span: int) -> Axis:
        return Axis(n, first, span, self.side, self.tile, self.patch)

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """See `Tiler.listing`."""
        h, w = np.asarray(heights, np.int64), np.asarray(widths, np.int64)
        if not self.canvases:
            return self._base_listing(len(h))
        canvas = np.array(self.canvases, np.int64)[self._canvas_many(h, w)]
        resized, grid = fit_many(h, w, canvas), canvas // self.tile
        offset = (canvas - resized) // 2
        tiles = grid.prod(axis=1)
        return Listing(
            grid=grid,
            canvas=canvas if self.padding == "centre" else resized + 2 * offset,
            resized=resized,
            offset=offset,
            regions=tiles + 1,
            encoder_tokens=(tiles + 1) * self.side**2,
            tokens=self._tokens_many(h, w, grid) + self.base * self.side**2,
        )

    def _base_listing(self, n: int) -> Listing:
        one, tile = np.ones((n, 2), np.int64), np.full((n, 2), self.tile, np.int64)
        tokens = np.full(n, self.side**2, np.int64)
        extra = self.merge == "unpad" and self.base
        return Listing(one, tile, tile, 0 * one, one[:, 0], tokens, self.base * tokens + extra)

    def _canvas_many(self, h: Ints, w: Ints) -> Ints:
        best = np.zeros(len(h), np.int64)
        most, least = np.zeros(len(h), np.int64), np.full(len(h), np.iinfo(np.int64).max)
        for index, canvas in enumerate(self.canvases):
            scale = np.minimum(canvas.width / w, canvas.height / h)
            fitted = (w * scale).astype(np.int64) * (h * scale).astype(np.int64)
            effective = np.minimum(fitted, w * h)
            wasted = canvas.pixels - effective
            better = (effective > most) | ((effective == most) & (wasted < least))
            best[better] = index
            np.copyto(most, effective, where=better)
            np.copyto(least, wasted, where=better)
        return best

    def _tokens_many(self, h: Ints, w: Ints, grid: Ints) -> Ints:
        whole = grid * self.side
        if self.merge == "maxpool2x2":
            return np.asarray((whole // 2).prod(axis=1))
        if self.merge != "unpad":
            return np.asarray(whole.prod(axis=1))
        kept = pool_many(unpad_many(h, w, whole, self.unpad), self.side, self.anyres_max)
        return kept[:, 0] * (kept[:, 1] + 1)

    def rivals(self) -> Mapping[str, Tiler]:
        """See `Tiler.rivals`."""
        other: Order = "height-width" if self.order == "width-height" else "width-height"
        rivals: dict[str, Tiler] = {
            f"pinpoints read as {other}": replace(self, order=other),
        }
        for rule, words in UNPAD.items():
            if rule != self.unpad:
                rivals[f"unpad rounding: {words}"] = replace(self, unpad=rule)
                rivals[f"pinpoints read as {other}; unpad rounding: {words}"] = replace(
                    self, unpad=rule, order=other
                )
        rivals["padding on both sides"] = replace(self, padding="both-sides")
        if self.anyres_max is not None:
            rivals["features never pooled"] = replace(self, anyres_max=None)
        return rivals


def effective_and_wasted(image: Size, canvas: Size) -> tuple[int, int]:
    """Pixels of the image that a canvas keeps, and pixels of the canvas that it does not fill."""
    scale = min(canvas.width / image.width, canvas.height / image.height)
    fitted = int(image.width * scale) * int(image.height * scale)
    effective = min(fitted, image.pixels)
    return effective, canvas.pixels - effective


def _clipped(region: Region, canvas: Size) -> Region:
    height = min(region.size.height, canvas.height - region.top)
    width = min(region.size.width, canvas.width - region.left)
    return Region(canvas, region.top, region.left, Size(height, width))


LLAVA_NEXT = Llava()
LLAVA_NEXT_HF = Llava(name="llava-next-hf", order="height-width", unpad="round7")
LLAVA_NEXT_HF445 = Llava(
    name="llava-next-hf4.45", order="height-width", unpad="integer", padding="both-sides"
)
LLAVA_ONEVISION = Llava(
    name="llava-onevision", tile=384, pinpoints=grid_pinpoints(384, 6), anyres_max=9
)
LLAVA_ONEVISION_HF = replace(
    LLAVA_ONEVISION, name="llava-onevision-hf", order="height-width", unpad="round7"
)
