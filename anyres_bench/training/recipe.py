"""What is trained: networks, batches and losses; how is said in `anyres_bench.training.loop`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.generator import Generator


@dataclass(frozen=True)
class StepContext:
    """Where in a run a loss is computed; names the random numbers of that place.

    Attributes:
        seed: of the run.
        step: optimiser steps done before this one.
        n_images: images seen before this step.
        part: number of the micro-batch within the step, over all processes.
        phase: name of the phase.
        scores: what earlier phases of the step have scored on this micro-batch, without gradients.
        grad_scale: what gradients within a loss are multiplied by, and divided by again, so that
            none vanishes in half precision.
    """

    seed: int
    step: int
    n_images: int
    part: int
    phase: str = ""
    scores: Mapping[str, Tensor] = field(default_factory=dict)
    grad_scale: float = 1.0


@dataclass
class Loss:
    """What one micro-batch gives.

    Attributes:
        total: (n,) loss a sample; its mean is minimised.
        scores: values for the log, each a tensor whose mean is shown.
    """

    total: Tensor
    scores: dict[str, Tensor] = field(default_factory=dict)


LossFunction = Callable[[Any, StepContext], Loss]
"""A micro-batch, on the networks' device, and its place -> its loss."""


@dataclass(frozen=True)
class Phase:
    """One kind of update.

    Attributes:
        name: for logs, and for the random numbers of the phase.
        network: whose weights move; the others stand still.
        loss: of one micro-batch; what it needs of earlier phases is in the context.
        interval: done every so many steps.
        gain: factor of the loss; a phase done every 16 steps has a gain of 16.
        before: done once in a step before its first loss, however many micro-batches there are.
    """

    name: str
    network: str
    loss: LossFunction
    interval: int = 1
    gain: float = 1.0
    before: Callable[[], None] | None = None


class Recipe(Protocol):
    """Networks, batches and phases of one kind of training."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The trained networks by name."""
        ...

    @property
    def averaged(self) -> str:
        """The network whose running average is exported."""
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

    def samples(self, average: nn.Module) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Named pictures (h, w, 3) to look at."""
        ...

    def generator(self, average: nn.Module) -> Generator:
        """What is evaluated."""
        ...

    def export(self, average: nn.Module, training: Mapping[str, Any]) -> Checkpoint:
        """The averaged network as a checkpoint; `training` says how it was made."""
        ...


def exported(
    architecture: str, config: Mapping[str, Any], average: nn.Module, training: Mapping[str, Any]
) -> Checkpoint:
    """An averaged network as a checkpoint of ours.

    Args:
        architecture: by which it is read again.
        config: what the network is made from; JSON values.
        average: the network.
        training: how it was made, and on what.
    """
    state = {name: tensor.detach().cpu() for name, tensor in average.state_dict().items()}
    return Checkpoint(architecture, config, state, "unknown", {}, training)


class ItemSource(Protocol):
    """Training items by the step and place they are used at, whatever worker reads them."""

    def micro_batch(self, step: int, start: int, n: int) -> Any:
        """Items `start` to `start + n` of a step's batch, as tensors that can be sent."""
        ...
