"""Real-ESRGAN as published: whole images or tiles, integers to integers, any final factor.

A tile's halo of 10 pixels is not enough for the large network, so tiles show at their borders;
`running` has ways to run the networks without that.

Source: the tool of Wang et al., "Real-ESRGAN", ICCV Workshops 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from anyres_bench.baselines.realesrgan.network import Network
from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.interpolation import find_filter, resample


@dataclass(frozen=True)
class Official:
    """Options of the official tool, in input pixels.

    Attributes:
        tile: side of a tile; 0 runs the whole image at once.
        tile_pad: halo of a tile, cut at the image's border.
        pre_pad: reflected pixels at the right and the bottom; they change a whole band there.
    """

    tile: int = 0
    tile_pad: int = 10
    pre_pad: int = 0

    @property
    def id(self) -> str:
        """Names the way."""
        return f"official-tile{self.tile}-pad{self.tile_pad}-pre{self.pre_pad}"

    def window(self, network: Network, image: Size, box: Box) -> Box:
        """The pixels of the image that a box of it is made from: all, as published."""
        return Box.whole(image)

    def __call__(
        self, network: Network, pixels: Tensor, image: Size, window: Box, box: Box
    ) -> Tensor:
        """Enlarge an image and give a box of it, as `running.Exact` does."""
        return cut(run_official(network, pixels, self), box, network.scale)


def run_official(network: Network, image: Tensor, options: Official) -> Tensor:
    """Enlarge as the official tool does, tiles and borders included.

    Args:
        network: any of the networks.
        image: (n, c, h, w) RGB in [0, 1].
        options: of the tool.

    Returns:
        (n, c, h scale, w scale), not clamped.

    Raises:
        UsageError: tiles that the network cannot take, or padding beyond the image.
    """
    fold = {2: 2, 1: 4}.get(network.scale, 1)  # the tool pads by scale, whatever the network
    if options.tile and (options.tile % network.fold or options.tile_pad % network.fold):
        raise UsageError(
            f"tile {options.tile} and tile_pad {options.tile_pad} must be multiples of "
            f"{network.fold} for a network of scale {network.scale}"
        )
    h, w = image.shape[2:]
    padded = reflect(image, Size(h + options.pre_pad, w + options.pre_pad))
    padded = reflect(padded, Size(*(-(-side // fold) * fold for side in padded.shape[2:])))
    if options.tile:
        enlarged = _tiles(network, padded, options)
    else:
        enlarged = network(padded)
    return enlarged[:, :, : h * network.scale, : w * network.scale]


def reflect(image: Tensor, size: Size) -> Tensor:
    """Reflect at the right and bottom until the image has a size."""
    down, across = size.height - image.shape[2], size.width - image.shape[3]
    if down >= image.shape[2] or across >= image.shape[3]:
        raise UsageError(
            f"an image of {Size(*image.shape[2:])} is too small to be reflected to {size}; "
            "choose a smaller pre_pad"
        )
    return F.pad(image, (0, across, 0, down), mode="reflect") if down or across else image


def _tiles(network: Network, image: Tensor, options: Official) -> Tensor:
    n, c, h, w = image.shape
    whole, scale = Size(h, w), network.scale
    output = image.new_empty(n, c, h * scale, w * scale)
    for top in range(0, h, options.tile):
        for left in range(0, w, options.tile):
            tile = Box(top, left, min(options.tile, h - top), min(options.tile, w - left))
            window = grow(tile, options.tile_pad, whole)
            cut(output, tile, scale).copy_(part(network(cut(image, window)), tile, window, scale))
    return output


def enhance(
    network: Network, image: NDArray[np.generic], options: Official, outscale: float | None = None
) -> NDArray[np.generic]:
    """Enlarge a stored image as the official tool does, from integers to integers.

    Args:
        network: a network of 3 channels.
        image: (h, w), (h, w, 3) BGR or (h, w, 4) BGRA; 16-bit if any value is above 256.
        options: of the tool.
        outscale: final factor; another than the network's is reached by Lanczos interpolation.

    Returns:
        The same layout, uint8 or uint16.
    """
    levels = 65535 if image.max() > 256 else 255
    pixels = torch.from_numpy(np.asarray(image, dtype=np.float32) / levels)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    colours = pixels[..., :3] if pixels.shape[2] > 1 else pixels.expand(-1, -1, 3)

    def enlarge(bgr: Tensor) -> Tensor:
        rgb = bgr.flip(-1).permute(2, 0, 1)[None]
        return run_official(network, rgb, options)[0].clamp(0, 1).permute(1, 2, 0).flip(-1)

    enlarged = enlarge(colours)
    if pixels.shape[2] == 1:
        enlarged = _luma(enlarged)
    elif pixels.shape[2] == 4:
        alpha = _luma(enlarge(pixels[..., 3:].expand(-1, -1, 3)))
        enlarged = torch.cat([enlarged, alpha], -1)
    whole = (enlarged * levels).round()
    if outscale is not None and outscale != network.scale:
        h, w = image.shape[:2]
        size = Size(int(h * outscale), int(w * outscale))
        made = Size(*whole.shape[:2])
        region, rule = Region.whole(size), find_filter("lanczos4")
        resized = resample(whole.permute(2, 0, 1)[None], made, Box.whole(made), region, rule)
        whole = resized[0].permute(1, 2, 0).round().clamp(0, levels)
    result = whole.numpy().astype(np.uint16 if levels > 255 else np.uint8)
    return result[..., 0] if image.ndim == 2 else result


def _luma(bgr: Tensor) -> Tensor:
    return (bgr * bgr.new_tensor([0.114, 0.587, 0.299])).sum(-1, keepdim=True)


def grow(box: Box, halo: int, image: Size, fold: int = 1) -> Box:
    """The box with a halo, rounded outwards to multiples of `fold`, cut at the image's border."""
    top, left = (max(0, start - halo) // fold * fold for start in (box.top, box.left))
    bottom = min(image.height, -(-(box.bottom + halo) // fold) * fold)
    right = min(image.width, -(-(box.right + halo) // fold) * fold)
    return Box(top, left, bottom - top, right - left)


def cut(image: Tensor, box: Box, scale: int = 1) -> Tensor:
    """The pixels of a box, whose numbers are multiplied by `scale`, as a view."""
    rows = slice(box.top * scale, box.bottom * scale)
    return image[:, :, rows, box.left * scale : box.right * scale]


def part(output: Tensor, box: Box, window: Box, scale: int) -> Tensor:
    """The pixels of a box, from the enlarged pixels of a window around it."""
    inner = Box(box.top - window.top, box.left - window.left, box.height, box.width)
    return cut(output, inner, scale)


def inside(box: Box, window: Box) -> Box:
    """A box, seen from the corner of a window."""
    return Box(box.top - window.top, box.left - window.left, box.height, box.width)


def scaled(box: Box, by: int, over: int = 1) -> Box:
    """A box on a grid that is finer or coarser by a whole factor."""
    numbers = (box.top, box.left, box.height, box.width)
    return Box(*(number * by // over for number in numbers))
