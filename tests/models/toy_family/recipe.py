"""The recipe: the phases learn the mean colour of the images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import to_float
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.training.adversarial import sample_grids
from anyres_bench.training.config import LoopConfig
from anyres_bench.training.items import ImageBatch, ImageItems, SourceConfig
from anyres_bench.training.recipe import Loss, Phase, StepContext
from tests.models.toy_family.generator import Toy, from_checkpoint
from tests.models.toy_family.network import Waves


@dataclass(frozen=True, kw_only=True)
class ToyConfig:
    """What is trained on what."""

    frequency: float = 3.0
    lr: float = 0.01
    sources: tuple[SourceConfig, ...] = ()

    def recipe(self, loop: LoopConfig) -> ToyRecipe:
        return ToyRecipe(self, loop)


class ToyRecipe:
    """One network, one loss."""

    averaged = "G"

    def __init__(self, config: ToyConfig, loop: LoopConfig) -> None:
        self.config = config
        self.networks: Mapping[str, nn.Module] = {"G": Waves(config.frequency)}
        self._items = ImageItems(config.sources, 16, loop.batch, loop.seed)

    @property
    def phases(self) -> tuple[Phase, ...]:
        return (Phase("colour", "G", self._loss),)

    def _loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        rng = stream(context.seed, context.phase, context.step, context.part)
        z = torch.from_numpy(rng.normal((len(batch.images), 3))).float()
        made = self.networks["G"](z, Region.whole(Size.square(16)).coords())
        error = made.mean((2, 3)) - to_float(batch.images).mean((2, 3))
        return Loss(error.square().mean(1))

    def optimizer(self, network: str) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.networks[network].parameters(), lr=self.config.lr)

    def items(self) -> ImageItems:
        return self._items

    def samples(self, average: nn.Module) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        for canvas, picture in sample_grids(self.generator(average), [Size.square(16)]):
            yield f"canvas{canvas}", picture

    def generator(self, average: nn.Module) -> Toy:
        return from_checkpoint(self.export(average, {}))

    def export(self, average: nn.Module, training: Mapping[str, Any]) -> Checkpoint:
        config = {"frequency": self.config.frequency}
        return Checkpoint("toy-waves", config, average.state_dict(), "CC0-1.0", {}, training)
