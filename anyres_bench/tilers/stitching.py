"""Encoder features to the language model's sequence, and back to places of the image.

Features are one (rows, columns, channels) map a region, in the plan's order: what the encoder makes
of each picture, its patches row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.coordinates import image_to_tile
from anyres_bench.tilers.patches import space_to_depth
from anyres_bench.tilers.plan import Axis, Plan, TokenGrid

Map = NDArray[Any]


def sequence(plan: Plan, features: Sequence[Map], separator: ArrayLike | None = None) -> Map:
    """What the language model reads, before any projection.

    Args:
        plan: a plan with a token layout.
        features: one map a region; only the first channels' worth is copied, nothing computed,
            except where the plan pools (bilinear, half-pixel centres, not antialiased).
        separator: (channels,) the vector put after rows; needed where the plan has separators.

    Returns:
        (plan.tokens, channels): where `merge` encoder tokens a side make one, their channels follow
        each other in the order (row, column, channel).

    Raises:
        UsageError: the maps do not fit the plan, or a separator is missing.
    """
    if len(features) != len(plan.regions):
        raise UsageError(f"{len(features)} feature maps for {len(plan.regions)} regions")
    if not plan.grids and plan.tokens:
        raise UsageError(f"{plan.tiler}: no layout has the announced {plan.tokens} tokens")
    maps = [np.asarray(x) for x in features]
    parts = [_with_separators(_cells(plan, grid, maps), grid, separator) for grid in plan.grids]
    return np.concatenate(parts) if parts else np.empty((0, maps[0].shape[-1]) if maps else (0, 0))


def _cells(plan: Plan, grid: TokenGrid, maps: list[Map]) -> Map:
    """The tokens of one grid as a (rows, columns, channels) map."""
    if grid.region is not None:
        whole = space_to_depth(maps[grid.region], grid.merge)
    else:
        whole = space_to_depth(mosaic_of(plan, maps, grid.layer), grid.merge)
    rows, columns = grid.rows, grid.columns
    part = whole[rows.first : rows.first + rows.span, columns.first : columns.first + columns.span]
    if part.shape[:2] != (rows.span, columns.span):
        raise UsageError(f"a feature map of {whole.shape[:2]} is too small for {plan.tiler}'s plan")
    if grid.pool == "max":
        return _maxima(part, rows.span // max(rows.n, 1))
    return _pooled(part, rows, columns)


def mosaic_of(plan: Plan, features: Sequence[Map], layer: int) -> Map:
    """The maps of a layer's regions, put together as the regions lie on the canvas.

    Raises:
        UsageError: the layer's regions are no full mosaic, or the maps differ in shape.
    """
    first = sum(len(x.regions) for x in plan.layers[:layer])
    grid = plan.layers[layer].grid
    maps = [np.asarray(x) for x in features[first : first + len(plan.layers[layer].regions)]]
    if not maps or grid.pixels != len(maps) or len({x.shape for x in maps}) != 1:
        raise UsageError(f"layer {layer} of {plan.tiler} has no mosaic of equal maps")
    rows = [
        np.concatenate(maps[row * grid.width : (row + 1) * grid.width], axis=1)
        for row in range(grid.height)
    ]
    return np.concatenate(rows, axis=0)


def _pooled(features: Map, rows: Axis, columns: Axis) -> Map:
    if rows.n != rows.span:
        features = _bilinear(features, rows.n, axis=0)
    return features if columns.n == columns.span else _bilinear(features, columns.n, axis=1)


def _maxima(features: Map, side: int) -> Map:
    """The largest of each side x side neighbours, channel by channel."""
    height, width, channels = features.shape
    parts = features.reshape(height // side, side, width // side, side, channels)
    return np.asarray(parts.max(axis=(1, 3)))


def _bilinear(features: Map, n: int, axis: int) -> Map:
    """Linear interpolation along an axis: half-pixel centres, the ends repeated."""
    n_in = features.shape[axis]
    at = np.maximum((np.arange(n) + 0.5) * (n_in / n) - 0.5, 0)
    low = np.minimum(at.astype(np.int64), n_in - 1)
    high = np.minimum(low + 1, n_in - 1)
    weight = (at - low).reshape([-1 if k == axis else 1 for k in range(features.ndim)])
    below, above = features.take(low, axis), features.take(high, axis)
    return np.asarray(below + (above - below) * weight)


def _with_separators(cells: Map, grid: TokenGrid, separator: ArrayLike | None) -> Map:
    n_rows, _, channels = cells.shape
    if grid.separators + grid.end == 0:
        return cells.reshape(-1, channels)
    if separator is None or np.shape(separator) != (channels,):
        raise UsageError(f"the plan puts a separator after each row: give a ({channels},) vector")
    shape = (n_rows, grid.separators, channels)
    ends = np.broadcast_to(np.asarray(separator), shape)
    rows = np.concatenate([cells, ends], axis=1).reshape(-1, channels)
    return np.concatenate([rows, np.broadcast_to(np.asarray(separator), (grid.end, channels))])


def stitch(plan: Plan, features: Sequence[Map], size: Size) -> Map:
    """Features laid over the image: at each cell's centre, those of the finest region that sees it.

    Args:
        plan, features: as in `sequence`.
        size: rows and columns of the result.

    Returns:
        (size.height, size.width, channels) float64; NaN where no encoded patch sees the place.
    """
    y = (np.arange(size.height) + 0.5) * plan.image.height / size.height
    x = (np.arange(size.width) + 0.5) * plan.image.width / size.width
    points = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    out = np.full((len(points), np.asarray(features[0]).shape[-1]), np.nan)
    for region in _coarse_to_fine(plan):
        values = np.asarray(features[region])
        cell = np.floor(image_to_tile(plan, points, region) / plan.patch).astype(np.int64)
        seen = ((cell >= 0) & (cell < values.shape[:2])).all(axis=1)
        out[seen] = values[cell[seen, 0], cell[seen, 1]]
    return out.reshape(*size, -1)


def _coarse_to_fine(plan: Plan) -> list[int]:
    scales = [layer.resized.pixels for layer in plan.layers for _ in layer.regions]
    return sorted(range(len(scales)), key=lambda region: scales[region])
