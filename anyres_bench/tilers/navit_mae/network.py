"""A masked autoencoder over packed images of any sizes: most patches are hidden and guessed.

The encoder sees the visible patches alone, each image's among themselves; a small decoder sees all
places of an image and gives the pixels of the hidden ones.

Source: He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022, on the sequences
of NaViT (Dehghani et al., NeurIPS 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from anyres_bench.tilers.navit import Block, NaVitConfig, NaVitEncoder, lookup


class PackedPatches(NamedTuple):
    """Patches of sequences of images, padded to one length n.

    Attributes:
        flat: (b, n, channels * patch^2) float32 in [-1, 1].
        places: (b, n, 2) float32, where positions are looked up.
        images: (b, n) int64, number of the image within its sequence; -1 in padding.
        visible: (b, n) bool, what the encoder sees.
    """

    flat: Tensor
    places: Tensor
    images: Tensor
    visible: Tensor

    @property
    def hidden(self) -> Tensor:
        """(b, n) bool: what is to be guessed."""
        return ~self.visible & (self.images >= 0)


class MaskedNaVit(nn.Module):
    """Encoder, and a decoder that the encoder is trained by.

    Args:
        config: of the encoder.
        decoder_dim: width of the decoder.
        decoder_depth: its blocks.
    """

    def __init__(self, config: NaVitConfig, decoder_dim: int, decoder_depth: int) -> None:
        super().__init__()
        self.encoder = NaVitEncoder(config)
        small = replace(config, dim=decoder_dim, hidden=4 * decoder_dim)
        self.narrow = nn.Linear(config.dim, decoder_dim)
        self.hidden_token = nn.Parameter(torch.randn(decoder_dim) * 0.02)
        self.rows = nn.Parameter(torch.randn(config.max_rows, decoder_dim) * 0.02)
        self.columns = nn.Parameter(torch.randn(config.max_columns, decoder_dim) * 0.02)
        self.blocks = nn.ModuleList(Block(small) for _ in range(decoder_depth))
        self.norm = nn.LayerNorm(decoder_dim)
        self.to_pixels = nn.Linear(decoder_dim, config.channels * config.patch**2)

    def forward(self, batch: PackedPatches) -> Tensor:
        """Guessed patches (b, n, channels * patch^2), each normalised by mean and spread."""
        order, shown = _visible_first(batch.visible)
        picked = PackedPatches(*(_gather(part, order) for part in batch))
        images = picked.images.masked_fill(~shown, -1)
        seen = self.encoder.embed_patches(picked.flat, picked.places)
        seen = self.narrow(self.encoder.encode_tokens(seen, _same(images)))
        whole = self.hidden_token.expand(*batch.images.shape, -1).to(seen.dtype)
        place = order[..., None].expand(-1, -1, seen.shape[-1])
        known = torch.where(shown[..., None], seen, _gather(whole, order))
        x = whole.scatter(1, place, known)
        x = x + lookup(self.rows, batch.places[..., 0]) + lookup(self.columns, batch.places[..., 1])
        mask = _same(batch.images)
        for block in self.blocks:
            x = block(x, mask)
        guessed: Tensor = self.to_pixels(self.norm(x))
        return guessed


def from_config(config: Mapping[str, Any]) -> MaskedNaVit:
    """The untrained autoencoder of a checkpoint's config."""
    encoder = NaVitConfig(**config["encoder"])
    return MaskedNaVit(encoder, config["decoder_dim"], config["decoder_depth"])


def normalised(flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Patches with mean 0 and spread 1, and the mean and the spread of each."""
    mean = flat.mean(-1, keepdim=True)
    spread = (flat.var(-1, keepdim=True) + 1e-6).sqrt()
    return (flat - mean) / spread, mean, spread


def hidden_error(guessed: Tensor, batch: PackedPatches) -> Tensor:
    """Mean squared error of the hidden patches, normalised, (b,); 0 where none is hidden."""
    wanted, _, _ = normalised(batch.flat)
    error = (guessed - wanted).square().mean(-1) * batch.hidden
    return error.sum(1) / batch.hidden.sum(1).clamp(min=1)


def _visible_first(visible: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of visible tokens (b, k), in order, and which of these are; k is the most of all."""
    longest = int(visible.sum(1).max())
    order = torch.argsort(~visible, dim=1, stable=True)[:, :longest]
    return order, visible.gather(1, order)


def _gather(x: Tensor, order: Tensor) -> Tensor:
    """Tokens of (b, n, ...) by index (b, k)."""
    if x.ndim == 2:
        return x.gather(1, order)
    return x.gather(1, order[..., None].expand(-1, -1, x.shape[-1]))


def _same(images: Tensor) -> Tensor:
    """(b, 1, n, n): tokens of one image; padding sees padding."""
    return (images[:, :, None] == images[:, None, :])[:, None]
