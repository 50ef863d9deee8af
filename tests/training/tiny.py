"""What the tests of every recipe do: train a few steps, stop, go on, and compare."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from anyres_bench.training.config import LoopConfig, to_plain
from anyres_bench.training.loop import train
from anyres_bench.training.recipe import Loss, Phase, Recipe, StepContext

LOOP = LoopConfig(
    batch=4, micro_batch=4, n_workers=0, total_kimg=0.004, ema_kimg=0.01, seed=3, charts=False
)
CONTEXT = StepContext(0, 0, 0, 0)


def trained(config: Any, folder: Path, n_steps: int, loop: LoopConfig = LOOP) -> Recipe:
    """The recipe after some steps in a run's folder, which it goes on with if it holds any."""
    loop = dataclasses.replace(loop, total_kimg=n_steps * loop.batch / 1000)
    recipe: Recipe = config.recipe(loop)
    settings = {"loop": to_plain(loop), "model": to_plain(config)}
    assert train(recipe, loop, folder, settings)
    return recipe


def states(recipe: Recipe) -> dict[str, torch.Tensor]:
    """Every tensor of every network."""
    return {
        f"{name}.{key}": value
        for name, network in recipe.networks.items()
        for key, value in network.state_dict().items()
    }


def check_resuming(config: Any, folder: Path) -> None:
    """Two steps are one and one, bit for bit, optimisers and averages included."""
    loop = dataclasses.replace(LOOP, sample_ticks=0)
    trained(config, folder / "parts", 1, loop)
    parts = trained(config, folder / "parts", 2, loop)
    whole = trained(config, folder / "whole", 2, loop)
    for name, tensor in states(whole).items():
        assert torch.equal(tensor, states(parts)[name]), name
    one, two = (torch.load(folder / f / "state-000000008.pt") for f in ("parts", "whole"))
    flat_one, flat_two = (torch.utils._pytree.tree_leaves(state) for state in (one, two))
    for a, b in zip(flat_one, flat_two, strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def moved(recipe: Recipe, n_steps: int, phase: str, score: str = "") -> tuple[float, float]:
    """A phase's loss, or one of its scores, before and after training on one micro-batch."""
    batch = recipe.items().micro_batch(0, 0, 4)
    optimizers = {name: recipe.optimizer(name) for name in recipe.networks}
    [watched] = [p for p in recipe.phases if p.name == phase]

    def value() -> float:
        loss = loss_of(watched, batch)
        return float((loss.scores[score] if score else loss.total).detach().mean())

    before = value()
    for _ in range(n_steps):
        seen: dict[str, torch.Tensor] = {}
        for each in recipe.phases:
            update(recipe, each, batch, optimizers, seen)
    return before, value()


def loss_of(phase: Phase, batch: Any, **place: Any) -> Loss:
    """Loss of a phase, by default at the beginning of a run."""
    if phase.before is not None:
        phase.before()
    return phase.loss(batch, dataclasses.replace(CONTEXT, phase=phase.name, **place))


def losses_of(recipe: Recipe, batch: Any) -> dict[str, Loss]:
    """Losses of all phases of a step; later ones see the scores of earlier ones."""
    losses: dict[str, Loss] = {}
    for phase in recipe.phases:
        scores = {k: v.detach() for loss in losses.values() for k, v in loss.scores.items()}
        losses[phase.name] = loss_of(phase, batch, scores=scores)
    return losses


def update(
    recipe: Recipe,
    phase: Phase,
    batch: Any,
    optimizers: dict[str, torch.optim.Optimizer],
    seen: dict[str, torch.Tensor],
) -> None:
    """One update of one phase, always with the same random numbers; its scores go to `seen`."""
    for name, network in recipe.networks.items():
        network.requires_grad_(name == phase.network)
    optimizers[phase.network].zero_grad()
    loss = loss_of(phase, batch, scores=dict(seen))
    seen.update({name: value.detach() for name, value in loss.scores.items()})
    loss.total.mean().backward()
    optimizers[phase.network].step()
