"""A plan and an image to the pictures that the encoder sees.

Engines resize with Pillow or with torch; the two agree to a fraction of a level on average, while
single pixels differ by up to seven, so "the same processor" is not the same pixels.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from anyres_bench.core.errors import ImageError, UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.pixels import Pixels, resize_uint8
from anyres_bench.tilers.plan import Layer, Plan

Backend = Literal["pillow", "torch"]


def cut(plan: Plan, image: Pixels, backend: Backend = "pillow") -> list[Pixels]:
    """The pictures that the encoder sees, in its order.

    Args:
        plan: of a tiler, for an image of this size.
        image: (h, w, 3) uint8.
        backend: who resizes; torch's is what torchvision calls for 8-bit images.

    Returns:
        One (h, w, 3) uint8 array for each of `plan.regions`.

    Raises:
        UsageError: the plan is of another size.
        ImageError: the plan resizes a side to nothing.
    """
    return [
        window(canvas, region)
        for layer, canvas in zip(plan.layers, canvases(plan, image, backend), strict=True)
        for region in layer.regions
    ]


def canvases(plan: Plan, image: Pixels, backend: Backend = "pillow") -> list[Pixels]:
    """The canvas of each layer with the image on it, (h, w, 3) uint8; raises as `cut`."""
    if image.shape[:2] != plan.image:
        raise UsageError(
            f"the plan is of an image of {plan.image}, this one has "
            f"{image.shape[0]}x{image.shape[1]} (height x width); plan that size"
        )
    return [_canvas(plan, layer, image, backend) for layer in plan.layers]


def _canvas(plan: Plan, layer: Layer, image: Pixels, backend: Backend) -> Pixels:
    if 0 in layer.resized:
        raise ImageError(
            "empty", f"{plan.tiler} resizes {plan.image} to {layer.resized}: nothing is left to cut"
        )
    resized = image
    for size in (*layer.via, layer.resized):
        resize = resize_uint8 if backend == "pillow" else _torch_resize
        resized = resize(resized, size, plan.filter_name)
    if layer.resized == layer.canvas:
        return resized
    canvas = np.full((*layer.canvas, 3), plan.fill, np.uint8)
    bottom, right = layer.top + layer.resized.height, layer.left + layer.resized.width
    canvas[layer.top : bottom, layer.left : right] = resized
    return canvas


def _torch_resize(pixels: Pixels, size: Size, filter_name: str) -> Pixels:
    """Antialiased resize of 8-bit pixels by torch; bicubic and bilinear alone."""
    import torch

    if filter_name not in ("bicubic", "bilinear"):
        raise UsageError(f"torch has no antialiased {filter_name} filter; use the pillow backend")
    if pixels.shape[:2] == size:
        return pixels.copy()
    batch = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(
        batch, size=tuple(size), mode=filter_name, align_corners=False, antialias=True
    )
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())


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
