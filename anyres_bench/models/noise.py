"""Gaussian noise that depends on a seed and the absolute place alone, without any border."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from anyres_bench.core.geometry import Box
from anyres_bench.core.seeds import stream


def normal_field(seed: int, label: Any, box: Box, channels: int = 1, block: int = 64) -> Tensor:
    """A window of an endless field of standard normals; windows of one field agree.

    Args:
        seed: of the image.
        label: which field of the image.
        box: the window, at any place.
        channels: of the field.
        block: side of the squares that are drawn at once; another side is another field.

    Returns:
        (1, channels, h, w) float32.
    """
    field = torch.empty(1, channels, *box.size)
    for row in range(box.top // block, (box.bottom - 1) // block + 1):
        rows, inner_rows = _meet(box.top, box.bottom, row * block, block)
        for column in range(box.left // block, (box.right - 1) // block + 1):
            columns, inner_columns = _meet(box.left, box.right, column * block, block)
            numbers = stream(seed, "field", label, row, column).normal((channels, block, block))
            field[0, :, rows, columns] = torch.from_numpy(numbers[:, inner_rows, inner_columns])
    return field


def _meet(start: int, stop: int, first: int, side: int) -> tuple[slice, slice]:
    """Where [start, stop) and a block meet: as a part of the one, and of the other."""
    low, high = max(start, first), min(stop, first + side)
    return slice(low - start, high - start), slice(low - first, high - first)


def latent_vector(seed: int, dim: int) -> Tensor:
    """The latent z of a seed, (1, dim) float32."""
    return torch.from_numpy(stream(seed, "z").normal(dim)).float()[None]
