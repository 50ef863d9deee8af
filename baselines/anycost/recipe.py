"""The recipe of Anycost-GAN: a StyleGAN2, then all resolutions at once, then all widths.

Stage "plain" is StyleGAN2. Stage "multires" judges the images of several layers. Stage "adaptive"
sorts the channels once, then draws a sub-generator for every micro-batch and tells the
discriminator which. The later stages hold images against those of the full generator of the stage
before. Real images are shrunk by Lanczos to the full resolution and bilinearly below it.

Source: Lin et al., "Anycost GANs for Interactive Image Synthesis and Editing", CVPR 2021.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from anyres_bench.baselines.anycost.channels import Sub, flexible_sub, sorted_state, uniform_sub
from anyres_bench.baselines.anycost.generator import from_checkpoint
from anyres_bench.baselines.anycost.network import (
    RATIOS,
    AnycostDiscriminator,
    AnycostNetwork,
    DiscriminatorMultiRes,
    architecture_code,
)
from anyres_bench.core import distributed
from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.data.pixels import to_float
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.fitting import load_strict
from anyres_bench.models.fixed_sizes import FixedSizes
from anyres_bench.models.official_files import read_official
from anyres_bench.training.adversarial import (
    AdversarialConfig,
    AdversarialRecipe,
    check_loop,
    path_lengths,
    rng_of,
    sample_grids,
)
from anyres_bench.training.config import LoopConfig, above, at_least
from anyres_bench.training.items import ImageBatch, ImageItems, SourceConfig
from anyres_bench.training.losses import discriminator_loss, generator_loss
from anyres_bench.training.perceptual import Kind, load_distance
from anyres_bench.training.recipe import Loss, StepContext, exported
from anyres_bench.training.seeding import normals, seeded
from anyres_bench.training.warm_start import read_warm_start

_N_JUDGED = 2  # resolutions that a step judges, of those that there are
_N_SORTING = 1024  # styles over which channels are compared


@dataclass(frozen=True, kw_only=True)
class AnycostConfig:
    """What is trained on what; the defaults are the published ones of FFHQ.

    Attributes:
        stage: "plain", "multires" or "adaptive".
        resolution: of the full generator, px.
        style_dim: length of z and w.
        n_mlp: layers of the mapping network.
        channel_multiplier, channel_max: widths of both networks.
        n_res: resolutions that are judged in the later stages, from the largest down.
        channels: how stage "adaptive" draws widths: one ratio for all layers, one for each, or
            "sandwich": a quarter full, a quarter of ratio 1/4, half one for each.
        sources: datasets, shown whole.
        adversarial: how the networks are played; paths are penalised in stage "plain" alone.
        teacher: folder of the run of the stage before, or an official file: the generator starts
            from it, and it is distilled. A run's discriminator is taken over too.
        distil_weight: of the distance to its images.
        perceptual: the perceptual part of that distance. "lpips-vgg" needs its weights;
            "laplacian" is built in; "none" leaves it out.
    """

    stage: Literal["plain", "multires", "adaptive"] = "plain"
    resolution: int = 1024
    style_dim: int = 512
    n_mlp: int = 8
    channel_multiplier: float = 2.0
    channel_max: int = 512
    n_res: int = 4
    channels: Literal["uniform", "flexible", "sandwich"] = "uniform"
    sources: tuple[SourceConfig, ...] = ()
    adversarial: AdversarialConfig = field(
        default_factory=lambda: AdversarialConfig(lazy=False, path_interval=8)
    )
    teacher: str | None = None
    distil_weight: float = 2.0
    perceptual: Kind = "lpips-vgg"

    def __post_init__(self) -> None:
        at_least(self, resolution=8, n_mlp=1, channel_max=1, n_res=_N_JUDGED, distil_weight=0)
        at_least(self, style_dim=1)
        above(self, channel_multiplier=0)
        if (self.stage == "plain") != (self.teacher is None):
            raise ConfigError(
                f"stage {self.stage!r} with teacher {self.teacher!r}: the later stages, and they "
                "alone, start from the folder of the stage before"
            )
        if 2 ** (self.n_res + 1) > self.resolution:
            raise ConfigError(
                f"n_res is {self.n_res}; {self.resolution} px have "
                f"{self.resolution.bit_length() - 3} resolutions of 8 px and more"
            )

    def recipe(self, loop: LoopConfig) -> AnycostRecipe:
        """The recipe of this configuration."""
        return AnycostRecipe(self, loop)


class AnycostRecipe(AdversarialRecipe[AnycostNetwork, nn.Module]):
    """Networks, batches and losses of every stage.

    Raises:
        WeightsError: the perceptual term needs weights that cannot be had.
        CheckpointError: the stage before cannot be read, or does not fit.
    """

    def __init__(self, config: AnycostConfig, loop: LoopConfig) -> None:
        self.config = config
        check_loop(loop)
        items = ImageItems(config.sources, config.resolution, loop.batch, loop.seed)
        sizes = (config.resolution, config.channel_multiplier, config.channel_max)
        styles = (config.style_dim, config.n_mlp)

        def make() -> AnycostNetwork:
            return AnycostNetwork(sizes[0], *styles, *sizes[1:])

        def judge() -> nn.Module:
            if config.stage == "plain":
                return AnycostDiscriminator(*sizes)
            return DiscriminatorMultiRes(*sizes, config.n_res, config.stage == "adaptive")

        played = config.adversarial
        if config.stage != "plain":
            played = replace(played, path_weight=0.0)
        network = seeded(loop.seed, make)
        super().__init__(network, seeded(loop.seed + 1, judge), played, items, loop)
        n_judged = 1 if config.stage == "plain" else config.n_res
        self.sides = network.resolutions[-n_judged:]
        self.teacher: AnycostNetwork | None = None
        if config.teacher is not None:
            self._start_from(Path(config.teacher), seeded(loop.seed, make))

    def _generator_loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        rng = rng_of(context)
        widths, ratios = self._sub(rng)
        inputs = _Inputs.draw(self, len(batch.images), rng)
        images = self._render(inputs, widths)
        logits = [self._judge(images[side], ratios) for side in self._judged(rng)]
        total = torch.cat([generator_loss(part) for part in logits], 1).sum(1)
        loss = Loss(total, {"scores-fake": torch.cat(logits)})
        if self.teacher is not None and self.config.distil_weight:
            terms = self._distances(images, inputs)
            loss.total = loss.total + self.config.distil_weight * sum(terms.values())
            loss.scores |= {f"distil-{name}": term for name, term in terms.items()}
        return loss

    def _discriminator_loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        rng, real = rng_of(context), to_float(batch.images)
        widths, ratios = self._sub(rng)
        with torch.no_grad():
            images = self._render(_Inputs.draw(self, len(real), rng), widths)
        _, other = self._sub(rng)  # real images come with the code of any sub-generator
        total, scores = real.new_zeros(len(real)), []
        for side in self._judged(rng):
            fake = self._judge(images[side], ratios)
            true = self._judge(shrunk(real, side), other)
            total = total + discriminator_loss(fake, true)[:, 0]
            scores.append(true)
        return Loss(total, {"scores-real": torch.cat(scores)})

    def _penalty(self, batch: ImageBatch, context: StepContext) -> Loss:
        """R1 at one of the resolutions."""
        rng = rng_of(context)
        side = self.sides[rng.integer(0, len(self.sides) - 1)]
        images = shrunk(to_float(batch.images), side).detach().requires_grad_(True)
        return self._r1(self._judge(images, self._sub(rng)[1]), images, context)

    def _path_loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        rng = rng_of(context)
        n = self._n_paths(batch)
        inputs = _Inputs.draw(self, n, rng)
        styles = inputs.styles(self.network)
        images = self.network(styles, inputs.noise)[-1]
        lengths = path_lengths(images, styles, rng, context.grad_scale)
        return self._path.penalty(lengths, self.adversarial.path_weight)

    def _sub(self, rng: Stream) -> Sub:
        """The sub-generator of a micro-batch; the full one before stage "adaptive"."""
        if self.config.stage != "adaptive":
            return uniform_sub(self.network, 1.0)
        ways = {"sandwich": ("full", "least", "flexible", "flexible")}.get(self.config.channels)
        way = ways[rng.integer(0, 3)] if ways else self.config.channels
        if way == "flexible":
            return flexible_sub(self.network, lambda n: rng.integer(0, n - 1))
        drawn = RATIOS[rng.integer(0, len(RATIOS) - 1)]
        return uniform_sub(self.network, {"full": 1.0, "least": RATIOS[0]}.get(way, drawn))

    def _judged(self, rng: Stream) -> list[int]:
        chosen = rng.choice(len(self.sides), min(_N_JUDGED, len(self.sides)))
        return [self.sides[i] for i in sorted(chosen)]

    def _judge(self, images: Tensor, ratios: list[float]) -> Tensor:
        code = [architecture_code(ratios).to(images)] if self.config.stage == "adaptive" else []
        logits: Tensor = self.discriminator(images, *code)
        return logits

    def _render(self, inputs: _Inputs, widths: list[int]) -> dict[int, Tensor]:
        """Images by their side."""
        images = self.network(inputs.styles(self.network), inputs.noise, None, widths)
        return dict(zip(self.network.resolutions, images, strict=True))

    def _distances(self, images: Mapping[int, Tensor], inputs: _Inputs) -> dict[str, Tensor]:
        """Distances of the images of all resolutions to the teacher's, summed; each (n,)."""
        assert self.teacher is not None
        with torch.no_grad():
            whole = self.teacher(inputs.styles(self.teacher), inputs.noise)[-1]
        terms: dict[str, Tensor] = {}
        for side in self.sides:
            wanted = F.interpolate(whole, (side, side), mode="bilinear", align_corners=True)
            made = images[side]
            parts = {"mse": (made - wanted).square().mean((1, 2, 3))}
            if self._distance is not None:
                pair = made.clamp(-1, 1), wanted.clamp(-1, 1)
                parts[self.config.perceptual] = self._distance(*pair)
            terms = {name: terms.get(name, 0) + part for name, part in parts.items()}
        return terms

    def _start_from(self, source: Path, teacher: AnycostNetwork) -> None:
        """Take over the stage before; its averaged generator is also the teacher.

        A discriminator of one more resolution or of a code keeps its new layers as they are made,
        but for those of the code, which begin without effect.
        """
        others: Mapping[str, Mapping[str, Tensor]] = {}
        if source.is_dir():
            checkpoint, others = read_warm_start(source)
            state = checkpoint.state
        else:
            state = read_official(str(source)).state("g_ema")
        load_strict(teacher, state, str(source))
        self.teacher = teacher.eval().requires_grad_(False).to(distributed.device())
        if self.config.stage == "adaptive":
            z = torch.from_numpy(stream(0, "sorting").normal((_N_SORTING, self.config.style_dim)))
            w = self.teacher.style(z.float().to(distributed.device()))
            state = {k: v.cpu() for k, v in sorted_state(self.teacher, w).items()}
        load_strict(self.network, state, str(source))
        self._distance = load_distance(self.config.perceptual)
        if "D" in others:
            own = self.discriminator.state_dict()
            own |= {name: torch.zeros_like(own[name]) for name in own if "_mapping." in name}
            load_strict(self.discriminator, own | _renamed(others["D"], own), str(source))

    def samples(self, average: nn.Module) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """The same latents at every resolution that is judged."""
        canvases = [Size.square(side) for side in self.sides]
        for canvas, picture in sample_grids(self.generator(average), canvases):
            yield f"canvas{canvas}", picture

    def generator(self, average: nn.Module) -> FixedSizes:
        """The averaged generator as a model."""
        device = str(distributed.device())
        return from_checkpoint(self.export(average, {}), device=device)

    def export(self, average: nn.Module, training: Mapping[str, Any]) -> Checkpoint:
        """The averaged generator with what it was trained on."""
        metadata = {**training, "datasets": self._items.digests, "stage": self.config.stage}
        return exported("anycost", {"sides": self.sides}, average, metadata)


