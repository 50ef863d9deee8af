"""Evaluation during training: the averaged model is measured by one task, as by `evaluate`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError
from anyres_bench.core.reporting import say
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.splits import reference_and_held_out
from anyres_bench.evaluation.evaluate import EvaluationPlan, run_plan
from anyres_bench.evaluation.requests import Request, plan_tasks
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.metrics.metric import metric_from
from anyres_bench.models.generator import Generator
from anyres_bench.results import Task
from anyres_bench.training.loop import Evaluation


@dataclass(frozen=True)
class TaskRequest:
    """The task that is asked for.

    Attributes:
        wanted: in any form that means one task.
        dataset: its folder; None for the first that is trained on.
        n: number of fakes, where the task names none.
    """

    wanted: str
    dataset: Path | None = None
    n: int = 500


def plan_evaluation(request: TaskRequest, model: Any, folder: Path) -> Evaluation:
    """How the averaged model of a run is measured.

    What the task looks at is drawn, and the extractor is shown one image, before hours of training.

    Args:
        request: the task.
        model: the configuration of what is trained; its `sources` name datasets.
        folder: of the run.

    Raises:
        UsageError: there is no dataset, more than one task is meant, or its images are too small
            for the extractor.
        DatasetError: too few images are large enough.
        UnknownNameError, WeightsError: as `evaluate` has them.
    """
    trained_on = [source.dataset for source in getattr(model, "sources", ())]
    if request.dataset is None and not trained_on:
        raise UsageError(
            f"--task {request.wanted} needs --task-dataset: this recipe names no dataset"
        )
    dataset = Dataset.read(request.dataset or Path(trained_on[0]))
    device = str(distributed.device())
    tasks, extractors = plan_tasks(dataset, Request([request.wanted], n=request.n, device=device))
    if len(tasks) != 1:
        raise UsageError(
            f"--task {request.wanted} means {len(tasks)} tasks; name one, such as {tasks[0]}"
        )
    [task] = tasks
    _try_out(dataset, task, extractors[task.extractor])
    plan = functools.partial(
        EvaluationPlan,
        spec=str(folder),
        dataset=dataset,
        tasks=tasks,
        extractors=extractors,
        out=folder / "results",
    )
    name, higher = next(iter(metric_from(task.metric).higher_is_better.items()))
    return Evaluation(task.id, functools.partial(_measure, plan), name, higher)


def _try_out(dataset: Dataset, task: Task, extractor: FeatureExtractor) -> None:
    import torch

    protocol = protocol_from(task.protocol)
    reference, _ = reference_and_held_out(dataset, task.dataset, protocol)
    item = protocol.real(reference.manifest, task.n, 0)[0]
    extractor(*(torch.zeros(1, 3, *seen.view.size, dtype=torch.uint8) for seen in item.views))


def _measure(plan: Callable[..., EvaluationPlan], generator: Generator) -> dict[str, float]:
    """Values of one task and the ends of their intervals, the same on every process."""
    outcome = run_plan(plan(model=generator))
    values: dict[str, float] = {}
    for result in outcome.results:
        values |= result.values
        for name, interval in result.intervals.items():
            values |= {f"{name}-{end}": getattr(interval, end) for end in ("low", "high")}
    for task, reason in outcome.failures.items():
        say(f"{task} has no number: {reason}")
    return distributed.gather(values)[0]
