"""A window of a resized image, without resizing the rest: the same pixels, bit for bit.

A patch of 256 px on a canvas of 2000 px needs one pixel in sixty. Pillow resizes 8-bit images by
integer weights and rounds after each of its two passes, along x first; sums of integers below 2^53
are exact in float64 in any order, so the same can be had from small matrix products. A pixel needs
few of the source, so they go block by block, whose matrices are nearly full. (Pillow 13 takes some
rectangles along y first, which rounds otherwise; squares it does not.)
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.data.kernels import KERNELS
from anyres_bench.data.pixels import Pixels

_BITS = 22  # fraction bits of Pillow's weights for 8-bit pixels
_BLOCK = 16  # pixels that one matrix product makes of a row
_ONE_THREAD = 2**18  # multiplications up to which OpenBLAS asks no other thread for help


@dataclass(frozen=True)
class TapBlock:
    """Some pixels of an axis: `weights` times the source pixels [low, high).

    Attributes:
        low, high: counted from `Taps.low`.
        weights: (n, high - low) float64 that hold integers, in units of 2^-22.
    """

    low: int
    high: int
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class Taps:
    """One axis of a window.

    Attributes:
        low, high: source pixels that are needed.
        blocks: its pixels in order; None where source and canvas have one size, so that nothing is
            computed and nothing rounded.
    """

    low: int
    high: int
    blocks: tuple[TapBlock, ...] | None


def resized_window(pixels: Pixels, canvas: Size, window: Box, filter_name: str) -> Pixels:
    """Crop of `resize_uint8(pixels, canvas, filter_name)`, bit for bit where both are squares.

    Args:
        pixels: (h, w, 3) uint8.
        canvas: size that the whole is resized to.
        window: the part of the canvas that is wanted.
        filter_name: a name of `KERNELS`.

    Returns:
        (window.height, window.width, 3) uint8.

    Raises:
        UsageError: the window does not lie inside the canvas.
    """
    rows, columns = window_taps(Size(*pixels.shape[:2]), canvas, window, filter_name)
    return combine(pixels[rows.low : rows.high, columns.low : columns.high], rows, columns)


def window_taps(source: Size, canvas: Size, window: Box, filter_name: str) -> tuple[Taps, Taps]:
    """Which source pixels a window of a canvas needs, and their weights, along y and x.

    Raises:
        UsageError: the window does not lie inside the canvas.
    """
    if not window.fits(canvas):
        raise UsageError(f"{window} does not lie inside a canvas of {canvas}")
    return (
        _axis(source.height, canvas.height, window.top, window.bottom, filter_name),
        _axis(source.width, canvas.width, window.left, window.right, filter_name),
    )


def combine(part: Pixels, rows: Taps, columns: Taps) -> Pixels:
    """The window, of the part of the source that its taps name: along x first, as Pillow does."""
    half = _pass(part, columns.blocks)
    return _pass(half.swapaxes(0, 1), rows.blocks).swapaxes(0, 1)


def _pass(pixels: Pixels, blocks: tuple[TapBlock, ...] | None) -> Pixels:
    """(h, w, 3) to (h, n, 3) along the second axis, rounded to 8 bits."""
    if blocks is None:
        return pixels
    across = np.ascontiguousarray(pixels.swapaxes(0, 1)).reshape(pixels.shape[1], -1)  # (w, 3 h)
    levels = []
    for block in blocks:
        sums = _product(block.weights, across[block.low : block.high].astype(np.float64))
        sums *= 2.0**-_BITS
        sums += 0.5
        levels.append(np.floor(sums, out=sums).clip(0, 255, out=sums).astype(np.uint8))
    return np.concatenate(levels).reshape(-1, len(pixels), 3).swapaxes(0, 1)


def _product(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix product in pieces that stay on one thread of BLAS: windows are cut on many already."""
    product = np.empty((len(a), b.shape[1]))
    n = max(1, _ONE_THREAD // a.size)
    for i in range(0, b.shape[1], n):
        np.matmul(a, b[:, i : i + n], out=product[:, i : i + n])
    return product


@functools.lru_cache(maxsize=128)
def _axis(n_in: int, n_out: int, first: int, last: int, filter_name: str) -> Taps:
    """Pillow's rule: outputs [first, last) of n_out are centred filters over n_in inputs."""
    if n_in == n_out:
        return Taps(first, last, None)
    starts = range(first, last, _BLOCK)
    blocks = [_block(n_in, n_out, i, min(i + _BLOCK, last), filter_name) for i in starts]
    low, high = blocks[0].low, blocks[-1].high
    return Taps(low, high, tuple(TapBlock(b.low - low, b.high - low, b.weights) for b in blocks))


def _block(n_in: int, n_out: int, first: int, last: int, filter_name: str) -> TapBlock:
    """Outputs [first, last), inputs counted from the first of all.

    The filter is stretched by the ratio of sizes when shrinking; inputs outside the image are left
    out, and the weights of the others add up to one before they are rounded.
    """
    support, kernel = KERNELS[filter_name]
    ratio = n_in / n_out
    stretch = max(ratio, 1.0)
    centre = (np.arange(first, last) + 0.5) * ratio
    low = np.maximum((centre - support * stretch + 0.5).astype(np.int64), 0)
    high = np.minimum((centre + support * stretch + 0.5).astype(np.int64), n_in)
    start, stop = int(low.min()), int(high.max())
    inputs = np.arange(start, stop)
    seen = (inputs >= low[:, None]) & (inputs < high[:, None])
    weights = np.where(seen, kernel((inputs + 0.5 - centre[:, None]) * (1 / stretch)), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return TapBlock(start, stop, np.trunc(weights * 2.0**_BITS + np.copysign(0.5, weights)))
