"""`anyres-bench train`: train a model, on one machine or many, and go on where it was stopped."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError

if TYPE_CHECKING:
    from anyres_bench.data.dataset import Dataset
    from anyres_bench.features.extractor import FeatureExtractor
    from anyres_bench.models.generator import Generator
    from anyres_bench.results import Task
    from anyres_bench.training.loop import Evaluation
    from anyres_bench.training.stages import Stage


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--preset", help="A ready configuration, such as scenes-tiny.")
@click.option("--config", "path", type=click.Path(path_type=Path), help="A TOML or JSON file.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
@click.option("--data", multiple=True, type=click.Path(path_type=Path), help="A dataset folder.")
@click.option("--stage", help="Run only this stage of a preset.")
@click.option("--task", help="Evaluate by this task, such as anyres-patch32-min32max128/frechet.")
@click.option(
    "--task-dataset",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Dataset of --task.  [default: the first that is trained on]",
)
@click.option(
    "--task-n",
    default=500,
    show_default=True,
    type=click.IntRange(min=2),
    help="Fakes, where --task names no number.",
)
@click.option("--plot", is_flag=True, help="Draw curves.png of the run in OUT and stop.")
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
    task_n: int,
    plot: bool,
    dry_run: bool,
) -> None:
    """Train into the folder OUT, one folder a stage.

    The same command goes on where an earlier one stopped. Ctrl-C writes a checkpoint first. Every
    run keeps its settings, its newest states, the averaged weights as a checkpoint folder that
    `evaluate` and `generate` read, a log, its curves, and samples to look at.

    With --task the averaged model is measured every `loop.evaluate_ticks` ticks, as `evaluate`
    would: the values are in log.jsonl and evaluation.json, the records in results/, the model that
    was best in best/. The task's reference is one half of its dataset; a source with split "train"
    shows the other half.

    \b
    Examples:
      anyres-bench collect scenes data/scenes
      anyres-bench train runs/tiny --preset scenes-tiny --data data/scenes
      anyres-bench train runs/tiny --preset scenes-tiny --data data/scenes --stage patch \\
          --set patch.loop.total_kimg=100 --set model.r1_gamma=1
      anyres-bench train runs/tiny --preset scenes-tiny --data data/scenes \\
          --task anyres-patch32-min32max128/frechet
      anyres-bench train --plot runs/tiny
      torchrun --nproc-per-node 8 -m anyres_bench -- train runs/t --config mine.toml
    """
    from anyres_bench.training.config import parse_assignments
    from anyres_bench.training.stages import read_stages

    if plot:
        from anyres_bench.training.charts import draw_run

        for picture in draw_run(out):
            click.echo(picture)
        return
    stages = read_stages(preset, path, parse_assignments(assignments), data)
    names = [one.name for one in stages]
    if stage is not None and stage not in names:
        raise UsageError(f"no stage {stage!r}; the stages are {', '.join(names)}")
    for number, one in enumerate(stages):
        if stage in (None, one.name):
            before = out / stages[number - 1].name if number else None
            if not _run(one, out / one.name, before, (task, task_dataset, task_n), dry_run):
                click.echo("stopped; the same command goes on where it was", err=True)
                sys.exit(130)


def _run(
    stage: Stage,
    folder: Path,
    before: Path | None,
    task: tuple[str | None, Path | None, int],
    dry_run: bool,
) -> bool:
    """Train one stage; whether it is complete."""
    from anyres_bench.training.config import LoopConfig, build, to_plain
    from anyres_bench.training.loop import Hooks, train
    from anyres_bench.training.stages import RECIPES

    loop = build(LoopConfig, stage.values.get("loop", {}), "loop.")
    asked = stage.values.get("model", {})
    model = {key: str(before) if value == "previous" else value for key, value in asked.items()}
    config = build(RECIPES.get(stage.recipe), model, "model.")
    settings = {"recipe": stage.recipe, "loop": to_plain(loop), "model": to_plain(config)}
    if dry_run:
        click.echo(json.dumps({"stage": stage.name, "folder": str(folder), **settings}, indent=2))
        return True
    distributed.start()
    try:
        recipe = config.recipe(loop)
        hooks = Hooks(_say, _evaluation(*task, config, folder))
        return train(recipe, loop, folder, settings, hooks)
    finally:
        distributed.stop()


def _say(line: str) -> None:
    if distributed.is_main():
        click.echo(line)


def _evaluation(
    wanted: str | None, data: Path | None, n: int, config: Any, folder: Path
) -> Evaluation | None:
    """How the averaged model is measured by a task; None where none is wanted.

    Raises:
        UsageError: there is no dataset, or more than one task is meant.
        UnknownNameError, DatasetError, WeightsError: as `evaluate` has them.
    """
    if wanted is None:
        return None
    from anyres_bench.data.dataset import Dataset
    from anyres_bench.evaluation.requests import Request, plan_tasks
    from anyres_bench.metrics.metric import metric_from
    from anyres_bench.training.loop import Evaluation

    trained_on = [source.dataset for source in getattr(config, "sources", ())]
    if data is None and not trained_on:
        raise UsageError(f"--task {wanted} needs --task-dataset: this recipe names no dataset")
    dataset = Dataset.read(data or Path(trained_on[0]))
    device = str(distributed.device())
    tasks, extractors = plan_tasks(dataset, Request([wanted], n=n, device=device))
    if len(tasks) != 1:
        raise UsageError(f"--task {wanted} means {len(tasks)} tasks; name one, such as {tasks[0]}")
    [task] = tasks
    _try_out(dataset, task, extractors[task.extractor])
    how = {"dataset": dataset, "tasks": tasks, "extractors": extractors}
    how |= {"spec": str(folder), "out": folder / "results", "say": _say}
    name, higher = next(iter(metric_from(task.metric).higher_is_better.items()))
    return Evaluation(task.id, functools.partial(_measure, how), name, higher)


def _try_out(dataset: Dataset, task: Task, extractor: FeatureExtractor) -> None:
    """Draw what the task looks at and show the extractor one image, before hours of training.

    Raises:
        DatasetError: too few images are large enough.
        UsageError: the task's images are too small for the extractor.
    """
    import torch

    from anyres_bench.data.splits import reference_and_held_out
    from anyres_bench.data.views import protocol_from

    protocol = protocol_from(task.protocol)
    reference, _ = reference_and_held_out(dataset, task.dataset, protocol)
    views = protocol.real(reference.manifest, task.n, 0)
    extractor(torch.zeros(1, 3, *views[0].view.size, dtype=torch.uint8))


def _measure(how: Mapping[str, Any], generator: Generator) -> dict[str, float]:
    """Values of one task and the ends of their intervals, the same on every process."""
    from anyres_bench.evaluation.evaluate import EvaluationPlan, evaluate

    outcome = evaluate(EvaluationPlan(model=generator, **how))
    values: dict[str, float] = {}
    for result in outcome.results:
        values |= result.values
        for name, interval in result.intervals.items():
            values |= {f"{name}-{end}": getattr(interval, end) for end in ("low", "high")}
    for task, reason in outcome.failures.items():
        _say(f"{task} has no number: {reason}")
    return distributed.gather(values)[0]
