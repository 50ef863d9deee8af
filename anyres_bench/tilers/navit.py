"""NaViT as a torch module: packed sequences, factorised positions, one pooled vector an image.

Source: Dehghani et al., NeurIPS 2023; details as in vit-pytorch 1.26.11: no biases in attention,
queries and keys normalised a head, logits not scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from anyres_bench.core.errors import UsageError
from anyres_bench.tilers.packing import Packed, fractional_positions
from anyres_bench.tilers.patches import patchify


@dataclass(frozen=True)
class NaVitConfig:
    """Sizes of the network.

    Attributes:
        patch: px.
        dim: width.
        depth: blocks.
        heads, head_dim: of attention.
        hidden: width of the feed-forward layers.
        classes: outputs.
        max_rows, max_columns: of the tables of positions.
        fractional: look positions up by their share of the side, between the table's entries.
        channels: of the images.
    """

    patch: int = 16
    dim: int = 192
    depth: int = 6
    heads: int = 3
    head_dim: int = 64
    hidden: int = 768
    classes: int = 10
    max_rows: int = 64
    max_columns: int = 64
    fractional: bool = False
    channels: int = 3


class HeadNorm(nn.Module):
    """Unit length times sqrt(head_dim) times a learned gain, head by head."""

    def __init__(self, heads: int, head_dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(heads, 1, head_dim))

    def forward(self, x: Tensor) -> Tensor:
        gain: Tensor = x.shape[-1] ** 0.5 * self.gamma
        return functional.normalize(x, dim=-1) * gain


class Attention(nn.Module):
    """Attention with normalised queries and keys; a mask is required."""

    def __init__(self, config: NaVitConfig) -> None:
        super().__init__()
        inner = config.heads * config.head_dim
        self.heads = config.heads
        self.norm = nn.LayerNorm(config.dim)
        self.q_norm = HeadNorm(config.heads, config.head_dim)
        self.k_norm = HeadNorm(config.heads, config.head_dim)
        self.to_q = nn.Linear(config.dim, inner, bias=False)
        self.to_kv = nn.Linear(config.dim, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, config.dim, bias=False)

    def forward(self, x: Tensor, mask: Tensor, context: Tensor | None = None) -> Tensor:
        """(b, n, dim), and (b, 1, n, m) true where a query sees a key."""
        x = self.norm(x)
        k, v = self.to_kv(x if context is None else context).chunk(2, dim=-1)
        q, k, v = (self._split(part) for part in (self.to_q(x), k, v))
        q, k = self.q_norm(q), self.k_norm(k)
        logits = q @ k.transpose(-1, -2)
        logits = logits.masked_fill(~mask, torch.finfo(logits.dtype).min)
        out: Tensor = self.to_out((logits.softmax(-1) @ v).transpose(1, 2).flatten(2))
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Norm, widen, GELU, narrow."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__(
            nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim)
        )


class Block(nn.Module):
    """Attention and feed-forward, each added to what came in."""

    def __init__(self, config: NaVitConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.feed_forward = FeedForward(config.dim, config.hidden)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attention(x, mask)
        out: Tensor = x + self.feed_forward(x)
        return out


class NaVitEncoder(nn.Module):
    """Patches of images of any sizes, several images a sequence, to one vector a patch."""

    def __init__(self, config: NaVitConfig) -> None:
        super().__init__()
        self.config = config
        flat = config.channels * config.patch**2
        self.embedding = nn.Sequential(
            nn.LayerNorm(flat), nn.Linear(flat, config.dim), nn.LayerNorm(config.dim)
        )
        self.rows = nn.Parameter(torch.randn(config.max_rows, config.dim))
        self.columns = nn.Parameter(torch.randn(config.max_columns, config.dim))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.dim)

    def embed_patches(self, flat: Tensor, places: Tensor) -> Tensor:
        """Flat patches (b, n, channels * patch^2) at table places (b, n, 2) to (b, n, dim)."""
        positions = lookup(self.rows, places[..., 0]) + lookup(self.columns, places[..., 1])
        embedded: Tensor = self.embedding(flat) + positions
        return embedded

    def encode_tokens(self, x: Tensor, mask: Tensor) -> Tensor:
        """(b, n, dim) after all blocks; `mask` (b, 1, n, n) is true where a query sees a key."""
        for block in self.blocks:
            x = block(x, mask)
        out: Tensor = self.norm(x)
        return out


class NaVit(NaVitEncoder):
    """Images of any sizes, several a sequence, to one vector of logits an image."""

    def __init__(self, config: NaVitConfig) -> None:
        super().__init__(config)
        self.query = nn.Parameter(torch.randn(config.dim))
        self.pool = Attention(config)
        self.head = nn.Sequential(
            nn.LayerNorm(config.dim), nn.Linear(config.dim, config.classes, bias=False)
        )

    def forward(self, sequences: Sequence[Sequence[Tensor]]) -> Tensor:
        """Logits (images, classes) of (c, h, w) float images, sequence by sequence."""
        x, packed = self.embed(sequences)
        return self.classify(self.encode(x, packed), packed)

    def embed(self, sequences: Sequence[Sequence[Tensor]]) -> tuple[Tensor, Packed]:
        """(b, n, dim) tokens with their positions, padding included, and how they are packed."""
        device = self.rows.device
        parts = [[patches_of(image, self.config) for image in images] for images in sequences]
        flat, places = (
            nn.utils.rnn.pad_sequence(
                [torch.cat([part[which] for part in images]) for images in parts], batch_first=True
            ).to(device)
            for which in (0, 1)
        )
        packed = Packed.of([[len(part[0]) for part in images] for images in parts])
        return self.embed_patches(flat, places), packed

    def encode(self, x: Tensor, packed: Packed) -> Tensor:
        """(b, n, dim) after all blocks; an image sees itself alone."""
        return self.encode_tokens(x, torch.from_numpy(packed.attention_mask()).to(x.device))

    def classify(self, x: Tensor, packed: Packed) -> Tensor:
        """(images, classes): each image's query sees the image's own tokens."""
        mask = torch.from_numpy(packed.pooling_mask()).to(x.device)
        queries = self.query.expand(len(x), mask.shape[2], -1)
        pooled = self.pool(queries, mask, context=x) + queries
        real = [torch.arange(mask.shape[2]) < count for count in packed.counts]
        logits: Tensor = self.head(pooled[torch.stack(real).to(x.device)])
        return logits


def patches_of(image: Tensor, config: NaVitConfig) -> tuple[Tensor, Tensor]:
    """Flat patches of a (c, h, w) image, and where each looks its position up in the tables.

    Raises:
        UsageError: the image has more rows or columns of patches than the tables.
    """
    flat, (_, rows, columns) = patchify(image.detach().cpu().numpy()[None], config.patch)
    return torch.from_numpy(flat), torch.from_numpy(table_places(rows, columns, config))


def table_places(rows: int, columns: int, config: NaVitConfig) -> NDArray[np.float64]:
    """Where the patches of an image look their positions up, (rows * columns, 2)."""
    limit = np.array([config.max_rows, config.max_columns])
    if config.fractional:
        return np.asarray(fractional_positions(rows, columns) * (limit - 1))
    if rows > limit[0] or columns > limit[1]:
        raise UsageError(f"{rows} x {columns} patches; positions end at {limit[0]} x {limit[1]}")
    return np.indices((rows, columns)).reshape(2, -1).T.astype(np.float64)


def lookup(table: Tensor, at: Tensor) -> Tensor:
    """Rows of a table, linear between them where `at` is no whole number."""
    low = at.floor().long()
    high = (low + 1).clamp_max(len(table) - 1)
    weight = (at - low).to(table.dtype)[..., None]
    return table[low] * (1 - weight) + table[high] * weight
