"""The generator: `toy`, or a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.networks import load_network
from anyres_bench.models.noise import latent_vector
from tests.models.toy_family.network import Waves

NATIVE = Size(16, 16)


@dataclass(frozen=True)
class Toy:
    """Any window of any canvas."""

    id: str
    network: Waves
    native: Size = NATIVE
    canvases: str = "any"

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> Tensor:
        return torch.cat([latent_vector(seed, 3) for seed in seeds])

    @torch.inference_mode()
    def sample(self, z: Tensor, regions: Sequence[Region]) -> Tensor:
        pairs = zip(z.to(self.network.phase.device), regions, strict=True)
        return torch.cat([self.network(one[None], region.coords()) for one, region in pairs])


def build(rest: str, frequency: str = "3", device: str = "cpu") -> Toy:
    """`toy`."""
    return Toy(f"toy+{frequency}", Waves(float(frequency)).to(device))


def from_checkpoint(checkpoint: Checkpoint, device: str = "cpu") -> Toy:
    """A trained one."""
    network = load_network(checkpoint).to(device)
    assert isinstance(network, Waves)
    return Toy(f"toy@{checkpoint.digest[:12]}", network)
