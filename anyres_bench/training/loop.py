"""The training loop, for every recipe.

Random numbers are named by seed, step and place (`core.seeds`), never drawn from a shared state, so
a resumed run continues bit for bit and a batch does not depend on how many processes share it.
"""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from anyres_bench.core import distributed
from anyres_bench.core.errors import CheckpointError, ConfigError, TrainingError
from anyres_bench.core.plain import differences
from anyres_bench.core.precision import single_precision
from anyres_bench.core.reporting import say
from anyres_bench.training.batches import Parts, read_ahead
from anyres_bench.training.checkpoints import read_newest_state, write_state
from anyres_bench.training.config import LoopConfig
from anyres_bench.training.recipe import Phase, Recipe, StepContext
from anyres_bench.training.run_folder import RunFolder, alone_in, check_folder, stop_requests

Seen = dict[int, dict[str, Tensor]]
"""Scores of a step by micro-batch: what its later phases may use."""

_SMALLEST_SCALE = 1.0  # of gradients in half precision; below, the losses themselves are too large
_DIVERGED = 1e6  # no loss or gradient of a healthy run comes near
# Settings of the loop under which a run may be continued with other values.
_FREE = {"total_kimg", "kimg_per_tick", "keep", "n_workers"}
_FREE |= {"checkpoint_ticks", "sample_ticks", "evaluate_ticks", "charts"}


@dataclass(frozen=True)
class Evaluation:
    """How the averaged model is measured while it is trained.

    Attributes:
        task: what is measured, complete; values of different tasks are never compared.
        measure: gives name -> value of a model, the same on every process.
        best_by: name of the value that the best checkpoint is chosen by.
        higher_is_better: its direction.
    """

    task: str
    measure: Callable[[Any], Mapping[str, float]]
    best_by: str
    higher_is_better: bool


@dataclass
class Run:
    """A run in progress."""

    recipe: Recipe
    config: LoopConfig
    settings: Mapping[str, Any]
    networks: Mapping[str, nn.Module]
    average: nn.Module
    optimizers: Mapping[str, torch.optim.Optimizer]
    scalers: Mapping[str, torch.amp.GradScaler]
    step: int = 0
    best: dict[str, Any] | None = None
    scores: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def n_images(self) -> int:
        """Images seen."""
        return self.step * self.config.batch


def train(
    recipe: Recipe,
    config: LoopConfig,
    folder: Path,
    settings: Mapping[str, Any],
    evaluation: Evaluation | None = None,
    completed: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda earlier: earlier,
) -> bool:
    """Train until `config.total_kimg`, from the newest checkpoint in `folder` if there is one.

    Every tick is told as a line, see `core.reporting`.

    Args:
        recipe: what is trained.
        config: how long, in what batches, what is written when.
        folder: of the run; checkpoints, logs, samples and exported models are written there.
        settings: the whole configuration as plain values, kept with every checkpoint; a run is
            not resumed under another one.
        evaluation: how the averaged model is measured; None for never.
        completed: gives settings that an earlier version kept those that came later.

    Returns:
        Whether the run is complete; False after Ctrl-C or SIGTERM, with a checkpoint written.

    Raises:
        TrainingError: a loss or gradient is not finite, or has diverged.
        ConfigError: the folder holds a run of another configuration.
        UsageError: the folder holds something that a run would replace, or another run is at work
            there.
    """
    with alone_in(folder), single_precision():
        run = _new_run(recipe, config, settings)
        run_folder = _begin(run, folder, completed)
        return _go_on(run, run_folder, evaluation)


def _go_on(run: Run, run_folder: RunFolder, evaluation: Evaluation | None) -> bool:
    """Train from where a run is to its end, or until it is stopped; whether it is complete."""
    recipe, config = run.recipe, run.config
    n_steps = math.ceil(config.total_kimg * 1000 / config.batch)
    ahead = read_ahead(recipe.items(), config, run.step, n_steps)
    with stop_requests() as stop, contextlib.closing(ahead) as batches:
        while run.step < n_steps and not stop.agreed():
            asked = time.perf_counter()
            parts = next(batches)
            run_folder.waited(time.perf_counter() - asked)
            seen: Seen = defaultdict(dict)
            parts = [(part, _on(distributed.device(), batch)) for part, batch in parts]
            for phase in recipe.phases:
                if run.step % phase.interval == 0:
                    _update(run, phase, parts, seen)
            run.step += 1
            _move_average(run)
            _do_what_is_due(run, run_folder, n_steps, evaluation)
    if run.step < n_steps:
        _write(run, run_folder, False)
    run_folder.close()
    return run.step >= n_steps


