"""The recipe of Real-ESRGAN: degraded crops enlarged, first for small errors, then to look real.

Stage "net" minimises L1 alone. Stage "gan" starts from it and adds a perceptual term and a
discriminator that judges every pixel. What is compared with is sharpened; what the discriminator is
shown as real is not.

Source: Wang et al., "Real-ESRGAN", ICCV Workshops 2021, sections 3.4 and 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from anyres_bench.baselines.realesrgan.degradation import sharpen
from anyres_bench.baselines.realesrgan.degrading import SMALLEST, degrade
from anyres_bench.baselines.realesrgan.network import (
    Network,
    RRDBNet,
    SpectralConv,
    SRVGGNetCompact,
    UNetDiscriminatorSN,
)
from anyres_bench.baselines.realesrgan.running import Exact
from anyres_bench.baselines.realesrgan.upscaler import RealESRGANUpscaler, from_state
from anyres_bench.core import distributed
from anyres_bench.core.errors import ConfigError
from anyres_bench.core.seeds import stream
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.fitting import load_strict
from anyres_bench.models.generator import Generator
from anyres_bench.models.official_files import read_official
from anyres_bench.training.config import LoopConfig, above, at_least, to_plain
from anyres_bench.training.crops import Crops, CropSource, enlarged_base, side_by_side
from anyres_bench.training.losses import discriminator_loss, generator_loss
from anyres_bench.training.optimisers import SteppedAdam
from anyres_bench.training.perceptual import Kind, load_distance
from anyres_bench.training.recipe import Loss, Phase, StepContext, exported
from anyres_bench.training.seeding import seeded
from anyres_bench.training.warm_start import read_warm_start

_BETAS = (0.9, 0.99)
_N_SAMPLES = 4


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What enlarges.

    Attributes:
        kind: "rrdbnet" or "compact".
        scale: by which it enlarges; 1, 2 or 4 for "rrdbnet".
        num_feat: channels of the trunk.
        num_block, num_grow_ch: of "rrdbnet".
        num_conv: of "compact".
    """

    kind: Literal["rrdbnet", "compact"] = "rrdbnet"
    scale: int = 4
    num_feat: int = 64
    num_block: int = 23
    num_grow_ch: int = 32
    num_conv: int = 32

    def __post_init__(self) -> None:
        at_least(self, scale=1, num_feat=1, num_block=1, num_grow_ch=1, num_conv=1)

    def build(self) -> Network:
        """The untrained network."""
        if self.kind == "compact":
            return SRVGGNetCompact(3, 3, self.num_feat, self.num_conv, self.scale)
        return RRDBNet(3, 3, self.scale, self.num_feat, self.num_block, self.num_grow_ch)


