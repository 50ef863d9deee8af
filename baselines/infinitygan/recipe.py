"""The recipe of InfinityGAN: patches of scenes, at places that the discriminator has to tell.

Beside StyleGAN2's losses there are two. The discriminator says how high a patch lies in its image,
and both networks are held to the truth. Two neighbours in a batch share everything but their local
latents, and the structures made of them must differ; their difference is measured in L1, as the
author advises where the published angle gives NaNs.

Real images are shrunk once, to `full_side`; the official data were shrunk to 128 px and enlarged.

Source: Lin et al., "InfinityGAN: Towards Infinite-Pixel Image Synthesis", ICLR 2022, section 3.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anyres_bench.baselines.infinitygan.discriminator import InfinityGANDiscriminator
from anyres_bench.baselines.infinitygan.generator import InfinityGAN, from_checkpoint
from anyres_bench.baselines.infinitygan.network import (
    PATCH,
    TRAIN_PLACES,
    Architecture,
    InfinityGANNetwork,
)
from anyres_bench.core import distributed
from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import Stream
from anyres_bench.data.pixels import to_float
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.training.adversarial import (
    AdversarialConfig,
    AdversarialRecipe,
    check_loop,
    path_lengths,
    rng_of,
    sample_grids,
)
from anyres_bench.training.config import LoopConfig, at_least
from anyres_bench.training.items import ImageBatch, ImageItems, SourceConfig
from anyres_bench.training.losses import discriminator_loss, generator_loss
from anyres_bench.training.recipe import Loss, StepContext, exported
from anyres_bench.training.seeding import normals, seeded


@dataclass(frozen=True, kw_only=True)
class InfinityGANConfig:
    """What is trained on what; the defaults are the published ones of 101 px patches.

    Attributes:
        n_ups: times that the size doubles; patches have 6 * 2^n_ups + 5 px.
        channel_multiplier: of the layers above 32 px.
        channel_max: the widest layer of both networks; the published ones have 512.
        global_dim: length of the global latent.
        local_dim: channels of the local latents.
        n_mlp: layers of the mapping network.
        full_side: of the real images that patches are cut from, px.
        sources: datasets, shown whole.
        adversarial: how the networks are played against each other.
        coordinate_weight: of the error in the height of a patch.
        diversity_weight: of the pull between neighbours.
    """

    n_ups: int = 4
    channel_multiplier: int = 2
    channel_max: int = 512
    global_dim: int = 512
    local_dim: int = 256
    n_mlp: int = 8
    full_side: int = 197
    sources: tuple[SourceConfig, ...] = ()
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    coordinate_weight: float = 1.0
    diversity_weight: float = 1.0

    def __post_init__(self) -> None:
        at_least(self, n_ups=1, channel_multiplier=1, channel_max=1, global_dim=1, local_dim=1)
        at_least(self, n_mlp=1, coordinate_weight=0, diversity_weight=0)
        if self.full_side < self.patch + 2:
            raise ConfigError(
                f"full_side is {self.full_side}; patches have {self.patch} px, so that heights "
                f"differ from {self.patch + 2} px on"
            )

    @property
    def architecture(self) -> Architecture:
        """Of the generator."""
        whole = Architecture.published(max(self.n_ups, 3), self.channel_multiplier)
        widths = tuple(min(width, self.channel_max) for width in whole.widths[: 2 * self.n_ups])
        return Architecture(self.global_dim, self.local_dim, self.n_mlp, widths)

    @property
    def patch(self) -> int:
        """Side of a patch, px."""
        return self.architecture.layer_sizes(PATCH)[-1]

    def recipe(self, loop: LoopConfig) -> InfinityGANRecipe:
        """The recipe of this configuration."""
        return InfinityGANRecipe(self, loop)


class InfinityGANRecipe(AdversarialRecipe[InfinityGANNetwork, InfinityGANDiscriminator]):
    """Networks, batches and losses.

    Raises:
        ConfigError: a micro-batch has an odd number of images, which leaves one alone.
    """

    def __init__(self, config: InfinityGANConfig, loop: LoopConfig) -> None:
        self.config = config
        check_loop(loop)
        if loop.micro_batch % 2:
            raise ConfigError(f"loop.micro_batch is {loop.micro_batch}; neighbours come in pairs")
        items = ImageItems(config.sources, config.full_side, loop.batch, loop.seed)
        network = seeded(loop.seed, lambda: InfinityGANNetwork(config.architecture))
        discriminator = seeded(
            loop.seed + 1,
            lambda: InfinityGANDiscriminator(
                config.patch, config.channel_multiplier, config.channel_max
            ),
        )
        super().__init__(network, discriminator, config.adversarial, items, loop)

    def _generator_loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        fake = _Fake.draw(self, len(batch.images), rng_of(context))
        logits, told = self.discriminator(fake.images)
        height = (told[:, 0] - fake.heights).abs()
        alike = diversity_loss(fake.structure, fake.local)
        loss = generator_loss(logits)[:, 0] + self.config.coordinate_weight * height
        loss = loss + self.config.diversity_weight * alike.repeat_interleave(2)
        return Loss(loss, {"scores-fake": logits, "height-fake": height, "diversity": alike})

    def _discriminator_loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        rng = rng_of(context)
        real, heights = self._cut(batch, rng)
        with torch.no_grad():
            fake = _Fake.draw(self, len(real), rng)
        true_logits, told = self.discriminator(real)
        logits, told_of_fakes = self.discriminator(fake.images)
        height = (told[:, 0] - heights).abs()
        error = height + (told_of_fakes[:, 0] - fake.heights).abs()
        loss = discriminator_loss(logits, true_logits)[:, 0]
        loss = loss + self.config.coordinate_weight * error
        return Loss(loss, {"scores-real": true_logits, "height-real": height})

    def _penalty(self, batch: ImageBatch, context: StepContext) -> Loss:
        real, _ = self._cut(batch, rng_of(context))
        real.requires_grad_(True)
        return self._r1(self.discriminator(real)[0], real, context)

    def _path_loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        rng = rng_of(context)
        n = self._n_paths(batch)
        fake = _Fake.draw(self, n, rng)
        lengths = path_lengths(fake.images, fake.styles, rng, context.grad_scale, mean=True)
        return self._path.penalty(lengths, self.adversarial.path_weight)

    def _cut(self, batch: ImageBatch, rng: Stream) -> tuple[Tensor, Tensor]:
        """Random patches of real images, and their heights from -1 (top) to 1, (n,)."""
        patch, rest = self.config.patch, self.config.full_side - self.config.patch
        places = rng.integers(0, rest - 1, (len(batch.images), 2))
        cut = [
            image[:, row : row + patch, column : column + patch]
            for image, (row, column) in zip(batch.images, places, strict=True)
        ]
        heights = torch.from_numpy(2 * places[:, 0] / (rest - 1) - 1).float()
        return to_float(torch.stack(cut)), heights.to(batch.images.device)

    def samples(self, average: nn.Module) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """The same latents on a canvas of one patch, and on one twice as wide and high."""
        patch = self.config.patch
        canvases = [Size.square(patch), Size.square(2 * patch)]
        for canvas, picture in sample_grids(self.generator(average), canvases):
            yield f"canvas{canvas}", picture

    def generator(self, average: nn.Module) -> InfinityGAN:
        """The averaged generator as a model."""
        device = str(distributed.device())
        return from_checkpoint(self.export(average, {}), device=device)

    def export(self, average: nn.Module, training: Mapping[str, Any]) -> Checkpoint:
        """The averaged generator with what it was trained on."""
        metadata = {**training, "datasets": self._items.digests}
        sides = {"patch": self.config.patch, "full_side": self.config.full_side}
        return exported("infinitygan", sides, average, metadata)


@dataclass(frozen=True)
class _Fake:
    """Patches, and what they were made of.

    Attributes:
        images: (n, 3, patch, patch).
        styles: (n, layers, dim).
        local: (n, local_dim, 35, 35).
        structure: (n, local_dim, 11, 11).
        heights: (n,), from -1 to 1.
    """

    images: Tensor
    styles: Tensor
    local: Tensor
    structure: Tensor
    heights: Tensor

    @classmethod
    def draw(cls, recipe: InfinityGANRecipe, n: int, rng: Stream) -> _Fake:
        """n patches; every two neighbours share global latents and place."""
        network, shape = recipe.network, recipe.network.architecture
        n_pairs, side = (n + 1) // 2, shape.window
        switch = recipe.config.adversarial.switch(rng, network.n_styles)
        pairs = normals(rng, [(n_pairs, shape.global_dim)] * 2)
        z, second = (part.repeat_interleave(2, 0)[:n] for part in pairs)
        [local] = normals(rng, [(n, shape.local_dim, side, side)])
        rows = rng.integers(0, TRAIN_PLACES - 1, n_pairs)
        places = torch.cat([_window(shape, int(row), rng) for row in rows])
        coords = places.repeat_interleave(2, 0)[:n]
        heights = torch.from_numpy(2 * rows / (TRAIN_PLACES - 1) - 1).float()
        noise = normals(rng, [(n, 1, k, k) for k in shape.layer_sizes(PATCH)])
        styles = network.styles(z, None if switch is None else second, switch)
        structure = network.structure_synthesizer(z, local, coords.to(z.device))
        images = network.texture_synthesizer(styles, structure, noise)
        return cls(images, styles, local, structure, heights.repeat_interleave(2)[:n].to(z.device))


def _window(shape: Architecture, row: int, rng: Stream) -> Tensor:
    """Coordinates of a window of a row at any column, moved by up to half a latent."""
    a, b, c = (2 * rng.uniform(3) - 1) * np.array(shape.half_steps)
    return shape.training_coordinates(row, rng.integer(0, shape.columns - 1), (a, b, c))


def diversity_loss(structure: Tensor, local: Tensor) -> Tensor:
    """How little the structures of neighbours differ for how much their latents do, (n / 2,).

    Args:
        structure: (n, c, h, w); items 2 i and 2 i + 1 are neighbours.
        local: (n, c, h', w'), the local latents that they were made of.
    """
    apart, latents = ((x[0::2] - x[1::2]).abs().mean((1, 2, 3)) for x in (structure, local))
    return 1 / (apart / latents + 1e-5)
