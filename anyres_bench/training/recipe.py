"""What is trained: networks, batches and losses; how is said in `anyres_bench.training.loop`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.generator import Generator


@dataclass(frozen=True)
class Phase:
    """One kind of update.

    Attributes:
        name: for logs, and for the random numbers of the phase.
        network: whose weights move; the others stand still.
        interval: done every so many steps.
        gain: factor of the loss; a phase done every 16 steps has a gain of 16.
    """

    name: str
    network: str
    interval: int = 1
    gain: float = 1.0


@dataclass(frozen=True)
class Moment:
    """Where in a run a loss is computed; names the random numbers of that place.

    Attributes:
        seed: of the run.
        step: optimiser steps done before this one.
        n_images: images seen before this step.
        part: number of the micro-batch within the step, over all processes.
    """

    seed: int
    step: int
    n_images: int
    part: int


@dataclass
class Loss:
    """What one micro-batch gives.

    Attributes:
        total: (n,) loss a sample; its mean is minimised.
        scores: values for the log, each a tensor whose mean is shown.
    """

    total: Tensor
    scores: dict[str, Tensor] = field(default_factory=dict)


class Recipe(Protocol):
    """Networks, batches and losses of one kind of training."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The trained networks by name."""
        ...

    @property
    def averaged(self) -> str:
        """The network whose running average is delivered."""
        ...

    @property
    def phases(self) -> Sequence[Phase]:
        """Kinds of updates, in the order of a step."""
        ...

    def optimizer(self, network: str) -> Optimizer:
        """A new optimiser of one network."""
        ...

    def items(self) -> ItemSource:
        """Where batches come from; picklable, because worker processes hold copies."""
        ...

    def loss(self, phase: Phase, batch: Any, moment: Moment) -> Loss:
        """Loss of one micro-batch."""
        ...

    def samples(self, average: nn.Module) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Named pictures (h, w, 3) to look at."""
        ...

    def generator(self, average: nn.Module) -> Generator:
        """What is evaluated."""
        ...

    def deliverable(self, average: nn.Module, training: Mapping[str, Any]) -> Checkpoint:
        """What is kept of a run; `training` says how it was made."""
        ...


class ItemSource(Protocol):
    """Training items by the step and place they are used at, whatever worker reads them."""

    def micro_batch(self, step: int, start: int, n: int) -> Any:
        """Items `start` to `start + n` of a step's batch, as tensors that can be sent."""
        ...
