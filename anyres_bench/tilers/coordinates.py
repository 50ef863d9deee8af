"""Places in an image and on what a tiler makes of it: image <-> canvas <-> tile <-> token.

Points are (n, 2) float64 (y, x) and boxes (n, 4) float64 (top, left, bottom, right), continuous:
pixel (0, 0) covers [0, 1), so a box around it is (0, 0, 1, 1). A box is two points, and every map
here takes points or boxes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.errors import UsageError
from anyres_bench.tilers.plan import Layer, Plan

Floats = NDArray[np.float64]


def image_to_canvas(plan: Plan, places: ArrayLike, layer: int | None = None) -> Floats:
    """Points or boxes of the image on a layer's canvas (of the main layer when None)."""
    scale, offset = _map(plan, _layer(plan, layer))
    return _apply(places, scale, offset)


def canvas_to_image(plan: Plan, places: ArrayLike, layer: int | None = None) -> Floats:
    """Points or boxes of a layer's canvas in the image; those in padding fall outside it."""
    scale, offset = _map(plan, _layer(plan, layer))
    return _apply(places, 1 / scale, -offset / scale)


def image_to_tile(plan: Plan, places: ArrayLike, region: int) -> Floats:
    """Points or boxes of the image in pixels of one region; what it does not show falls outside."""
    layer = layer_of(plan, region)
    on_canvas = image_to_canvas(plan, places, layer)
    corner = plan.regions[region]
    return _apply(on_canvas, np.ones(2), -np.array([corner.top, corner.left], np.float64))


def tile_to_image(plan: Plan, places: ArrayLike, region: int) -> Floats:
    """Points or boxes of one region in pixels of the image."""
    corner = plan.regions[region]
    offset = np.array([corner.top, corner.left], np.float64)
    return canvas_to_image(plan, _apply(places, np.ones(2), offset), layer_of(plan, region))


def layer_of(plan: Plan, region: int) -> int:
    """Index of the layer that a region lies on.

    Raises:
        UsageError: the plan has fewer regions.
    """
    first = 0
    for index, layer in enumerate(plan.layers):
        first += len(layer.regions)
        if 0 <= region < first:
            return index
    raise UsageError(f"the plan of {plan.tiler} has {first} regions, no number {region}")


def token_boxes(plan: Plan) -> Floats:
    """Where each language-model token lies in the image.

    Returns:
        (plan.tokens, 4) boxes in image pixels, in the language model's order; NaN for separators.
        A token of padding lies outside the image, or partly.
    """
    boxes = [np.empty((0, 4))]
    for grid in plan.grids:
        y, x = grid.rows.edges(), grid.columns.edges()
        n_rows, n_columns = len(y), len(x) + grid.separators
        placed = np.full((n_rows, n_columns, 4), np.nan)
        placed[:, : len(x), 0::2] = y[:, None]
        placed[:, : len(x), 1::2] = x[None]
        boxes.append(canvas_to_image(plan, placed.reshape(-1, 4), grid.layer))
        boxes.append(np.full((grid.end, 4), np.nan))
    return np.concatenate(boxes)


def tokens_at(plan: Plan, point: tuple[float, float]) -> list[int]:
    """Indices of the language-model tokens that see a point (y, x) of the image, in order."""
    boxes = token_boxes(plan)
    y, x = point
    with np.errstate(invalid="ignore"):
        rows = (boxes[:, 0] <= y) & (y < boxes[:, 2])
        hit = rows & (boxes[:, 1] <= x) & (x < boxes[:, 3])
    return [int(index) for index in np.flatnonzero(hit)]


def _layer(plan: Plan, index: int | None) -> Layer:
    return plan.main if index is None else plan.layers[index]


def _map(plan: Plan, layer: Layer) -> tuple[Floats, Floats]:
    """Scale and offset (y, x) from the image to a layer's canvas."""
    scale = np.array(layer.resized, np.float64) / np.array(plan.image, np.float64)
    return scale, np.array([layer.top, layer.left], np.float64)


def _apply(places: ArrayLike, scale: Floats, offset: Floats) -> Floats:
    array = np.asarray(places, np.float64)
    if array.ndim == 0 or array.shape[-1] not in (2, 4):
        raise UsageError(f"points are (n, 2) and boxes (n, 4); got shape {array.shape}")
    repeat = array.shape[-1] // 2
    return np.asarray(array * np.tile(scale, repeat) + np.tile(offset, repeat), np.float64)
