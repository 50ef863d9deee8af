"""Style vectors of seeds, truncated: what networks in the manner of StyleGAN2 are driven by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from anyres_bench.core.geometry import Box
from anyres_bench.models.noise import latent_vector, normal_field
from anyres_bench.models.official_files import device_of

N_MEAN = 10_000  # latents that the centre of truncation is the mean of


class StyleLatent(NamedTuple):
    """A seed, for the noise, and its style vector, (1, dim)."""

    seed: int
    w: Tensor


@dataclass(frozen=True)
class Styles:
    """The styles that a mapping network gives.

    Attributes:
        mapping: (n, dim) latents to (n, dim) styles.
        dim: of both.
        psi: truncation; 1 is none.
    """

    mapping: nn.Module
    dim: int
    psi: float = 1.0

    @cached_property
    def mean(self) -> Tensor:
        """The centre of truncation: the mean of many styles, always the same; (1, dim)."""
        numbers = normal_field(0, "mean", Box(0, 0, N_MEAN, self.dim))[0, 0]
        mean: Tensor = self.mapping(numbers.to(device_of(self.mapping)))
        return mean.mean(0, keepdim=True)

    def latent(self, seed: int) -> StyleLatent:
        """The truncated style of a seed."""
        w: Tensor = self.mapping(latent_vector(seed, self.dim).to(device_of(self.mapping)))
        return StyleLatent(seed, w if self.psi == 1 else torch.lerp(self.mean, w, self.psi))
