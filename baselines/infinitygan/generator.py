"""InfinityGAN as a generator of any extent: `infinitygan`.

A larger canvas shows more of a scene, not more detail. Patches lie on a grid that depends on the
canvas alone, so a pixel is the same bit for bit in whatever window it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from anyres_bench.baselines.infinitygan.network import (
    PATCH,
    Architecture,
    InfinityGANNetwork,
)
from anyres_bench.baselines.infinitygan.patches import Patches
from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.precision import single_precision
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.fitting import fitted
from anyres_bench.models.fixed_sizes import check_inside
from anyres_bench.models.generator import Canvases
from anyres_bench.models.labels import refuse_labels
from anyres_bench.models.noise import latent_vector, normal_field
from anyres_bench.models.official_files import (
    OfficialFile,
    as_official,
    device_of,
    read_official,
    ready,
    shapes,
)

WEIGHTS = "infinitygan"
LATENT_BLOCK = 16  # side of the squares that local latents, of many channels, are drawn in


@dataclass(frozen=True)
class InfinityGAN:
    """The generator.

    Attributes:
        network: both synthesizers.
        digest: of their file.
    """

    network: InfinityGANNetwork
    digest: str

    @property
    def id(self) -> str:
        return f"infinitygan@{self.digest}+patch{self.native.height}"

    @property
    def native(self) -> Size:
        return Size.square(self.network.architecture.layer_sizes(PATCH)[-1])

    @property
    def canvases(self) -> Canvases:
        return "any"

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> list[int]:
        """The seeds: every field is drawn where it is needed. There are no labels."""
        refuse_labels(self.id, labels)
        return list(seeds)

    @single_precision()
    @torch.inference_mode()
    def sample(self, z: list[int], regions: Sequence[Region]) -> Tensor:
        """Windows, from the patches that they touch, one patch at a time.

        Raises:
            GeneratorError: a window reaches outside its canvas.
        """
        pairs = zip(z, regions, strict=True)
        return torch.cat([self._window(seed, region) for seed, region in pairs])

    def _window(self, seed: int, region: Region) -> Tensor:
        check_inside(self.id, region)
        architecture = self.network.architecture
        latents = Size(*(architecture.latents_for(side) for side in region.canvas))
        made = Size(*(architecture.layer_sizes(side)[-1] for side in latents))
        patches = Patches.covering(architecture, made)
        # the canvas is the centre of what its latents make
        top, left = ((m - c) // 2 for m, c in zip(made, region.canvas, strict=True))
        window = Box(region.top + top, region.left + left, *region.size)
        device = device_of(self.network)
        z = latent_vector(seed, architecture.global_dim).to(device)
        styles = self.network.styles(z)

        def render(a: int, b: int) -> Tensor:
            box = patches.latents_of(a, b)
            local = normal_field(seed, "local", box, architecture.local_dim, LATENT_BLOCK)
            coords = architecture.coordinates(latents.height + 2 * architecture.halo, box)
            noise = [
                normal_field(seed, i, part).to(device)
                for i, part in enumerate(patches.noise_of(a, b))
            ]
            image: Tensor = self.network(z, styles, local.to(device), coords.to(device), noise)
            return image

        return patches.assemble(window, render)


def build(
    rest: str, weights: str = WEIGHTS, device: str = "cpu", accept_licence: bool = False
) -> InfinityGAN:
    """`infinitygan`.

    Args:
        rest: nothing may follow the name.
        weights: a registered name, or the path of an official file.
        device: where it renders, as torch names it.
        accept_licence: of downloaded weights.

    Raises:
        UsageError: something follows the name, or there are no such weights.
        CheckpointError: the file does not fit the network.
    """
    if rest:
        raise UsageError(f"infinitygan takes no argument, got {rest!r}")
    return _made(read_official(weights, accept_licence=accept_licence), device)


def from_checkpoint(checkpoint: Checkpoint, device: str = "cpu") -> InfinityGAN:
    """A checkpoint that our trainer left, on a device as torch names it.

    Raises:
        CheckpointError: it is no InfinityGAN generator.
    """
    return _made(as_official(checkpoint), device)


def _made(official: OfficialFile, device: str) -> InfinityGAN:
    state = {n: t for n, t in official.state("g_ema").items() if "tmp_var" not in n}
    architecture = Architecture.of(shapes(state))
    network = fitted(lambda: InfinityGANNetwork(architecture), state, official.name)
    return InfinityGAN(ready(network, device), official.digest)
