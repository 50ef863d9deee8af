"""ViTAR's two parts as torch modules: the grid attention token merger, and fuzzy positions.

No official code exists. Ours follows the paper, and where it is silent: padding is at the end and
is neither averaged nor attended to; a cell without any real token stays zero.

Source: Fan et al., "ViTAR: Vision Transformer with Any Resolution", 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.fixed import fuse


class TokenMerger(nn.Module):
    """Any grid of tokens to a fixed one: mean tokens attend to their cells, again and again.

    One set of weights is used by all iterations, so the merger knows no resolution.

    Args:
        dim: width.
        heads: of attention; they divide `dim`.
        target: rows and columns of the result.
        ratio: width of the feed-forward layer over `dim`.
    """

    def __init__(self, dim: int, heads: int, target: Size, ratio: float = 4.0) -> None:
        super().__init__()
        if dim % heads:
            raise UsageError(f"{heads} heads do not divide a width of {dim}")
        self.target, self.heads = target, heads
        self.norm_q, self.norm_kv = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.to_q, self.to_kv = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.to_out = nn.Linear(dim, dim)
        hidden = int(dim * ratio)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Merge (b, rows, columns, dim).

        Returns:
            (b, target.height, target.width, dim), and (target.height, target.width) true where a
            token saw the image.
        """
        real = torch.ones(x.shape[1:3], dtype=torch.bool, device=x.device)
        if x.shape[1] <= self.target.height and x.shape[2] <= self.target.width:
            return _padded(x, real, self.target)
        while tuple(x.shape[1:3]) != tuple(self.target):
            x, real = self._iteration(x, real)
        return x, real

    def _iteration(self, x: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """One fusion of two along each axis that is still too long; the others are padded."""
        grid, kernel = [], []
        for n, target in zip(x.shape[1:3], self.target, strict=True):
            grid.append(fuse(n, target) if n > target else target)
            kernel.append(2 if n > target else 1)
        whole = Size(grid[0] * kernel[0], grid[1] * kernel[1])
        x, real = _padded(x, real, whole)
        cells, inside = _cells(x, kernel), _cells(real[None, ..., None], kernel)[0, ..., 0]
        return self._fuse(cells, inside), inside.any(-1)

    def _fuse(self, cells: Tensor, inside: Tensor) -> Tensor:
        """(b, rows, columns, k, dim) cells to (b, rows, columns, dim)."""
        weight = inside[None, ..., None].to(cells.dtype)
        mean = (cells * weight).sum(-2, keepdim=True) / weight.sum(-2, keepdim=True).clamp_min(1)
        q = self._split(self.to_q(self.norm_q(mean)))
        k, v = (self._split(part) for part in self.to_kv(self.norm_kv(cells)).chunk(2, -1))
        seen = inside | ~inside.any(-1, keepdim=True)  # a row of nothing would be NaN
        out = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=seen[None, :, :, None, None]
        )
        x = (mean + self.to_out(out.transpose(-2, -3).flatten(-2)))[..., 0, :]
        x = x + self.feed_forward(x)
        fused: Tensor = x * inside.any(-1)[None, ..., None]
        return fused

    def _split(self, x: Tensor) -> Tensor:
        """(..., k, dim) to (..., heads, k, dim / heads)."""
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(-2, -3)


def _padded(x: Tensor, real: Tensor, whole: Size) -> tuple[Tensor, Tensor]:
    bottom, right = whole.height - x.shape[1], whole.width - x.shape[2]
    return (
        functional.pad(x, (0, 0, 0, right, 0, bottom)),
        functional.pad(real, (0, right, 0, bottom)),
    )


def _cells(x: Tensor, kernel: list[int]) -> Tensor:
    """(b, rows, columns, d) to (b, rows / ky, columns / kx, ky kx, d)."""
    b, rows, columns, dim = x.shape
    ky, kx = kernel
    parts = x.reshape(b, rows // ky, ky, columns // kx, kx, dim)
    return parts.permute(0, 1, 3, 2, 4, 5).flatten(3, 4)


class FuzzyPositions(nn.Module):
    """A learned table of positions, read between its entries and, in training, beside them.

    Args:
        table: rows and columns of the table.
        dim: width.
    """

    def __init__(self, table: Size, dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(dim, *table) * 0.02)

    def forward(self, grid: Size, generator: torch.Generator | None = None) -> Tensor:
        """Positions of a grid of tokens, (grid.height, grid.width, dim).

        In training every token looks up to half a token beside its place, uniformly drawn from
        `generator`; in evaluation exactly there, so a grid as large as the table gets its entries.
        """
        device = self.table.device
        y, x = torch.meshgrid(*(torch.arange(n, device=device) + 0.5 for n in grid), indexing="ij")
        at = torch.stack([x, y], dim=-1)
        if self.training:
            draws = torch.rand(at.shape, generator=generator, dtype=at.dtype)
            at = at + draws.to(device) - 0.5
        extent = torch.tensor([grid.width, grid.height], device=device)
        points = (at / extent * 2 - 1)[None].to(self.table.dtype)
        looked = functional.grid_sample(
            self.table[None], points, padding_mode="border", align_corners=False
        )
        return looked[0].permute(1, 2, 0)
