"""What the tests of every recipe do: train a few steps, stop, go on, and compare."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from anyres_bench.training.config import LoopConfig, to_plain
from anyres_bench.training.loop import Hooks, train
from anyres_bench.training.recipe import Moment, Phase, Recipe

LOOP = LoopConfig(batch=4, micro_batch=4, n_workers=0, total_kimg=0.004, ema_kimg=0.01, seed=3)
MOMENT = Moment(0, 0, 0, 0)


def trained(config: Any, folder: Path, n_steps: int, loop: LoopConfig = LOOP) -> Recipe:
    """The recipe after some steps in a run's folder, which it goes on with if it holds any."""
    loop = dataclasses.replace(loop, total_kimg=n_steps * loop.batch / 1000)
    recipe: Recipe = config.recipe(loop)
    settings = {"loop": to_plain(loop), "model": to_plain(config)}
    assert train(recipe, loop, folder, settings, Hooks(lambda line: None))
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
    trained(config, folder / "parts", 1)
    parts = trained(config, folder / "parts", 2)
    whole = trained(config, folder / "whole", 2)
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
        loss = recipe.loss(watched, batch, MOMENT)
        return float((loss.scores[score] if score else loss.total).detach().mean())

    before = value()
    for _ in range(n_steps):
        for each in recipe.phases:
            update(recipe, each, batch, optimizers)
    return before, value()


def update(
    recipe: Recipe, phase: Phase, batch: Any, optimizers: dict[str, torch.optim.Optimizer]
) -> None:
    """One update of one phase, always with the same random numbers."""
    for name, network in recipe.networks.items():
        network.requires_grad_(name == phase.network)
    optimizers[phase.network].zero_grad()
    recipe.loss(phase, batch, MOMENT).total.mean().backward()
    optimizers[phase.network].step()