@dataclass(frozen=True, kw_only=True)
class RealESRGANConfig:
    """What is trained on what; the defaults are the published ones.

    Attributes:
        stage: "net" for L1 alone, "gan" for all terms.
        network: what enlarges.
        discriminator_feat: channels of the discriminator at full size (stage "gan").
        sources: datasets that crops are cut from.
        crop_side: of the crops that are degraded, px.
        gt_side: of the part that is compared, px.
        start: what the network starts from: folder of a run or checkpoint, or an official file;
            None for random weights.
        lr: of Adam, for both networks; published: 2e-4 for "net", 1e-4 for "gan".
        halve_kimg: thousands of images after which the rate is halved, once for each.
        perceptual: the perceptual term of stage "gan". "vgg19" needs its weights; "laplacian" is
            built in; "none" leaves it out.
        l1_weight, perceptual_weight, gan_weight: of the terms.
        base: spec of a generator that the model enlarges when it is evaluated as it trains.
    """

    stage: Literal["net", "gan"] = "net"
    network: NetworkConfig = NetworkConfig()
    discriminator_feat: int = 64
    sources: tuple[CropSource, ...] = ()
    crop_side: int = 400
    gt_side: int = 256
    start: str | None = None
    lr: float = 2e-4
    halve_kimg: tuple[float, ...] = ()
    perceptual: Kind = "vgg19"
    l1_weight: float = 1.0
    perceptual_weight: float = 1.0
    gan_weight: float = 0.1
    base: str = ""

    def __post_init__(self) -> None:
        above(self, lr=0)
        at_least(self, halve_kimg=0)
        at_least(self, l1_weight=0, perceptual_weight=0, gan_weight=0, discriminator_feat=1)
        at_least(self, crop_side=max(SMALLEST, self.gt_side), gt_side=8)
        # the discriminator halves three times; small scales fold their input
        steps = (8, self.network.scale * max(4 // self.network.scale, 1))
        if any(self.gt_side % step for step in steps):
            raise ConfigError(
                f"gt_side {self.gt_side}: expected a multiple of {steps[0]} and of {steps[1]}"
            )

    def recipe(self, loop: LoopConfig) -> RealESRGANRecipe:
        """The recipe of this configuration."""
        return RealESRGANRecipe(self, loop)


class DegradedBatch(NamedTuple):
    """Pictures and what became of them, float32 in [0, 1].

    Attributes:
        small: (n, 3, s / scale, s / scale), degraded.
        sharp: (n, 3, s, s), sharpened.
        plain: (n, 3, s, s).
    """

    small: Tensor
    sharp: Tensor
    plain: Tensor


class DegradedItems:
    """Crops and their degraded pictures for every step, drawn by seed and place alone."""

    def __init__(self, config: RealESRGANConfig, loop: LoopConfig) -> None:
        self._config, self._batch, self._seed = config, loop.batch, loop.seed
        self.crops = Crops(config.sources, config.crop_side // 2 + 1, loop.seed)

    def micro_batch(self, step: int, start: int, n: int) -> DegradedBatch:
        """Items `start` to `start + n` of a step."""
        first = step * self._batch + start
        items = zip(*(self.item(place) for place in range(first, first + n)), strict=True)
        return DegradedBatch(*(torch.cat(part) for part in items))

    def item(self, place: int) -> DegradedBatch:
        """One crop: mirrored for half of them, sharpened, degraded, and a part of it taken."""
        config, rng = self._config, stream(self._seed, "realesrgan", place)
        pixels = self.crops.cut(place, config.crop_side, rng)
        pixels = pixels[:, ::-1] if rng.integer(0, 1) else pixels
        plain = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float() / 255
        sharp, scale = sharpen(plain), config.network.scale
        small = degrade(sharp, scale, rng)
        side = config.gt_side // scale
        top, left = (rng.integer(0, length - side) for length in small.shape[2:])
        rows, columns = (slice(k * scale, (k + side) * scale) for k in (top, left))
        small = small[:, :, top : top + side, left : left + side]
        return DegradedBatch(small, sharp[:, :, rows, columns], plain[:, :, rows, columns])


class RealESRGANRecipe:
    """Networks, batches and losses of either stage.

    Raises:
        WeightsError: the perceptual term needs weights that cannot be had.
        CheckpointError: the start cannot be read, or does not fit.
    """

    averaged = "G"

    def __init__(self, config: RealESRGANConfig, loop: LoopConfig) -> None:
        self.config, self._loop = config, loop
        self._items = DegradedItems(config, loop)
        self.network = seeded(loop.seed, config.network.build)
        if config.start is not None:
            load_strict(self.network, _start(config.start), config.start)
        self.networks: dict[str, nn.Module] = {"G": self.network}
        if config.stage == "gan":
            feat = config.discriminator_feat
            judge = seeded(loop.seed + 1, lambda: UNetDiscriminatorSN(3, feat))
            self.discriminator = judge.eval()  # its power iteration is done by `_follow`
            self.networks["D"] = judge
            self._distance = load_distance(config.perceptual)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """L1 alone, or G and then D."""
        if "D" not in self.networks:
            return (Phase("L1", "G", self._pixel_loss),)
        return (
            Phase("G", "G", self._generator_loss, before=self._follow),
            Phase("D", "D", self._discriminator_loss),
        )

    def optimizer(self, network: str) -> torch.optim.Optimizer:
        """Adam, halved at the milestones."""
        milestones = self._loop.steps(self.config.halve_kimg)
        parameters = self.networks[network].parameters()
        return SteppedAdam(parameters, self.config.lr, _BETAS, milestones)

    def items(self) -> DegradedItems:
        """Crops and their degraded pictures."""
        return self._items

    def _pixel_loss(self, batch: DegradedBatch, context: StepContext) -> Loss:
        l1, psnr = _errors(self.network(batch.small), batch.sharp)
        return Loss(l1, {"psnr": psnr})

    def _generator_loss(self, batch: DegradedBatch, context: StepContext) -> Loss:
        made = self.network(batch.small)
        l1, psnr = _errors(made, batch.sharp)
        loss = Loss(self.config.l1_weight * l1, {"l1": l1, "psnr": psnr})
        if self._distance is not None:
            term = self._distance(made * 2 - 1, batch.sharp * 2 - 1)
            loss.total = loss.total + self.config.perceptual_weight * term
            loss.scores[f"perceptual-{self.config.perceptual}"] = term
        term = generator_loss(self.discriminator(made)).mean((1, 2, 3))
        loss.total = loss.total + self.config.gan_weight * term
        loss.scores["gan"] = term
        return loss

    def _discriminator_loss(self, batch: DegradedBatch, context: StepContext) -> Loss:
        with torch.no_grad():
            made = self.network(batch.small)
        fake, real = self.discriminator(made), self.discriminator(batch.plain)
        loss = discriminator_loss(fake, real).mean((1, 2, 3))
        return Loss(loss, {"scores-real": real, "scores-fake": fake})

    def _follow(self) -> None:
        """Follow the discriminator's weights by one power iteration.

        Done by every forward pass it would depend on how many of them a process makes.
        """
        for module in self.discriminator.modules():
            if isinstance(module, SpectralConv):
                module.follow()

    @torch.no_grad()
    def samples(self, average: nn.Module) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Degraded crops as repeated pixels, what the model makes of them, and the truth."""
        rows = []
        for i in range(_N_SAMPLES):
            item = DegradedBatch(*(p.to(distributed.device()) for p in self._items.item(i)))
            side = item.plain.shape[-1]
            shown = [F.interpolate(item.small, (side, side)), average(item.small), item.plain]
            rows.append([picture[0] * 2 - 1 for picture in shown])
        yield f"x{self.config.network.scale}", side_by_side(rows)

    def generator(self, average: nn.Module) -> Generator:
        """The averaged model over the base of the configuration.

        Raises:
            ConfigError: there is none.
        """
        checkpoint = self.export(average, {})

        def make(device: str) -> RealESRGANUpscaler:
            network = from_state(checkpoint.state, "this run's model", device)
            return RealESRGANUpscaler(network, checkpoint.digest[:12], Exact())

        return enlarged_base(self.config.base, make)

    def export(self, average: nn.Module, training: Mapping[str, Any]) -> Checkpoint:
        """The averaged network with what it was trained on."""
        metadata = {**training, "datasets": self._items.crops.digests}
        plain = to_plain(self.config.network)
        return exported("realesrgan", plain, average, metadata)


def _start(source: str) -> Mapping[str, Tensor]:
    """The network of an earlier stage, of a checkpoint of ours, or of an official file."""
    if Path(source).is_dir():
        return read_warm_start(Path(source))[0].state
    return read_official(source).state("params_ema", "params")


def _errors(made: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute error and PSNR of pictures in [0, 1], each (n,)."""
    error = made - wanted
    mse = error.detach().square().mean((1, 2, 3))
    return error.abs().mean((1, 2, 3)), -10 * mse.clamp(min=1e-10).log10()
