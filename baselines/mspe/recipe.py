"""The recipe of MS-PE: StyleGAN2 whose every step draws the size of its images.

Networks see BGR, as the published ones do. Published scales are drawn uniformly, whatever weights
their configuration names; the path length penalty is taken at the smallest size alone, as there.

Source: Xu et al., "Positional Encoding as Spatial Inductive Bias in GANs", CVPR 2021, section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anyres_bench.baselines.mspe.encodings import resize
from anyres_bench.baselines.mspe.generator import from_checkpoint, read_config
from anyres_bench.baselines.mspe.network import NO_SCALE, MSPEDiscriminator, MSPENetwork
from anyres_bench.core import distributed
from anyres_bench.core.errors import CheckpointError, ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.data.pixels import to_float
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.fixed_sizes import FixedSizes
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
class MSPEConfig:
    """What is trained on what; the defaults are the published ones.

    Attributes:
        name: of the published configuration, "a" to "k", "f-896" or "f-1024": its positional
            encoding and upsampling.
        out_size: side at scale 0, px.
        style_channels: length of z and w.
        num_mlps: layers of the mapping network.
        channel_multiplier, channel_max: widths of both networks.
        scales: of the head grid; a step draws one. Images have (4 + scale) * out_size / 4 px.
        sources: datasets, shown whole.
        adversarial: how the networks are played against each other.
    """

    name: str = "f"
    out_size: int = 256
    style_channels: int = 512
    num_mlps: int = 8
    channel_multiplier: int = 2
    channel_max: int = 512
    scales: tuple[int, ...] = (0, 2, 4)
    sources: tuple[SourceConfig, ...] = ()
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)

    def __post_init__(self) -> None:
        at_least(
            self, out_size=8, style_channels=1, num_mlps=1, channel_multiplier=1, channel_max=1
        )
        if not self.scales or min(self.scales) < 0:
            raise ConfigError(f"scales are {self.scales}; expected one or more, from 0 up")

    @property
    def network(self) -> dict[str, Any]:
        """The generator as its checkpoints describe it."""
        names = ("out_size", "style_channels", "num_mlps", "channel_multiplier", "channel_max")
        sizes = {name: getattr(self, name) for name in names}
        return {"name": self.name, **sizes, "scales": list(self.scales)}

    def recipe(self, loop: LoopConfig) -> MSPERecipe:
        """The recipe of this configuration."""
        return MSPERecipe(self, loop)


class MSPERecipe(AdversarialRecipe[MSPENetwork, MSPEDiscriminator]):
    """Networks, batches and losses.

    Raises:
        ConfigError: no published configuration has that name.
    """

    def __init__(self, config: MSPEConfig, loop: LoopConfig) -> None:
        self.config = config
        check_loop(loop)
        try:
            shape = read_config(config.name, config.network, "model.name")
        except CheckpointError as error:
            raise ConfigError(str(error)) from error
        network = seeded(loop.seed, lambda: MSPENetwork(shape))
        discriminator = seeded(
            loop.seed + 1,
            lambda: MSPEDiscriminator(
                config.out_size, config.channel_multiplier, channel_max=config.channel_max
            ),
        )
        largest = (4 + max(config.scales)) * network.step
        items = ImageItems(config.sources, largest, loop.batch, loop.seed)
        super().__init__(network, discriminator, config.adversarial, items, loop)

    def _generator_loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        fake = self._render(len(batch.images), rng_of(context), self.scale_of(context))
        logits = self.discriminator(fake)
        return Loss(generator_loss(logits)[:, 0], {"scores-fake": logits})

    def _discriminator_loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        scale = self.scale_of(context)
        with torch.no_grad():
            fake = self._render(len(batch.images), rng_of(context), scale)
        logits = self.discriminator(self._real(batch, scale))
        loss = discriminator_loss(self.discriminator(fake), logits)[:, 0]
        return Loss(loss, {"scores-real": logits})

    def _penalty(self, batch: ImageBatch, context: StepContext) -> Loss:
        real = self._real(batch, self.scale_of(context)).detach().requires_grad_(True)
        return self._r1(self.discriminator(real), real, context)

    def _path_loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        rng = rng_of(context)
        n = self._n_paths(batch)
        styles = self._styles(n, rng)
        images = self._render(n, rng, styles=styles)
        lengths = path_lengths(images, styles, rng, context.grad_scale)
        return self._path.penalty(lengths, self.adversarial.path_weight)

    def scale_of(self, context: StepContext) -> Size:
        """The scale of the head grid that all micro-batches of a step have."""
        rng = stream(context.seed, "scale", context.step)
        return Size.square(self.config.scales[rng.integer(0, len(self.config.scales) - 1)])

    def _real(self, batch: ImageBatch, scale: Size) -> Tensor:
        """Real images in BGR at the size of a scale; not antialiased, as published."""
        images = to_float(batch.images).flip(1)
        return resize(images, Size(*((4 + s) * self.network.step for s in scale)))

    def _styles(self, n: int, rng: Stream) -> Tensor:
        network = self.network
        switch = self.adversarial.switch(rng, network.n_styles)
        latents = normals(rng, [(n, self.config.style_channels)] * 2)
        return network.styles(*(network.style_mapping(z) for z in latents), switch=switch)

    def _render(
        self, n: int, rng: Stream, scale: Size = NO_SCALE, styles: Tensor | None = None
    ) -> Tensor:
        """n images in BGR."""
        styles = self._styles(n, rng) if styles is None else styles
        noise = normals(rng, [(n, 1, *size) for size in self.network.noise_sizes(scale)])
        images: Tensor = self.network(styles, noise, scale)
        return images

    def samples(self, average: nn.Module) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """The same latents at every size."""
        generator = self.generator(average)
        for canvas, picture in sample_grids(generator, generator.renderer.sizes):
            yield f"canvas{canvas}", picture

    def generator(self, average: nn.Module) -> FixedSizes:
        """The averaged generator as a model."""
        device = str(distributed.device())
        return from_checkpoint(self.export(average, {}), device=device)

    def export(self, average: nn.Module, training: Mapping[str, Any]) -> Checkpoint:
        """The averaged generator with what it was trained on."""
        metadata = {**training, "datasets": self._items.digests}
        return exported("mspe", self.config.network, average, metadata)
