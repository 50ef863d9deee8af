"""Positional grids of MS-PE: sinusoidal (SPE) and Cartesian (CSG).

Source: Xu et al., "Positional Encoding as Spatial Inductive Bias in GANs", CVPR 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from anyres_bench.core.geometry import Size


def resize(x: Tensor, size: Size) -> Tensor:
    """Bilinear interpolation whose corner pixels stay in the corners."""
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=True)


@dataclass(frozen=True)
class SPE:
    """Sinusoidal positional encoding of rows and columns.

    Attributes:
        embedding_dim: channels per axis, even.
        padding_idx: the index that means "nothing here" and is encoded as zeros.
        init_size: rows of the first table; a longer axis rebuilds it.
        div_half_dim: frequencies end one step before 1e-4 (the rebuilt table forgets it).
        center_shift: index that the left centre of an axis gets. Indices are only counted, not
            used, so it matters only where an index equals `padding_idx`.
    """

    embedding_dim: int
    padding_idx: int = 0
    init_size: int = 1024
    div_half_dim: bool = False
    center_shift: int | None = None

    @property
    def channels(self) -> int:
        """Channels of the grid."""
        return 2 * self.embedding_dim

    def grid(self, size: Size) -> Tensor:
        """(1, 2 d, h, w): d channels for x, then d for y."""
        rows, columns = size
        x = self._axis(columns, longest=columns)  # x is encoded first, y sees its rebuilt table
        y = self._axis(rows, longest=max(size))
        x, y = x.T[:, None, :].expand(-1, rows, -1), y.T[:, :, None].expand(-1, -1, columns)
        return torch.cat([x, y])[None]

    def _axis(self, n: int, longest: int) -> Tensor:
        indices = torch.arange(1, n + 1)
        if self.center_shift is not None:
            indices = indices + self.center_shift - (n + 1) // 2
        present = indices != self.padding_idx
        positions = (present.cumsum(0) + self.padding_idx).float()[:, None]
        half = self.embedding_dim // 2
        divided = self.div_half_dim and longest + 1 <= self.init_size
        step = math.log(10000) / (half if divided else half - 1)
        angles = positions * torch.exp(torch.arange(half, dtype=torch.float32) * -step)
        return torch.cat([angles.sin(), angles.cos()], 1) * present[:, None]


@dataclass(frozen=True)
class CSG:
    """Cartesian grid: x, then y, from -1 to 1 with both ends."""

    channels: int = 2

    def grid(self, size: Size) -> Tensor:
        """(1, 2, h, w)."""
        y, x = (torch.arange(n, dtype=torch.float32) * 2 / max(n - 1, 1) - 1 for n in size)
        return torch.stack(torch.meshgrid(x, y, indexing="xy"))[None]
