"""A recipe of two small networks: enough to test the loop without an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from anyres_bench.core.seeds import stream
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.training.recipe import Loss, Phase, StepContext


class ToyItems:
    """Points near a line, by step and place."""

    def micro_batch(self, step: int, start: int, n: int) -> torch.Tensor:
        rows = [stream(0, "toy", step, place).normal(4) for place in range(start, start + n)]
        return torch.tensor(np.stack(rows), dtype=torch.float32)


class ToyRecipe:
    """G learns to map noise to the points' mean, D to tell them apart."""

    averaged = "G"

    def __init__(self, poison_step: int = -1, overflow_from: int | None = None) -> None:
        self.networks = {"G": _linear(1, 4, 4), "D": _linear(2, 4, 1)}
        self.poison_step = poison_step
        self.overflow_from = overflow_from

    def optimizer(self, network: str) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.networks[network].parameters(), lr=0.01)

    def items(self) -> ToyItems:
        return ToyItems()

    @property
    def phases(self) -> tuple[Phase, ...]:
        reg = Phase("D-reg", "D", self._d_loss, interval=2, gain=2)
        return (Phase("G", "G", self._g_loss), Phase("D", "D", self._d_loss), reg)

    def _g_loss(self, batch: torch.Tensor, context: StepContext) -> Loss:
        scores = self._fake_scores(batch, context)
        factor = float("nan") if context.step == self.poison_step else 1.0
        if self.overflow_from is not None and context.step >= self.overflow_from:
            steep = 1e38 * (scores - scores.detach())  # no value, but a gradient that overflows
            return Loss(steep[:, 0] - scores.detach()[:, 0], {"scores-fake": scores})
        return Loss(-scores[:, 0] * factor, {"scores-fake": scores})

    def _d_loss(self, batch: torch.Tensor, context: StepContext) -> Loss:
        scores, real = self._fake_scores(batch, context), self.networks["D"](batch)
        return Loss((scores.square() - real + real.square())[:, 0], {"scores-real": real})

    def _fake_scores(self, batch: torch.Tensor, context: StepContext) -> torch.Tensor:
        noise = stream(context.seed, "z", context.phase, context.step, context.part)
        z = torch.tensor(noise.normal((len(batch), 4)), dtype=torch.float32)
        scores: torch.Tensor = self.networks["D"](self.networks["G"](z))
        return scores

    def samples(self, average: nn.Module) -> Iterator[tuple[str, np.ndarray]]:
        yield "grid", np.full((8, 8, 3), 127, np.uint8)

    def generator(self, average: nn.Module) -> Any:
        return average

    def export(self, average: nn.Module, training: Mapping[str, Any]) -> Checkpoint:
        return Checkpoint("toy", {}, average.state_dict(), "CC0-1.0", {}, training)


def _linear(seed: int, n_in: int, n_out: int) -> nn.Linear:
    layer = nn.Linear(n_in, n_out)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(stream(seed, "w").normal((n_out, n_in))))
        layer.bias.zero_()
    return layer
