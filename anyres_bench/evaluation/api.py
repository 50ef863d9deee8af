"""What Python users call first: `evaluate`, `compare`; the rest is in the rooms below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError
from anyres_bench.core.reporting import say
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.against_files import ReferencePlan, evaluate_against
from anyres_bench.evaluation.evaluate import (
    EvaluationOutcome,
    EvaluationPlan,
    check_samples,
    run_plan,
)
from anyres_bench.evaluation.forecast import forecast
from anyres_bench.evaluation.recipes import EvaluationRecipe
from anyres_bench.evaluation.reference_plans import ReferenceFile, plan_against
from anyres_bench.evaluation.requests import Request, extractor_spec, plan_tasks, read_request
from anyres_bench.evaluation.suites import SUITES
from anyres_bench.features.extractor import FeatureExtractor, extractor_from
from anyres_bench.features.reference_files import read_reference
from anyres_bench.fetching.weights import MissingWeightsError, WeightFile, nothing_fetched
from anyres_bench.models.adapters import Pipeline
from anyres_bench.models.controls import HeldOut, folder
from anyres_bench.models.generator import Generator
from anyres_bench.models.loading import resolve
from anyres_bench.results import Result, Task, to_frame, unsealed_remark

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
    where = device or str(distributed.device())
    wanted = (suite,) if isinstance(suite, str) else tuple(suite)
    request = Request(wanted, extractor, n, where, accept_licence)
    outcome = run_request(
        model,
        _source(dataset, reference),
        request,
        options or {},
        out=Path(out),
        seed=seed,
        batch_size=batch_size,
        n_workers=workers,
        fresh=fresh,
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


def run_request(
    model: Any,
    source: Dataset | str | Path | ReferenceFile,
    request: Request,
    options: Mapping[str, str],
    *,
    out: Path,
    seed: int,
    batch_size: int,
    n_workers: int,
    fresh: bool = False,
    recipe: EvaluationRecipe | None = None,
) -> EvaluationOutcome:
    """Measure what is requested, on this process or, under `torchrun`, on all.

    Args:
        model, options: see `evaluate`; None is the recipe's own model.
        source: a dataset, its folder, or a file of reference statistics.
        request: which tasks, on which device.
        out, seed, batch_size, n_workers, fresh: see `EvaluationPlan`.
        recipe: measured in the place of what the request wants, by the recipe's seed.

    Returns:
        Results, which are written, and failures; on the first process all of them.

    Raises:
        UsageError, DataError, ModelError: nothing can be measured.
    """
    if model is None and recipe is not None:
        options = {**recipe.model.options, **options}
    how = _How(out, seed if recipe is None else recipe.seed, batch_size, n_workers, fresh)
    if isinstance(source, ReferenceFile):
        outcome = _against(model, source, request, options, how, recipe)
    else:
        outcome = _on_images(model, source, request, options, how, recipe)
    for remark in recipe.remarks(outcome.results) if recipe else ():
        say(remark)
    if outcome.kept:
        say(
            f"{len(outcome.kept)} of {len(outcome.results) + len(outcome.failures)} tasks were "
            "measured before and are kept as they were; --fresh measures them again"
        )
    if outcome.n_unsealed:
        say(unsealed_remark(out, outcome.n_unsealed))
    return outcome


@dataclass(frozen=True)
class _How:
    """What `run_request` hands on to a plan as it is."""

    out: Path
    seed: int
    batch_size: int
    n_workers: int
    fresh: bool


def _on_images(
    model: Any,
    source: Dataset | str | Path,
    request: Request,
    options: Mapping[str, str],
    how: _How,
    recipe: EvaluationRecipe | None,
) -> EvaluationOutcome:
    """`run_request` on a dataset."""
    # Dataset, tasks and model first: weights of extractors are asked for when all else is well.
    data = source if isinstance(source, Dataset) else Dataset.read(Path(source))
    if recipe is not None:
        recipe.check_images(data.id, data.digest)
        request = replace(request, wanted=recipe.tasks, n=None)
    queries = read_request(data, request)
    generator, spec = _asked_model(model, options, request, recipe)
    check_samples(generator, data, [query.complete("", "", 0) for query in queries], how.seed)
    built: dict[str, FeatureExtractor] = {}
    tasks, extractors = _planned(
        lambda asked: plan_tasks(data, asked, built=built), request, recipe, built
    )
    if set(request.wanted) & set(SUITES):
        say("\n".join(["the suite's tasks here:", *(f"  {task.id}" for task in tasks)]))
    plan = EvaluationPlan(
        model=generator,
        spec=spec,
        dataset=data,
        tasks=tasks,
        extractors=extractors,
        out=how.out,
        seed=how.seed,
        batch_size=how.batch_size,
        n_workers=how.n_workers,
        fresh=how.fresh,
    )
    with distributed.joined():
        outcome = run_plan(plan)
    return replace(outcome, extractors={one.id: spec for spec, one in built.items()})


def _against(
    model: Any,
    file: ReferenceFile,
    request: Request,
    options: Mapping[str, str],
    how: _How,
    recipe: EvaluationRecipe | None,
) -> EvaluationOutcome:
    """`run_request` against a file."""
    reference = read_reference(file.path, file.n)
    if recipe is not None and reference.origin is not None:
        recipe.check_images(str(file.path), reference.origin.dataset.digest)
    generator, spec = _asked_model(model, options, request, recipe)
    if isinstance(generator, HeldOut):
        raise UsageError(
            f"{generator.id} shows images that the reference does not hold, and a file of "
            "statistics leaves none; use --dataset, or folder:PATH"
        )
    built: dict[str, FeatureExtractor] = {}
    tasks, extractors = _planned(
        lambda asked: plan_against(reference, asked, how.seed, file.part, built),
        request,
        recipe,
        built,
    )
    plan = ReferencePlan(
        model=generator,
        spec=spec,
        reference=reference,
        part=file.part,
        tasks=tasks,
        extractors=extractors,
        out=how.out,
        seed=how.seed,
        batch_size=how.batch_size,
        fresh=how.fresh,
    )
    with distributed.joined():
        outcome = evaluate_against(plan)
    return replace(outcome, extractors={one.id: spec for spec, one in built.items()})


Planned = tuple[list[Task], dict[str, FeatureExtractor]]


def _planned(
    plan: Callable[[Request], Planned],
    request: Request,
    recipe: EvaluationRecipe | None,
    built: dict[str, FeatureExtractor],
) -> Planned:
    """The tasks of a request; those of a recipe, extractor by extractor, in its place."""
    if recipe is None:
        return plan(request)
    tasks: list[Task] = []
    extractors: dict[str, FeatureExtractor] = {}
    for name, spec in recipe.extractors.items():
        built[spec] = extractor_from(
            spec, device=request.device, accept_licence=request.accept_licence
        )
        recipe.check_extractor(name, built[spec].id)
        wanted = recipe.tasks_of(name)
        found, also = plan(replace(request, wanted=wanted, extractor=spec, n=None))
        tasks += found
        extractors |= also
    return tasks, extractors


def _asked_model(
    model: Any,
    options: Mapping[str, str],
    request: Request,
    recipe: EvaluationRecipe | None,
) -> tuple[Generator | HeldOut, str]:
    """What renders, and its spec: the model that was named, or the recipe's, unchanged."""
    own = recipe if model is None else None
    asked = own.model.spec if own is not None else model
    generator, spec = _generator(asked, options, request.device, request.accept_licence)
    if own is not None:
        own.check_model(generator.id)
    return generator, spec


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
