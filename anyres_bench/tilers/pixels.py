"""A plan and an image to the pictures that the encoder sees."""

from __future__ import annotations

import numpy as np

from anyres_bench.core.errors import ImageError, UsageError
from anyres_bench.core.geometry import Region
from anyres_bench.data.pixels import Pixels, resize_uint8
from anyres_bench.tilers.plan import Layer, Plan


def cut(plan: Plan, image: Pixels) -> list[Pixels]:
    """The pictures that the encoder sees, in its order.

    Args:
        plan: of a tiler, for an image of this size.
        image: (h, w, 3) uint8.

    Returns:
        One (h, w, 3) uint8 array for each of `plan.regions`.

    Raises:
        UsageError: the plan is of another size.
        ImageError: the plan resizes a side to nothing.
    """
    return [
        window(canvas, region)
        for layer, canvas in zip(plan.layers, canvases(plan, image), strict=True)
        for region in layer.regions
    ]


def canvases(plan: Plan, image: Pixels) -> list[Pixels]:
    """The canvas of each layer with the image on it, (h, w, 3) uint8; raises as `cut`."""
    if image.shape[:2] != plan.image:
        raise UsageError(
            f"the plan is of an image of {plan.image}, this one has "
            f"{image.shape[0]}x{image.shape[1]} (height x width); plan that size"
        )
    return [_canvas(plan, layer, image) for layer in plan.layers]


def _canvas(plan: Plan, layer: Layer, image: Pixels) -> Pixels:
    if 0 in layer.resized:
        raise ImageError(
            "empty", f"{plan.tiler} resizes {plan.image} to {layer.resized}: nothing is left to cut"
        )
    resized = image
    for size in (*layer.via, layer.resized):
        resized = resize_uint8(resized, size, plan.filter_name)
    if layer.resized == layer.canvas:
        return resized
    canvas = np.full((*layer.canvas, 3), plan.fill, np.uint8)
    bottom, right = layer.top + layer.resized.height, layer.left + layer.resized.width
    canvas[layer.top : bottom, layer.left : right] = resized
    return canvas


def window(canvas: Pixels, region: Region) -> Pixels:
    """The pixels of a region; what lies outside the canvas is black."""
    box = region.box
    if box.fits(region.canvas):
        return canvas[box.top : box.bottom, box.left : box.right].copy()
    out = np.zeros((*region.size, 3), np.uint8)
    top, left = max(box.top, 0), max(box.left, 0)
    part = canvas[top : max(box.bottom, 0), left : max(box.right, 0)]
    y, x = top - box.top, left - box.left
    out[y : y + part.shape[0], x : x + part.shape[1]] = part
    return out