def _new_run(recipe: Recipe, config: LoopConfig, settings: Mapping[str, Any]) -> Run:
    """Networks, their running average and optimisers, on this process's device."""
    device = distributed.device()
    networks = {name: network.to(device) for name, network in recipe.networks.items()}
    average = copy.deepcopy(networks[recipe.averaged]).eval().requires_grad_(False)
    optimizers = {name: recipe.optimizer(name) for name in networks}
    scales = config.precision == "fp16"
    scalers = {name: torch.amp.GradScaler(device.type, enabled=scales) for name in networks}
    if config.compile:  # in place, so names in states stay; R1 differentiates the others twice
        networks[recipe.averaged].compile()
    return Run(recipe, config, settings, networks, average, optimizers, scalers)


def _begin(
    run: Run,
    folder: Path,
    completed: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> RunFolder:
    """Resume from the newest checkpoint, if there is one; the folder that the run writes to."""
    state = read_newest_state(folder)
    if state is not None:
        _resume(run, state, completed, folder)
        done = run.n_images / 1000
        is_complete = done >= run.config.total_kimg
        end = "complete at {:.1f} kimg; raise loop.total_kimg to go on"
        say((end if is_complete else "resumed at {:.1f} kimg").format(done))
    if distributed.is_main():
        check_folder(folder, is_resumed=state is not None)
    run_folder = RunFolder(folder, run.config)
    run_folder.start(run.settings, run.n_images)
    return run_folder


def _do_what_is_due(
    run: Run, run_folder: RunFolder, n_steps: int, evaluation: Evaluation | None
) -> None:
    """After a step: print, draw, measure and write."""
    due = run_folder.due(run.step, last=run.step == n_steps)
    if due.tick:
        say(run_folder.tick(run.step, _take_means(run)))
    if due.samples:
        run_folder.samples(run.n_images, run.recipe.samples(run.average))
    is_best = False
    if due.evaluation and evaluation is not None:
        values = evaluation.measure(run.recipe.generator(run.average))
        say(run_folder.evaluation(run.n_images, evaluation.task, values))
        is_best = _note_best(run, values, evaluation)
    if due.checkpoint or is_best:
        _write(run, run_folder, is_best)


def _on(device: torch.device, batch: Any) -> Any:
    """A micro-batch, a tensor or a named tuple of tensors, on a device."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    return type(batch)(*(part.to(device) for part in batch))


def _update(run: Run, phase: Phase, parts: Parts, seen: Seen) -> None:
    """One optimiser step: losses of this process's micro-batches, gradients of all processes."""
    for name, network in run.networks.items():
        network.requires_grad_(name == phase.network)
    optimizer, scaler = run.optimizers[phase.network], run.scalers[phase.network]
    optimizer.zero_grad(set_to_none=True)
    if phase.before is not None:
        phase.before()
    n_parts = run.config.batch // run.config.micro_batch
    for part, batch in parts:
        place = (run.config.seed, run.step, run.n_images, part, phase.name)
        with _precision(run.config):
            loss = phase.loss(batch, StepContext(*place, seen[part], scaler.get_scale()))
        for name, value in {phase.name: loss.total, **loss.scores}.items():
            seen[part][name] = value.detach()
            run.scores[name].append(float(seen[part][name].float().mean()))
        mean = loss.total.float().mean() * (phase.gain / n_parts)
        scaler.scale(mean).backward()  # type: ignore[no-untyped-call]
    parameters = run.networks[phase.network].parameters()
    gradients = [p.grad for p in parameters if p.grad is not None]
    _sum_over_processes(gradients)
    scaler.unscale_(optimizer)
    _check_finite(run, phase, gradients)
    scaler.step(optimizer)
    scaler.update()


def _sum_over_processes(gradients: Sequence[Tensor]) -> None:
    if distributed.world_size() == 1:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()


def _check_finite(run: Run, phase: Phase, gradients: Sequence[Tensor]) -> None:
    """Stop where nothing good can follow; half precision may skip some steps until its scale fits.

    Raises:
        TrainingError: with what was seen.
    """
    norm = float(torch.stack([g.float().norm() for g in gradients]).norm())
    last = {name: values[-1] for name, values in run.scores.items() if values}
    if norm < _DIVERGED and abs(last.get(phase.name, 0.0)) < _DIVERGED:
        return
    scaler = run.scalers[phase.network]
    if scaler.is_enabled() and not math.isfinite(norm) and scaler.get_scale() > _SMALLEST_SCALE:
        return
    seen = ", ".join(f"{name} {value:.4g}" for name, value in last.items())
    raise TrainingError(
        f"training diverged in phase {phase.name} at step {run.step} ({run.n_images} images): "
        f"gradient norm {norm:.4g}; last values: {seen}. The checkpoints on disk are from before; "
        "resume from one with a lower learning rate or a higher r1_gamma"
    )


def _precision(config: LoopConfig) -> torch.autocast:
    """The precision of forward passes."""
    dtype = torch.float16 if config.precision == "fp16" else torch.bfloat16
    kind = distributed.device().type
    return torch.autocast(kind, dtype=dtype, enabled=config.precision != "fp32")


@torch.no_grad()
def _move_average(run: Run) -> None:
    """Move the running average towards the weights; buffers are copied.

    Source: StyleGAN2's running average, beta = 0.5 ** (batch / half-life in images).
    """
    half_life = run.config.ema_kimg * 1000
    if run.config.ema_rampup:
        half_life = min(half_life, run.config.ema_rampup * run.n_images)
    beta = 0.5 ** (run.config.batch / max(half_life, 1e-8))
    network = run.networks[run.recipe.averaged]
    for mean, weight in zip(run.average.parameters(), network.parameters(), strict=True):
        mean.copy_(weight.lerp(mean, beta))
    for kept, buffer in zip(run.average.buffers(), network.buffers(), strict=True):
        kept.copy_(buffer)


def _take_means(run: Run) -> dict[str, float]:
    """Mean of every score over all micro-batches since the last tick; starts anew."""
    sums = {name: (sum(values), len(values)) for name, values in run.scores.items() if values}
    run.scores.clear()
    gathered = distributed.gather(sums)
    return {
        name: sum(rank[name][0] for rank in gathered) / sum(rank[name][1] for rank in gathered)
        for name in sums
    }


def _note_best(run: Run, values: Mapping[str, float], evaluation: Evaluation) -> bool:
    """Whether this evaluation is the best so far by its task; it is remembered then."""
    if evaluation.best_by not in values:
        return False
    task, value = evaluation.task, values[evaluation.best_by]
    sign = 1 if evaluation.higher_is_better else -1
    best = run.best if run.best is not None and run.best["task"] == task else None
    if best is not None and sign * value <= sign * best["value"]:
        return False
    run.best = {"task": task, "name": evaluation.best_by, "value": value, "images": run.n_images}
    return True


def _check_same_run(old: Mapping[str, Any], new: Mapping[str, Any], folder: Path) -> None:
    """A run goes on as it began; only its length and what is written when may change."""

    def fixed(settings: Mapping[str, Any]) -> dict[str, Any]:
        loop = {k: v for k, v in settings.get("loop", {}).items() if k not in _FREE}
        return {**settings, "loop": loop}

    if changed := differences(fixed(old), fixed(new)):
        raise ConfigError(
            f"{folder} holds a run with other settings of {', '.join(changed[:5])}"
            f"{', ...' if changed[5:] else ''}; use another folder, or the settings saved there"
        )


def _resume(
    run: Run,
    state: Mapping[str, Any],
    completed: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    folder: Path,
) -> None:
    try:
        _check_same_run(completed(state["settings"]), run.settings, folder)
        _restore(run, state)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"the state in {folder} is of another run, or of none ({type(error).__name__}: "
            f"{error}); train into a new folder"
        ) from error


