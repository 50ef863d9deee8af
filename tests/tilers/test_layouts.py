"""Layers and token rectangles: every pixel of a mosaic lies in one tile, tokens fill regions."""

from __future__ import annotations

import numpy as np

from anyres_bench.core.geometry import Size
from anyres_bench.tilers.layouts import (
    columns_of,
    mosaic,
    one_rectangle,
    overview,
    per_region,
    single,
    single_listing,
)

TILE = Size(4, 6)


def test_the_tiles_of_a_mosaic_cover_each_pixel_once() -> None:
    layer = mosaic(Size(3, 2), TILE)
    seen = np.zeros(layer.canvas, int)
    for region in layer.regions:
        box = region.box
        seen[box.top : box.bottom, box.left : box.right] += 1
    assert (seen == 1).all()
    corners = [(r.top, r.left) for r in layer.regions]
    assert corners == sorted(corners)


def test_a_smaller_image_lies_in_the_middle() -> None:
    top, left, bottom, right = mosaic(Size(1, 2), TILE, Size(4, 7)).padding
    assert (top, bottom) == (0, 0)
    assert (left, right) == (2, 3)


def test_an_empty_canvas_has_no_window_and_no_tokens() -> None:
    layer = single(Size(0, 28))
    assert (layer.regions, layer.grid) == ((), Size(0, 0))
    assert one_rectangle(Size(0, 2), 14) == ()
    assert single(Size(28, 28)).grid == Size(1, 1)


def test_each_region_has_a_rectangle_that_ends_where_it_ends() -> None:
    layers = (mosaic(Size(2, 2), Size.square(8)), overview(Size.square(8)))
    grids = per_region(layers, side=2, cell=4, merge=1)
    assert [grid.layer for grid in grids] == [0, 0, 0, 0, 1]
    assert [grid.region for grid in grids] == list(range(5))
    regions = [region for layer in layers for region in layer.regions]
    for grid, region in zip(grids, regions, strict=True):
        y, x = grid.rows.edges(), grid.columns.edges()
        assert (y[0, 0], y[-1, 1]) == (region.box.top, region.box.bottom)
        assert (x[0, 0], x[-1, 1]) == (region.box.left, region.box.right)


def test_separators_count_as_tokens_of_their_rows() -> None:
    (grid,) = one_rectangle(Size(3, 5), 14, separators=1)
    assert grid.tokens == 3 * (5 + 1)


def test_refused_rows_of_a_listing_are_minus_one() -> None:
    resized = columns_of(np.array([28, 56]), np.array([28, 0]))
    n = np.array([1, 0])
    listing = single_listing(resized, n, n, np.array([True, False]))
    assert listing.refused.tolist() == [True, False]
    assert listing.tokens.tolist() == [-1, 0]
    assert listing.grid.tolist() == [[-1, -1], [0, 0]]
