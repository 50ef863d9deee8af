"""From a request to results: `run_request`, or what that would take: `forecast_request`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError
from anyres_bench.core.reporting import say
from anyres_bench.core.seeds import checked_seed
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.against_files import ReferencePlan, evaluate_against
from anyres_bench.evaluation.evaluate import (
    EvaluationOutcome,
    EvaluationPlan,
    check_samples,
    run_plan,
)
from anyres_bench.evaluation.forecast import forecast
from anyres_bench.evaluation.queries import TaskQuery
from anyres_bench.evaluation.recipes import EvaluationRecipe
from anyres_bench.evaluation.reference_plans import ReferenceFile, plan_against
from anyres_bench.evaluation.requests import Request, extractor_spec, plan_tasks, read_request
from anyres_bench.evaluation.specs import KeptSpec, keep_specs
from anyres_bench.evaluation.suites import SUITES
from anyres_bench.features.extractor import FeatureExtractor, extractor_from
from anyres_bench.features.reference_files import read_reference
from anyres_bench.fetching.weights import MissingWeightsError, WeightFile, nothing_fetched
from anyres_bench.models.adapters import Pipeline
from anyres_bench.models.controls import HeldOut
from anyres_bench.models.fingerprints import as_it_is_now
from anyres_bench.models.generator import Generator, check_members
from anyres_bench.models.loading import resolve
from anyres_bench.results import Task, unsealed_remark

_MEMBERS = "id, native, canvases, latents and sample"
Planned = tuple[list[Task], dict[str, FeatureExtractor]]


@dataclass(frozen=True)
class EvaluationOptions:
    """How an evaluation is done, apart from what it measures.

    Attributes:
        out: folder of the records.
        seed: of windows and latents.
        batch_size: of rendered images; None: 16, or 32 for networks on a GPU.
        n_workers: threads that decode images.
        fresh: compute again what is there already, features included.
    """

    out: Path
    seed: int = 0
    batch_size: int | None = None
    n_workers: int = 2
    fresh: bool = False

    def __post_init__(self) -> None:
        checked_seed(self.seed)


def run_request(
    model: Any,
    source: Dataset | str | Path | ReferenceFile,
    request: Request,
    options: Mapping[str, str],
    how: EvaluationOptions,
    recipe: EvaluationRecipe | None = None,
) -> EvaluationOutcome:
    """Measure what is requested, on this process or, under `torchrun`, on all.

    Args:
        model, options: a spec, generator or function of (seed, size), and the options of a spec;
            None is the recipe's own model.
        source: a dataset, its folder, or a file of reference statistics.
        request: which tasks, on which device.
        how: folder of the records, seed, and the like.
        recipe: measured in the place of what the request wants, by the recipe's seed.

    Returns:
        Results, which are written, and failures; on the first process all of them.

    Raises:
        UsageError, DataError, ModelError: nothing can be measured.
    """
    if model is None and recipe is not None:
        options = {**recipe.model.options, **options}
    # A model may change the current folder while it draws.
    how = replace(how, out=how.out.absolute(), seed=recipe.seed if recipe else how.seed)
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
        say(unsealed_remark(how.out, outcome.n_unsealed))
    return outcome


def _on_images(
    model: Any,
    source: Dataset | str | Path,
    request: Request,
    options: Mapping[str, str],
    how: EvaluationOptions,
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
    check_samples(generator, data, _views(queries, request), how.seed)
    built: dict[str, FeatureExtractor] = {}
    tasks, extractors = _planned(
        lambda asked: plan_tasks(data, asked, queries if asked is request else None, built),
        request,
        recipe,
        built,
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
    return _with_specs(outcome, spec, options, built)


def _against(
    model: Any,
    file: ReferenceFile,
    request: Request,
    options: Mapping[str, str],
    how: EvaluationOptions,
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
    return _with_specs(outcome, spec, options, built)


def _with_specs(
    outcome: EvaluationOutcome,
    spec: str,
    options: Mapping[str, str],
    built: Mapping[str, FeatureExtractor],
) -> EvaluationOutcome:
    """An outcome that knows what was typed, which is kept for the recipe of a submission."""
    extractors = {one.id: asked for asked, one in built.items()}
    models = {result.model.id for result in outcome.results}
    keep_specs([KeptSpec(name, spec, options) for name in models], extractors)
    return replace(outcome, extractors=extractors)


def _views(queries: Sequence[TaskQuery], request: Request) -> list[Task]:
    """What the queries look at; of extractors, those that a paper's name proposes."""
    return [
        query.complete("", "" if request.extractor else query.default_extractor or "", 0)
        for query in queries
    ]


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
    how: EvaluationOptions,
) -> str:
    """What `run_request` would do and take, in words; nothing is written or fetched.

    Raises:
        MissingWeightsError: the model's own weights are not here.
        UsageError, DataError, ModelError: nothing could be measured.
    """
    data = dataset if isinstance(dataset, Dataset) else Dataset.read(Path(dataset))
    queries = read_request(data, request)
    plans: list[Planned] = []
    downloads: dict[str, WeightFile] = {}
    waiting, built = [], dict[str, FeatureExtractor]()
    with nothing_fetched():
        generator, spec = _generator(model, options, request.device, request.accept_licence)
        check_samples(generator, data, _views(queries, request), how.seed)
        for spec_of, alike in _by_extractor(queries, request).items():
            try:
                plans.append(plan_tasks(data, request, alike, built))
            except MissingWeightsError as error:
                downloads[error.weights.name] = error.weights
                waiting += [query.complete("", spec_of, 0).id for query in alike]
    plan = EvaluationPlan(
        model=generator,
        spec=spec,
        dataset=data,
        tasks=list(dict.fromkeys(task for tasks, _ in plans for task in tasks)),
        extractors={name: one for _, found in plans for name, one in found.items()},
        out=how.out,
        seed=how.seed,
        batch_size=how.batch_size,
        n_workers=how.n_workers,
        fresh=how.fresh,
    )
    return forecast(plan, request.device, waiting, list(downloads.values())).text()


def _by_extractor(queries: Sequence[TaskQuery], request: Request) -> dict[str, list[TaskQuery]]:
    """Queries by the spec of their extractor, whose weights all of them have or none."""
    found: dict[str, list[TaskQuery]] = {}
    for query in queries:
        found.setdefault(extractor_spec(query, request), []).append(query)
    return found


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
        if isinstance(model, Generator):
            check_members(type(model).__name__, model)
        made = as_it_is_now(model)
        return made, f"python:{made.id}"
    if hasattr(model, "state_dict"):
        raise UsageError(
            f"a {type(model).__name__} alone does not say what its latents and sizes are; wrap it: "
            "anyres_bench.FixedSize(module, size, z_dim=...)"
        )
    if callable(model):
        made = as_it_is_now(Pipeline(model))
        return made, f"python:{made.id}"
    raise UsageError(
        f"a {type(model).__name__} is no spec, path, generator ({_MEMBERS}) or function of a seed "
        "and a size; see docs/your_model.md"
    )
