"""Layers and token rectangles that many tilers share, and their numbers for many sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.geometry import Region, Size
from anyres_bench.tilers.plan import Axis, Ints, Layer, Listing, TokenGrid


def mosaic(
    grid: Size, tile: Size, resized: Size | None = None, via: tuple[Size, ...] = ()
) -> Layer:
    """A canvas of `grid` tiles, all encoded; an image smaller than the canvas lies in its middle.

    >>> mosaic(Size(1, 2), Size(336, 336)).canvas
    Size(height=336, width=672)
    """
    canvas = Size(grid.height * tile.height, grid.width * tile.width)
    image = resized or canvas
    regions = tuple(
        Region(canvas, row * tile.height, column * tile.width, tile)
        for row in range(grid.height)
        for column in range(grid.width)
    )
    top, left = (canvas.height - image.height) // 2, (canvas.width - image.width) // 2
    return Layer(canvas, image, top, left, regions, grid, via=via)


def overview(tile: Size, via: tuple[Size, ...] = ()) -> Layer:
    """The whole image squashed into one tile, aspect not kept."""
    return Layer(tile, tile, 0, 0, (Region.whole(tile),), Size(1, 1), "overview", via)


def single(canvas: Size, resized: Size | None = None) -> Layer:
    """One window, the whole canvas; none where a side is 0. The image lies at the top left."""
    regions = (Region.whole(canvas),) if canvas.pixels else ()
    grid = Size(1, 1) if regions else Size(0, 0)
    return Layer(canvas, resized or canvas, 0, 0, regions, grid)


def per_region(
    layers: tuple[Layer, ...], side: int, cell: int, merge: int
) -> tuple[TokenGrid, ...]:
    """A square of `side` x `side` tokens of `cell` pixels for each region, one after the other."""
    grids: list[TokenGrid] = []
    for index, layer in enumerate(layers):
        for region in layer.regions:
            rows = Axis(side, 0, side, side, region.size.height, cell, region.top)
            columns = Axis(side, 0, side, side, region.size.width, cell, region.left)
            grids.append(TokenGrid(index, len(grids), rows, columns, merge=merge))
    return tuple(grids)


def one_rectangle(
    tokens: Size, cell: int, merge: int = 1, separators: int = 0
) -> tuple[TokenGrid, ...]:
    """`tokens` rows and columns of `cell` pixels over the only region; none where it is empty."""
    if not tokens.pixels:
        return ()
    rows, columns = Axis.plain(tokens.height, cell), Axis.plain(tokens.width, cell)
    return (TokenGrid(0, 0, rows, columns, separators, merge=merge),)


def single_listing(
    resized: Ints, encoder_tokens: Ints, tokens: Ints, refused: NDArray[Any]
) -> Listing:
    """The listing of a tiler with one window; rows where `refused` is true become -1."""
    keep = ~refused.astype(bool)
    one = np.asarray((resized > 0).all(axis=1), np.int64)
    grid = np.stack([one, one], axis=1)

    def kept(column: Ints) -> Ints:
        return np.where(keep if column.ndim == 1 else keep[:, None], column, -1)

    sides, offset = kept(resized), kept(np.zeros_like(resized))
    return Listing(kept(grid), sides, sides, offset, kept(one), kept(encoder_tokens), kept(tokens))


def columns_of(heights: Ints, widths: Ints) -> Ints:
    """Heights and widths as (n, 2) int64."""
    return np.stack([np.asarray(heights, np.int64), np.asarray(widths, np.int64)], axis=1)
