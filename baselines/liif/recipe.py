"""The recipe of LIIF: pixels of crops at random scales, read off the features of the shrunk crop.

Source: Chen et al., "Learning Continuous Image Representation with Local Implicit Image Function",
CVPR 2021, section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from anyres_bench.baselines.liif.network import LIIF
from anyres_bench.baselines.liif.upscaler import LIIFUpscaler
from anyres_bench.core import distributed
from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.data.pixels import Pixels, resize_uint8, to_float
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.generator import Generator
from anyres_bench.models.official_files import ready
from anyres_bench.training.config import LoopConfig, above, at_least
from anyres_bench.training.crops import Crops, CropSource, enlarged_base, side_by_side
from anyres_bench.training.optimisers import SteppedAdam
from anyres_bench.training.recipe import Loss, Phase, StepContext, exported
from anyres_bench.training.seeding import seeded

_N_SAMPLES = 4


@dataclass(frozen=True, kw_only=True)
class LIIFConfig:
    """What is trained on what; the defaults are the published ones.

    Attributes:
        encoder: "edsr-baseline" or "rdn".
        n_resblocks, n_feats: of EDSR.
        rdn_config: of RDN, "A" or "B".
        hidden: widths of the decoder's hidden layers.
        sources: datasets that crops are cut from.
        input_side: of the shrunk crops, px.
        scale_min, scale_max: of crop over shrunk crop; a crop draws its own, uniformly.
        n_queries: pixels of a crop that are asked for; None for as many as it has shrunk.
        lr: of Adam.
        halve_kimg: thousands of images after which the rate is halved, once for each.
        base: spec of a generator that the model enlarges when it is evaluated as it trains.
    """

    encoder: Literal["edsr-baseline", "rdn"] = "edsr-baseline"
    n_resblocks: int = 16
    n_feats: int = 64
    rdn_config: Literal["A", "B"] = "B"
    hidden: tuple[int, ...] = (256, 256, 256, 256)
    sources: tuple[CropSource, ...] = ()
    input_side: int = 48
    scale_min: float = 1.0
    scale_max: float = 4.0
    n_queries: int | None = None
    lr: float = 1e-4
    halve_kimg: tuple[float, ...] = (3200.0, 6400.0, 9600.0, 12800.0)
    base: str = ""

    def __post_init__(self) -> None:
        above(self, lr=0)
        at_least(self, halve_kimg=0, hidden=1)
        at_least(self, n_resblocks=1, n_feats=1, input_side=4, scale_min=1, n_queries=1)
        if self.scale_max < self.scale_min:
            raise ConfigError(
                f"scale_max {self.scale_max} is below scale_min {self.scale_min}; exchange them"
            )
        if self.n_queries is not None and self.n_queries > self.input_side**2:
            raise ConfigError(
                f"n_queries is {self.n_queries}; the smallest crops have {self.input_side**2} px"
            )

    @property
    def spec(self) -> dict[str, Any]:
        """The network as the official checkpoints describe it."""
        edsr = {"n_resblocks": self.n_resblocks, "n_feats": self.n_feats}
        own = edsr if self.encoder == "edsr-baseline" else {"RDNconfig": self.rdn_config}
        decoder = {"out_dim": 3, "hidden_list": list(self.hidden)}
        return {
            "encoder_spec": {"name": self.encoder, "args": {"no_upsampling": True, **own}},
            "imnet_spec": {"name": "mlp", "args": decoder},
        }

    def recipe(self, loop: LoopConfig) -> LIIFRecipe:
        """The recipe of this configuration."""
        return LIIFRecipe(self, loop)


class LIIFBatch(NamedTuple):
    """Shrunk crops, and pixels of the crops.

    Attributes:
        inputs: (n, 3, s, s) uint8.
        coord: (n, q, 2) float32, (y, x) of the pixels; the crop spans [-1, 1].
        cell: (n, 1, 2) float32, extent of a pixel of the crop.
        rgb: (n, q, 3) uint8.
    """

    inputs: Tensor
    coord: Tensor
    cell: Tensor
    rgb: Tensor


class LIIFItems:
    """Crops for every step, drawn by seed and place alone."""

    def __init__(self, config: LIIFConfig, loop: LoopConfig) -> None:
        self._config, self._batch, self._seed = config, loop.batch, loop.seed
        self.crops = Crops(config.sources, round(config.input_side * config.scale_max), loop.seed)

    def micro_batch(self, step: int, start: int, n: int) -> LIIFBatch:
        """Items `start` to `start + n` of a step."""
        first = step * self._batch + start
        items = zip(*(self._item(place) for place in range(first, first + n)), strict=True)
        return LIIFBatch(*(torch.stack(part) for part in items))

    def _item(self, place: int) -> LIIFBatch:
        config, rng = self._config, stream(self._seed, "liif", place)
        scale = config.scale_min + (config.scale_max - config.scale_min) * float(rng.uniform())
        side = round(config.input_side * scale)
        pixels = _turned(self.crops.cut(place, side, rng), rng)
        chosen = rng.choice(side**2, config.n_queries or config.input_side**2)
        region = Region.whole(Size.square(side))
        return LIIFBatch(
            torch.from_numpy(self.shrunk(pixels).transpose(2, 0, 1).copy()),
            region.coords().float().reshape(-1, 2)[chosen],
            torch.tensor([region.cell()]).float(),
            torch.from_numpy(pixels.reshape(-1, 3)[chosen]),
        )

    def shrunk(self, pixels: Pixels) -> Pixels:
        """A crop at the size of the inputs, by Pillow's antialiased bicubic filter."""
        return resize_uint8(pixels, Size.square(self._config.input_side), "bicubic")


