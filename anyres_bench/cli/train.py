"""`anyres-bench train`: train a model, on one machine or many, and go on where it was stopped."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError

if TYPE_CHECKING:
    from anyres_bench.training.stages import Stage


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--preset", help="A ready configuration, such as scenes-tiny.")
@click.option("--config", "path", type=click.Path(path_type=Path), help="A TOML or JSON file.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
@click.option("--data", multiple=True, type=click.Path(path_type=Path), help="A dataset folder.")
@click.option("--stage", help="Run only this stage of a preset.")
@click.option("--task", help="Evaluate by this task, such as anyres-patch32-min32max0/frechet.")
@click.option("--task-dataset", type=click.Path(path_type=Path), help="Dataset of --task.")
@click.option("--dry-run", is_flag=True, help="Print the whole configuration and stop.")
def command(
    out: Path,
    preset: str | None,
    path: Path | None,
    assignments: tuple[str, ...],
    data: tuple[Path, ...],
    stage: str | None,
    task: str | None,
    task_dataset: Path | None,
    dry_run: bool,
) -> None:
    """Train into the folder OUT, one folder a stage.

    The same command goes on where an earlier one stopped. Ctrl-C writes a checkpoint first. Every
    run keeps its settings, its newest states, the averaged weights as a checkpoint folder that
    `evaluate` and `generate` read, a log, and samples to look at.

    \b
    Examples:
      anyres-bench collect scenes data/scenes
      anyres-bench train runs/tiny --preset scenes-tiny --data data/scenes
      anyres-bench train runs/tiny --preset scenes-tiny --data data/scenes --stage patch \\
          --set patch.loop.total_kimg=100 --set model.r1_gamma=1
      torchrun --nproc-per-node 8 -m anyres_bench train runs/t --config mine.toml
    """
    from anyres_bench.training.config import parse_assignments
    from anyres_bench.training.stages import read_stages

    stages = read_stages(preset, path, parse_assignments(assignments), data)
    names = [one.name for one in stages]
    if stage is not None and stage not in names:
        raise UsageError(f"no stage {stage!r}; the stages are {', '.join(names)}")
    for number, one in enumerate(stages):
        if stage in (None, one.name):
            before = out / stages[number - 1].name if number else None
            if not _run(one, out / one.name, before, (task, task_dataset), dry_run):
                click.echo("stopped; the same command goes on where it was", err=True)
                sys.exit(130)


def _run(
    stage: Stage,
    folder: Path,
    before: Path | None,
    task: tuple[str | None, Path | None],
    dry_run: bool,
) -> bool:
    """Train one stage; whether it is complete."""
    from anyres_bench.training.config import LoopConfig, build, to_plain
    from anyres_bench.training.loop import Hooks, train
    from anyres_bench.training.stages import RECIPES

    loop = build(LoopConfig, stage.values.get("loop", {}), "loop.")
    model = dict(stage.values.get("model", {}))
    if model.get("teacher") == "previous":
        model["teacher"] = str(before)
    config = build(RECIPES.get(stage.recipe), model, "model.")
    settings = {"recipe": stage.recipe, "loop": to_plain(loop), "model": to_plain(config)}
    if dry_run:
        click.echo(json.dumps({"stage": stage.name, "folder": str(folder), **settings}, indent=2))
        return True
    distributed.start()
    try:
        recipe = config.recipe(loop)
        measured = _evaluation(*task, folder)
        hooks = Hooks(_say, measured, (task[0], False) if task[0] else None)
        return train(recipe, loop, folder, settings, hooks)
    finally:
        distributed.stop()


def _say(line: str) -> None:
    if distributed.is_main():
        click.echo(line)


def _evaluation(
    task: str | None, dataset: Path | None, folder: Path
) -> Callable[[Any], Mapping[str, float]] | None:
    """Measures a generator by a task."""
    if task is None:
        return None
    raise UsageError(f"--task {task} needs --task-dataset ({dataset}, {folder})")
