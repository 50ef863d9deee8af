"""What Python users call first: `evaluate`, `compare`; the rest is in the rooms below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyres_bench.core import distributed
from anyres_bench.core.counts import whole_number, whole_number_or_none
from anyres_bench.core.errors import UsageError
from anyres_bench.core.seeds import checked_seed
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import protocol_from
from anyres_bench.evaluation.evaluate import (
    EvaluationOutcome,
    EvaluationPlan,
    run_plan,
)
from anyres_bench.evaluation.queries import TaskQuery
from anyres_bench.evaluation.reference_plans import ReferenceFile
from anyres_bench.evaluation.requests import Request, plan_tasks
from anyres_bench.evaluation.running import EvaluationOptions, run_request
from anyres_bench.metrics.metric import metric_from, needs_held_out
from anyres_bench.models.controls import folder
from anyres_bench.results import Result, to_frame

if TYPE_CHECKING:
    import pandas as pd


class Results(list[Result]):
    """Results of one call; a list with a table."""

    def to_frame(self) -> pd.DataFrame:
        """One row a value: model, task, value, interval."""
        return to_frame(self)


def evaluate(
    model: Any,
    dataset: Dataset | str | Path | None = None,
    suite: str | Sequence[str] = "quick",
    *,
    reference: ReferenceFile | str | Path | None = None,
    extractor: str | None = None,
    n: int | None = None,
    seed: int = 0,
    out: str | Path = "results",
    device: str | None = None,
    options: Mapping[str, str] | None = None,
    batch_size: int | None = None,
    workers: int = 2,
    accept_licence: bool = False,
    fresh: bool = False,
) -> Results:
    """Measure a model on a dataset; what `anyres-bench evaluate` does.

    Args:
        model: a spec as the command takes it; a path; a generator, such as one of
            `anyres_bench.FixedSize`, `Coordinates` and `Pipeline`; or a function of (seed, size)
            that makes a picture.
        dataset: or its folder.
        suite: "quick", "paper", "ar1", "memorisation", a task, or a list of these.
        reference: in the place of a dataset, a file of its statistics; see docs/references.md.
        extractor, n, seed, batch_size, workers, accept_licence: as the command has them.
        out: folder of the records; what is there already is not measured again.
        device: of the model and the extractors, as torch names it; by default an accelerator.
        options: of a model that is given by its spec.
        fresh: compute again what is there already, features included.

    Raises:
        MetricError: some tasks have no number; the others are written.
        UsageError, DataError, ModelError: as for the command.
    """
    n, batch_size = (
        whole_number_or_none("n", n, 2),
        whole_number_or_none("batch_size", batch_size, 1),
    )
    workers, seed = whole_number("workers", workers, 0), checked_seed(seed)
    where = device or str(distributed.device())
    wanted = (suite,) if isinstance(suite, str) else tuple(suite)
    if not wanted:
        raise UsageError("suite is empty; expected a suite or a task, or several")
    outcome = run_request(
        model,
        _source(dataset, reference),
        Request(wanted, extractor, n, where, accept_licence),
        options or {},
        EvaluationOptions(Path(out), seed, batch_size, workers, fresh),
    )
    outcome.check()
    return Results(outcome.results)


def _source(
    dataset: Dataset | str | Path | None, reference: ReferenceFile | str | Path | None
) -> Dataset | str | Path | ReferenceFile:
    """What is compared with: the one of the two that is given."""
    if dataset is not None and reference is None:
        return dataset
    if reference is not None and dataset is None:
        if isinstance(reference, ReferenceFile):
            return reference
        return ReferenceFile(Path(reference))
    raise UsageError("expected a dataset, or a file of its statistics as reference: one of them")


def compare(
    a: str | Path,
    b: str | Path,
    *,
    size: int | None = None,
    metrics: str | Sequence[str] = ("frechet", "kid", "precision-recall"),
    extractor: str = "builtin",
    out: str | Path = "results",
    device: str | None = None,
) -> Results:
    """How far the images of folder `b` are from those of folder `a`, whatever their sizes.

    Centre squares of whole images, shrunk to one size, all of `a` as the reference; no dataset has
    to be made first.

    Args:
        a: folder of images, the reference.
        b: folder of images.
        size: side that images are shrunk to, px; by default the largest power of two that nine
            in ten images of both folders hold.
        metrics: a name or id, or several.
        extractor: its spec.
        out: folder of the records.
        device: of the extractor.

    Raises:
        UsageError: a folder has no images, or too few for the metrics.
    """
    named = (metrics,) if isinstance(metrics, str) else metrics
    if not named:
        raise UsageError("metrics is empty; expected a name or several")
    size = whole_number_or_none("size", size, 1)
    outcome = compare_folders(
        a, b, size=size, metrics=named, extractor=extractor, out=out, device=device
    )
    outcome.check()
    return Results(outcome.results)


def compare_folders(
    a: str | Path,
    b: str | Path,
    *,
    size: int | None,
    metrics: Sequence[str],
    extractor: str,
    out: str | Path,
    device: str | None,
) -> EvaluationOutcome:
    """`compare`, with the metrics that have no number beside those that have one.

    Raises:
        UsageError: a folder has no images, or too few.
    """
    reference, other = folder(str(a)), folder(str(b))
    data = replace(reference.images, id=reference.images.id.replace(":", "-"))  # ":half" is a part
    protocol = protocol_from(
        f"anyres-full{size or _common_side([data, other.images])}-noflip-centre"
    )
    n = min(len(data.manifest), protocol.n_drawn(other.images.manifest))
    found = [metric_from(one) for one in metrics]
    if of_three := [metric.id for metric in found if needs_held_out(metric)]:
        raise UsageError(
            f"{of_three[0]} also looks at images that the reference does not hold, and all of {a} "
            f"is the reference here: `collect folder` {a}, and evaluate folder:{b} on its half"
        )
    queries = [TaskQuery(protocol.id, metric.id, data.id, n=n) for metric in found]
    request = Request((), extractor, n, device or str(distributed.device()))
    tasks, extractors = plan_tasks(data, request, queries)
    plan = EvaluationPlan(
        model=other,
        spec=f"folder:{b}",
        dataset=data,
        tasks=tasks,
        extractors=extractors,
        out=Path(out),
    )
    with distributed.joined():
        return run_plan(plan)


def _common_side(folders: Sequence[Dataset]) -> int:
    """The largest power of two, 32 to 1024 px, that nine in ten images of each folder hold."""
    sides = [sorted(image.size.shorter for image in folder.manifest) for folder in folders]
    least = min(values[len(values) // 10] for values in sides)
    side = 1 << max(least.bit_length() - 1, 0)
    if side < 32:
        raise UsageError(
            f"most images have a side of {least} px; 32 px are the least that can be compared"
        )
    return min(side, 1024)