def _restore(run: Run, state: Mapping[str, Any]) -> None:
    for name, network in run.networks.items():
        network.load_state_dict(state["networks"][name])
        run.optimizers[name].load_state_dict(state["optimizers"][name])
        _lay_as_parameters(run.optimizers[name])
    for name, scale in state.get("scalers", {}).items():
        run.scalers[name].load_state_dict(scale)
    run.average.load_state_dict(state["average"])
    run.step, run.best = state["step"], state["best"]


def _lay_as_parameters(optimizer: torch.optim.Optimizer) -> None:
    """Lay moments out in memory as their parameters are: a fused step is bit for bit the same then.

    What is read from a file is contiguous, and parameters may have their channels last.
    """
    for parameter, moments in optimizer.state.items():
        for name, value in moments.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter, requires_grad=False).copy_(value)


def _write(run: Run, run_folder: RunFolder, is_best: bool) -> None:
    """Write the state to resume from, and the exported model beside it.

    The state holds no generator of random numbers: the step names all that will be drawn.
    """
    if distributed.is_main():
        state = {
            "step": run.step,
            "best": run.best,
            "settings": dict(run.settings),
            "networks": {name: n.state_dict() for name, n in run.networks.items()},
            "average": run.average.state_dict(),
            "optimizers": {name: o.state_dict() for name, o in run.optimizers.items()},
        }
        if run.config.precision == "fp16":
            state["scalers"] = {name: scaler.state_dict() for name, scaler in run.scalers.items()}
        metadata = {"settings": dict(run.settings), "images_seen": run.n_images, "best": run.best}

        def export() -> None:
            exported = run.recipe.export(run.average, metadata)
            run_folder.export(run.n_images, exported, is_best)

        write_state(run_folder.folder, run.n_images, state, run.config.keep, export)
    distributed.barrier()
