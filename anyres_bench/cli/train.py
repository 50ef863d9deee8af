"""`anyres-bench train`: train a model, on one machine or many, and go on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import LocalPath, check_owners

if TYPE_CHECKING:
    from anyres_bench.training.loop import Evaluation


@click.command()
@click.argument("out", type=LocalPath(file_okay=False))
@click.option("--preset", help="A ready configuration, such as scenes-tiny.")
@click.option("--config", "path", type=LocalPath(), help="A TOML or JSON file.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting; may be given several times.",
)
@click.option(
    "--data", multiple=True, type=LocalPath(), help="A dataset folder; may be given several times."
)
@click.option("--stage", help="Run only this stage of a preset.")
@click.option("--task", help="Evaluate by this task, such as anyres-patch32-min32max128/frechet.")
@click.option(
    "--task-dataset",
    type=LocalPath(),
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
    from anyres_bench.training.stages import TrainingJob, plan_jobs, read_stages, train_jobs

    def evaluation(job: TrainingJob) -> Evaluation | None:
        if task is None:
            return None
        from anyres_bench.evaluation.during_training import TaskRequest, plan_evaluation

        request = TaskRequest(task, task_dataset, task_n)
        return plan_evaluation(request, job.model, job.folder)

    if plot:
        from anyres_bench.training.charts import draw_run

        for picture in draw_run(out):
            show(picture)
        return
    check_owners(task_dataset=["task"], task_n=["task"])
    stages = read_stages(preset, path, parse_assignments(assignments), data)
    jobs = plan_jobs(stages, out, stage)
    if dry_run:
        for job in jobs:
            show(json.dumps(job.described(), indent=2))
    elif not train_jobs(jobs, evaluation):
        raise click.Abort
