"""Orders of patches: blocks of merged patches, and the attention windows of Qwen2.5-VL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

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
