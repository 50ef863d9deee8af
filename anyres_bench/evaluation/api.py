"""What Python users call first: `evaluate`, `compare`; the rest is in the rooms below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError
from anyres_bench.core.reporting import say
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.evaluate import (
    EvaluationOutcome,
    EvaluationPlan,
    check_samples,
    run_plan,
)
from anyres_bench.evaluation.forecast import forecast
from anyres_bench.evaluation.requests import Request, extractor_spec, plan_tasks, read_request
from anyres_bench.evaluation.suites import SUITES
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.fetching.weights import MissingWeightsError, WeightFile, nothing_fetched
from anyres_bench.models.adapters import Pipeline
from anyres_bench.models.controls import HeldOut, folder
from anyres_bench.models.generator import Generator
from anyres_bench.models.loading import resolve
from anyres_bench.results import Result, Task, to_frame

if TYPE_CHECKING:
    import pandas as pd

_MEMBERS = "id, native, canvases, latents and sample"


class Results(list[Result]):
    """Results of one call; a list with a table."""

    def to_frame(self) -> pd.DataFrame:
        """One row a value: model, task, value, interval."""
        return to_frame(self)


def evaluate(
    model: Any,
    dataset: Dataset | str | Path,
    suite: str | Sequence[str] = "quick",
    *,
    extractor: str | None = None,
    n: int | None = None,
    seed: int = 0,
    out: str | Path = "results",
    device: str | None = None,
    options: Mapping[str, str] | None = None,
    batch_size: int = 16,
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
        suite: "quick", "paper", a task, or a list of these.
        extractor, n, seed, batch_size, workers, accept_licence: as the command has them.
        out: folder of the records; what is there already is not measured again.
        device: of the model and the extractors, as torch names it; by default an accelerator.
        options: of a model that is given by its spec.
        fresh: compute again what is there already, features included.

    Raises:
        MetricError: some tasks have no number; the others are written.
        UsageError, DataError, ModelError: as for the command.
    """
    where = device or str(distributed.device())
    wanted = (suite,) if isinstance(suite, str) else tuple(suite)
    outcome = run_request(
        model,
        dataset,
        Request(wanted, extractor, n, where, accept_licence),
        options or {},
        out=Path(out),
        seed=seed,
        batch_size=batch_size,
        n_workers=workers,
        fresh=fresh,
    )
    outcome.check()
    return Results(outcome.results)


def run_request(
    model: Any,
    dataset: Dataset | str | Path,
    request: Request,
    options: Mapping[str, str],
    *,
    out: Path,
    seed: int,
    batch_size: int,
    n_workers: int,
    fresh: bool = False,
) -> EvaluationOutcome:
    """Measure what is requested, on this process or, under `torchrun`, on all.

    Args:
        model, dataset, options: see `evaluate`.
        request: which tasks, on which device.
        out, seed, batch_size, n_workers, fresh: see `EvaluationPlan`.

    Returns:
        Results, which are written, and failures; on the first process all of them.

    Raises:
        UsageError, DataError, ModelError: nothing can be measured.
    """
    # Dataset, tasks and model first: weights of extractors are asked for when all else is well.
    data = dataset if isinstance(dataset, Dataset) else Dataset.read(Path(dataset))
    queries = read_request(data, request)
    generator, spec = _generator(model, options, request.device, request.accept_licence)
    check_samples(generator, data, [query.complete("", "", 0) for query in queries], seed)
    tasks, extractors = plan_tasks(data, request, queries)
    if set(request.wanted) & set(SUITES):
        say("\n".join(["the suite's tasks here:", *(f"  {task.id}" for task in tasks)]))
    plan = EvaluationPlan(
        model=generator,
        spec=spec,
        dataset=data,
        tasks=tasks,
        extractors=extractors,
        out=out,
        seed=seed,
        batch_size=batch_size,
        n_workers=n_workers,
        fresh=fresh,
    )
    with distributed.joined():
        outcome = run_plan(plan)
    if outcome.kept:
        say(
            f"{len(outcome.kept)} of {len(tasks)} tasks were measured before and are kept as they "
            "were; --fresh measures them again"
        )
    return outcome