def _turned(pixels: Pixels, rng: Stream) -> Pixels:
    """Mirrored, upside down, transposed: each for half of the crops."""
    across, down, turn = rng.integers(0, 1, 3)
    pixels = pixels[:, ::-1] if across else pixels
    pixels = pixels[::-1] if down else pixels
    return np.ascontiguousarray(pixels.swapaxes(0, 1) if turn else pixels)


class LIIFRecipe:
    """The network, its crops and its L1 loss."""

    averaged = "G"

    def __init__(self, config: LIIFConfig, loop: LoopConfig) -> None:
        self.config, self._loop = config, loop
        if loop.compile:
            raise ConfigError("loop.compile is not implemented for LIIF; set it to false")
        self._items = LIIFItems(config, loop)
        self.network = seeded(loop.seed, lambda: LIIF.from_spec(config.spec))

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """Encoder and decoder in one."""
        return {"G": self.network}

    @property
    def phases(self) -> tuple[Phase, ...]:
        """L1 alone."""
        return (Phase("L1", "G", self._loss),)

    def optimizer(self, network: str) -> torch.optim.Optimizer:
        """Adam, halved at the milestones."""
        milestones = self._loop.steps(self.config.halve_kimg)
        return SteppedAdam(self.network.parameters(), self.config.lr, milestones=milestones)

    def items(self) -> LIIFItems:
        """Shrunk crops and pixels."""
        return self._items

    def _loss(self, batch: LIIFBatch, context: StepContext) -> Loss:
        """Mean absolute difference of the pixels in [-1, 1]."""
        image = Size(*batch.inputs.shape[2:])
        features = self.network.encode(to_float(batch.inputs), image, Box.whole(image))
        colours = self.network.query(features, batch.coord, batch.cell)
        error = colours - to_float(batch.rgb)
        psnr = -10 * (error.detach() / 2).square().mean((1, 2)).clamp(min=1e-10).log10()
        return Loss(error.abs().mean((1, 2)), {"psnr": psnr})

    @torch.no_grad()
    def samples(self, average: nn.Module) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Crops at the largest scale: repeated pixels, the model's, and the truth."""
        assert isinstance(average, LIIF)
        items, side = self._items, round(self.config.input_side * self.config.scale_max)
        region, small = Region.whole(Size.square(side)), Size.square(self.config.input_side)
        rows = []
        for i in range(_N_SAMPLES):
            pixels = items.crops.cut(i, side, stream(self._loop.seed, "sample", i))
            truth, inputs = (
                to_float(torch.from_numpy(p.transpose(2, 0, 1).copy())).to(distributed.device())
                for p in (pixels, items.shrunk(pixels))
            )
            features = average.encode(inputs[None], small, Box.whole(small))
            [made] = average.render(features, region)
            [repeated] = F.interpolate(inputs[None], (side, side))
            rows.append([repeated, made, truth])
        yield f"x{self.config.scale_max:g}", side_by_side(rows)

    def generator(self, average: nn.Module) -> Generator:
        """The averaged model over the base of the configuration.

        Raises:
            ConfigError: there is none.
        """
        checkpoint = self.export(average, {})

        def make(device: str) -> LIIFUpscaler:
            network = LIIF.from_spec(checkpoint.config)
            network.load_state_dict(dict(checkpoint.state))
            return LIIFUpscaler(ready(network, device), checkpoint.digest[:12])

        return enlarged_base(self.config.base, make)

    def export(self, average: nn.Module, training: Mapping[str, Any]) -> Checkpoint:
        """The averaged model with what it was trained on."""
        metadata = {**training, "datasets": self._items.crops.digests}
        return exported("liif", self.config.spec, average, metadata)