@dataclass(frozen=True)
class _Inputs:
    """What images are made of: the same for student and teacher."""

    z: tuple[Tensor, Tensor]
    switch: int | None
    noise: list[Tensor]

    @classmethod
    def draw(cls, recipe: AnycostRecipe, n: int, rng: Stream) -> _Inputs:
        network = recipe.network
        switch = recipe.adversarial.switch(rng, network.n_styles)
        first, second = normals(rng, [(n, network.style_dim)] * 2)
        noise = normals(rng, [(n, 1, side, side) for side in network.noise_sides])
        return cls((first, second), switch, noise)

    def styles(self, network: AnycostNetwork) -> Tensor:
        """(n, n_styles, style_dim) by a network's own mapping."""
        return network.styles(*(network.style(z) for z in self.z), switch=self.switch)


def shrunk(images: Tensor, side: int) -> Tensor:
    """(n, 3, h, h) at a smaller side, bilinear and antialiased, as Pillow shrinks."""
    if images.shape[-1] == side:
        return images
    size = (side, side)
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def _renamed(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A discriminator's state by the names of the next stage's.

    The blocks of the plain one stand behind its only input layer; where a code comes in, the bias
    behind it has the next number.
    """
    renamed = {}
    for name, tensor in state.items():
        head, number, *rest = name.split(".")
        if (
            head == "convs"
            and number != "0"
            and not any(key.startswith("blocks.") for key in state)
        ):
            name = ".".join(["blocks", str(int(number) - 1), *rest])
        if name not in own:  # only a bias that moved
            *path, index, leaf = name.split(".")
            name = ".".join([*path, str(int(index) + 1), leaf])
        renamed[name] = tensor
    return renamed
