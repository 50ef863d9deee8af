"""Patches and their orders: blocks of merged patches, pixel shuffle, Qwen2.5-VL's windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import UsageError
from anyres_bench.tilers.plan import Ints

Grid = tuple[int, int, int]  # frames, rows and columns of patches


def block_major(rows: int, columns: int, merge: int) -> Ints:
    """Row and column of each patch in the encoder's order: a merged token's patches together.

    Returns:
        (rows * columns, 2) int64.

    >>> block_major(2, 4, 2)[:, 1].tolist()
    [0, 1, 0, 1, 2, 3, 2, 3]
    """
    if rows % merge or columns % merge:
        raise UsageError(f"{rows} x {columns} patches are not cut into {merge} x {merge}")
    place = np.moveaxis(np.indices((rows, columns)), 0, -1)
    blocks = place.reshape(rows // merge, merge, columns // merge, merge, 2)
    return np.asarray(blocks.transpose(0, 2, 1, 3, 4).reshape(-1, 2), np.int64)


def patchify(
    images: NDArray[Any], patch: int, merge: int = 1, temporal: int = 1
) -> tuple[NDArray[Any], Grid]:
    """Flat patches of a still image or of frames, in block-major order.

    Args:
        images: (frames, channels, height, width); the last frame is repeated until `temporal`
            divides their number.
        patch: side of a patch, px.
        merge: patches a merged token takes along each axis.
        temporal: frames a patch takes.

    Returns:
        (n, channels * temporal * patch * patch) in the order (channel, frame, row, column), and
        the grid of patches.

    Raises:
        UsageError: the sides are no multiples of patch * merge.
    """
    frames, channels, height, width = images.shape
    if height % (patch * merge) or width % (patch * merge):
        raise UsageError(f"{height}x{width} px are no multiples of {patch} x {merge} px")
    images = np.concatenate([images, np.repeat(images[-1:], -frames % temporal, axis=0)])
    t, rows, columns = len(images) // temporal, height // patch, width // patch
    parts = images.reshape(
        t, temporal, channels, rows // merge, merge, patch, columns // merge, merge, patch
    )
    ordered = parts.transpose(0, 3, 6, 4, 7, 2, 1, 5, 8)
    return ordered.reshape(t * rows * columns, -1), (t, rows, columns)


def pixel_shuffle(features: NDArray[Any], merge: int, version: int = 2) -> NDArray[Any]:
    """InternVL's pixel shuffle: merge x merge neighbours into one token.

    Args:
        features: (n, height, width, channels).
        merge: neighbours along each axis.
        version: 2, or 1 for the transposed mosaic that the first models were trained with.

    Returns:
        (n, height / merge, width / merge, merge * merge * channels), channels in the order
        (row, column, channel); version 1: (n, width / merge, height / merge, ...).
    """
    out = np.stack([space_to_depth(image, merge) for image in features])
    return out if version == 2 else out.transpose(0, 2, 1, 3)


def space_to_depth(features: NDArray[Any], merge: int) -> NDArray[Any]:
    """Merge x merge neighbours of a (height, width, channels) map into one token.

    >>> space_to_depth(np.arange(4).reshape(2, 2, 1), 2)
    array([[[0, 1, 2, 3]]])
    """
    if merge == 1:
        return features
    height, width, channels = features.shape
    if height % merge or width % merge:
        raise UsageError(f"a map of {height}x{width} tokens is not cut into {merge} x {merge}")
    parts = features.reshape(height // merge, merge, width // merge, merge, channels)
    return parts.transpose(0, 2, 1, 3, 4).reshape(height // merge, width // merge, -1)


def window_order(grids: Sequence[Grid], side: int, merge: int = 2) -> tuple[Ints, list[int]]:
    """Merged tokens window by window, and how many patches each window holds.

    Args:
        grids: one (frames, rows, columns) of patches an image or video.
        side: merged tokens along a window's side (112 px of 28 px tokens: 4).
        merge: patches a merged token takes along each axis.

    Returns:
        (n,) index of merged tokens in window order, counted on over the images; windows at the
        right and at the bottom may be smaller.
    """
    order: list[Ints] = []
    lengths: list[int] = []
    base = 0
    for frames, rows, columns in grids:
        h, w = rows // merge, columns // merge
        index = np.arange(h * w).reshape(h, w)
        for frame in range(frames):
            for top in range(0, h, side):
                for left in range(0, w, side):
                    part = index[top : top + side, left : left + side].ravel()
                    order.append(base + frame * h * w + part)
                    lengths.append(part.size * merge * merge)
        base += frames * h * w
    return (np.concatenate(order) if order else np.empty(0, np.int64)), lengths


def window_lengths(grids: Iterable[Grid], side: int, merge: int = 2) -> list[int]:
    """Patches in each attention window, in the order of `window_order`."""
    lengths: list[int] = []
    for frames, rows, columns in grids:
        heights, widths = _parts(rows // merge, side), _parts(columns // merge, side)
        lengths += [h * w * merge * merge for h in heights for w in widths] * frames
    return lengths


def _parts(n: int, side: int) -> list[int]:
    return [min(side, n - start) for start in range(0, n, side)]


def cumulative(lengths: Iterable[int]) -> Ints:
    """0 and the running sums: what variable-length attention calls `cu_seqlens`."""
    return np.concatenate([[0], np.cumsum(list(lengths))]).astype(np.int64)