def forecast_request(
    model: Any,
    dataset: Dataset | str | Path,
    request: Request,
    options: Mapping[str, str],
    *,
    out: Path,
    seed: int,
    batch_size: int,
    n_workers: int,
    fresh: bool = False,
) -> str:
    """What `run_request` would do and take, in words; nothing is written or fetched.

    Raises:
        MissingWeightsError: the model's own weights are not here.
        UsageError, DataError, ModelError: nothing could be measured.
    """
    data = dataset if isinstance(dataset, Dataset) else Dataset.read(Path(dataset))
    queries = read_request(data, request)
    plans: list[tuple[list[Task], dict[str, FeatureExtractor]]] = []
    downloads: dict[str, WeightFile] = {}
    waiting, built = [], dict[str, FeatureExtractor]()
    with nothing_fetched():
        generator, spec = _generator(model, options, request.device, request.accept_licence)
        check_samples(generator, data, [query.complete("", "", 0) for query in queries], seed)
        for query in queries:
            try:
                plans.append(plan_tasks(data, request, [query], built))
            except MissingWeightsError as error:
                downloads[error.weights.name] = error.weights
                waiting.append(query.complete("", extractor_spec(query, request), 0).id)
    plan = EvaluationPlan(
        model=generator,
        spec=spec,
        dataset=data,
        tasks=list(dict.fromkeys(task for tasks, _ in plans for task in tasks)),
        extractors={name: one for _, found in plans for name, one in found.items()},
        out=out,
        seed=seed,
        batch_size=batch_size,
        n_workers=n_workers,
        fresh=fresh,
    )
    return forecast(plan, request.device, waiting, list(downloads.values())).text()


def _generator(
    model: Any, options: Mapping[str, str], device: str, accept_licence: bool
) -> tuple[Generator | HeldOut, str]:
    """What renders, and how it was asked for."""
    if isinstance(model, str | Path):
        spec = str(model)
        return resolve(spec, options, device=device, accept_licence=accept_licence), spec
    if options:
        raise UsageError("options are of a model given by its spec; make the generator with them")
    if isinstance(model, Generator | HeldOut):
        return model, f"python:{model.id}"
    if hasattr(model, "state_dict"):
        raise UsageError(
            f"a {type(model).__name__} alone does not say what its latents and sizes are; wrap it: "
            "anyres_bench.FixedSize(module, size, z_dim=...)"
        )
    if callable(model):
        made = Pipeline(model)
        return made, f"python:{made.id}"
    raise UsageError(
        f"a {type(model).__name__} is no spec, path, generator ({_MEMBERS}) or function of a seed "
        "and a size; see docs/your_model.md"
    )


def compare(
    a: str | Path,
    b: str | Path,
    *,
    size: int | None = None,
    metrics: Sequence[str] = ("frechet", "kid", "precision-recall"),
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
        metrics: names or ids.
        extractor: its spec.
        out: folder of the records.
        device: of the extractor.

    Raises:
        UsageError: a folder has no images, or too few for the metrics.
    """
    reference, other = folder(str(a)), folder(str(b))
    side = size or _common_side([reference.images, other.images])
    where = device or str(distributed.device())
    n = min(len(reference.images.manifest), len(other.images.manifest))
    data = reference.images
    tasks = [f"{data.id}/anyres-full{side}-noflip-centre/{metric}" for metric in metrics]
    complete, extractors = plan_tasks(data, Request(tuple(tasks), extractor, n, where))
    plan = EvaluationPlan(
        model=other,
        spec=f"folder:{b}",
        dataset=data,
        tasks=complete,
        extractors=extractors,
        out=Path(out),
    )
    with distributed.joined():
        outcome = run_plan(plan)
    outcome.check()
    return Results(outcome.results)


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
