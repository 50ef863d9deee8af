"""From what people ask for to complete tasks and the extractors that they need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from anyres_bench.core.errors import UsageError, WeightsError
from anyres_bench.core.reporting import say
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import EvalProtocol, protocol_from
from anyres_bench.data.splits import HALF, reference_and_held_out
from anyres_bench.evaluation.queries import TaskQuery, on_half
from anyres_bench.evaluation.suites import is_suite, suite
from anyres_bench.features.extractor import EXTRACTORS, FeatureExtractor, extractor_from
from anyres_bench.fetching.weights import MissingWeightsError
from anyres_bench.metrics.metric import (
    Metric,
    least_rows,
    metric_from,
    needs_held_out,
    own_extractor,
    reads_answers,
    strata_kind,
)
from anyres_bench.results import Task

DEFAULT_EXTRACTOR = "builtin"
DEFAULT_N = 1000


@dataclass(frozen=True)
class Request:
    """What to measure, with what stands in where a task leaves a part open.

    Attributes:
        wanted: suites and tasks, in any form that `TaskQuery.parse` reads.
        extractor: its spec; None is what the task proposes, else the built-in one.
        n: number of fakes; None is what the task proposes, else at most 1000.
        device: where extractors run.
        accept_licence: whether the licence of downloaded weights is accepted.
        kind: the published dataset that this one is, for the paper's suite; None goes by its
            recipe.
    """

    wanted: Sequence[str]
    extractor: str | None = None
    n: int | None = None
    device: str = "cpu"
    accept_licence: bool = False
    kind: str | None = None


def read_request(dataset: Dataset, request: Request) -> list[TaskQuery]:
    """What is requested of a dataset, everything filled in but the extractor.

    Raises:
        UnknownNameError: no such suite, protocol or metric; the nearest is suggested.
        DatasetError: the images are too small.
    """
    queries = []
    for query in _queries(dataset, request):
        n = query.n or request.n or query.default_n or DEFAULT_N
        if query.n is None and request.n is None:
            n = _at_most(n, query, dataset)
        queries.append(replace(query, dataset=query.dataset or _part(query, dataset), n=n))
    return queries


def plan_tasks(
    dataset: Dataset,
    request: Request,
    queries: Sequence[TaskQuery] | None = None,
    built: dict[str, FeatureExtractor] | None = None,
) -> tuple[list[Task], dict[str, FeatureExtractor]]:
    """The tasks of a request on a dataset, each once, and their extractors by id.

    Args:
        dataset: where the reference comes from.
        request: which tasks.
        queries: what `read_request` made of it; by default it is read here.
        built: extractors by spec that are there already; those that are built join them.

    Raises:
        UnknownNameError: no such suite, protocol, metric or extractor; the nearest is suggested.
        UsageError: a task is about another dataset, or a metric does not fit its extractor.
        DatasetError: the images are too small.
        WeightsError: an extractor needs weights that cannot be had.
    """
    built = {} if built is None else built
    tasks, extractors = [], {}
    left_out: dict[str, str] = {}
    for query in read_request(dataset, request) if queries is None else queries:
        extractor = asked_extractor(query, request, built)
        task = replace(query, extractor=extractor.id).complete("", extractor.id, 0)
        metric = metric_from(task.metric)
        if query.optional and task.n < (least := least_rows(metric, extractor.dim)):
            left_out[task.metric] = f"{task.metric} is left out: it needs n {least} and more"
            continue
        _check_fit(task, metric, extractor)
        tasks.append(task)
        extractors[extractor.id] = extractor
    for sentence in left_out.values():
        say(sentence)
    return list(dict.fromkeys(tasks)), extractors


def _check_fit(task: Task, metric: Metric, extractor: FeatureExtractor) -> None:
    """Hold that a metric can read an extractor's numbers, and the extractor a protocol's items."""
    own = own_extractor(metric)
    head = (own or "").partition("{}")[0]
    if own and not (extractor.id.startswith(head) and _name(extractor.id) == _name(own)):
        raise UsageError(
            f"{metric.id} reads the numbers of {own.format('EXTRACTOR')} and of no other, not of "
            f"{extractor.id}: leave the extractor out"
        )
    if metric.dim not in (None, extractor.dim):
        raise UsageError(
            f"{metric.id} takes features of {metric.dim} dimensions, {extractor.id} gives "
            f"{extractor.dim}; choose another --extractor"
        )
    _check_answers(metric, extractor)
    protocol = protocol_from(task.protocol)
    if extractor.n_views != protocol.n_views:
        raise UsageError(
            f"{extractor.id} compares {extractor.n_views} views of an item, {task.protocol} "
            f"shows {protocol.n_views}; choose another --extractor"
        )
    _check_strata(metric, protocol)
    _check_held_out(metric, task)


def _check_answers(metric: Metric, extractor: FeatureExtractor) -> None:
    """Features would give a number too, which is no score; what others' extractors give they know.

    Raises:
        UsageError: the metric reads a classifier's answers, and the extractor has none.
    """
    is_ours = extractor.id.startswith(tuple(EXTRACTORS))
    if reads_answers(metric) and is_ours and "+logits" not in extractor.id:
        raise UsageError(
            f"{metric.id} reads the answers of a classifier, and {extractor.id} gives features; "
            "use --extractor inception-v3+logits_unbiased"
        )


def _name(extractor: str) -> str:
    """The registered name at the beginning of a spec or an id."""
    return re.split(r"[:+@]", extractor)[0]


def _check_strata(metric: Metric, protocol: EvalProtocol) -> None:
    wanted = strata_kind(metric)
    if wanted == protocol.kind:
        return
    if wanted:
        example = {"sizes": "ar1-patch64-min64max256", "aspects": "ar1-patch64-aspects-1mp"}[wanted]
        raise UsageError(
            f"{metric.id} is of canvases of several {wanted} and {protocol.id} is not: use a "
            f"protocol such as {example}"
        )
    summary = {"sizes": "scale", "aspects": "aspect"}[protocol.kind]
    one = next(iter(protocol.strata.values())).id
    raise UsageError(
        f"{protocol.id} is of several canvases, which are never pooled: use {summary}-{metric.id}, "
        f"or one canvas, such as {one}/{metric.id}"
    )


def _check_held_out(metric: Metric, task: Task) -> None:
    if needs_held_out(metric) and not task.dataset.endswith(f":{HALF}"):
        raise UsageError(
            f"{metric.id} also looks at images that the reference does not hold, and "
            f"{task.dataset} takes every image as reference; use tasks of "
            f"{task.dataset}:{HALF}, here {on_half(task)}"
        )


def _queries(dataset: Dataset, request: Request) -> Iterator[TaskQuery]:
    """What was asked for; a suite takes fewer whole images where there are not as many."""
    for text in request.wanted:
        if not is_suite(text):
            yield TaskQuery.parse(text)
            continue
        lowered: dict[str, int] = {}
        for query in suite(text, dataset, request.kind):
            n = _at_most(request.n, query, dataset) if request.n else None
            if n is not None and n != request.n:
                lowered[query.protocol] = n
            yield replace(query, n=n)
        for protocol, n in lowered.items():
            say(f"{protocol}: {n} fakes, not {request.n}: {dataset.id} has no more whole images")


def _part(query: TaskQuery, dataset: Dataset) -> str:
    """Which images are the reference: all for a paper's name and for pairs, else one half."""
    takes_all = query.default_n or protocol_from(query.protocol).takes_all
    return dataset.id if takes_all else f"{dataset.id}:{HALF}"


def extractor_spec(query: TaskQuery, request: Request) -> str:
    """The spec of the extractor that a query without a complete one gets."""
    proposed = query.default_extractor or DEFAULT_EXTRACTOR
    asked = proposed if request.extractor is None else request.extractor
    return query.extractor or _own_spec(query, request) or asked


def asked_extractor(
    query: TaskQuery, request: Request, built: dict[str, FeatureExtractor]
) -> FeatureExtractor:
    """The extractor of a query, built once: what was asked for under its id, or by its spec."""

    def build(spec: str) -> FeatureExtractor:
        if spec not in built:
            built[spec] = _built(spec, request)
        return built[spec]

    own = _own_spec(query, request)
    if query.extractor is None:
        return build(extractor_spec(query, request))
    for spec in (own, request.extractor, DEFAULT_EXTRACTOR):
        if spec is not None and build(spec).id == query.extractor:
            return build(spec)
    return build(query.extractor)


def _own_spec(query: TaskQuery, request: Request) -> str | None:
    """The spec for a metric that reads one extractor only: what was asked for if it is that one."""
    own = own_extractor(metric_from(query.metric))
    asked = DEFAULT_EXTRACTOR if request.extractor is None else request.extractor
    if own is None or _name(asked) == _name(own):
        return own and asked
    return own.format(asked)


def _built(spec: str, request: Request) -> FeatureExtractor:
    try:
        return extractor_from(spec, device=request.device, accept_licence=request.accept_licence)
    except MissingWeightsError:
        raise
    except WeightsError as error:
        raise WeightsError(
            f"{error}\n  without  --extractor {DEFAULT_EXTRACTOR} needs no download; its distances "
            "are no FID, and its tasks have other ids"
        ) from error


def _at_most(n: int, query: TaskQuery, dataset: Dataset) -> int:
    """n, or as many different whole images as the smaller side of a split has.

    The whole images of `real` and its kin are the held-out ones, and all models share one task.
    """
    protocol = protocol_from(query.protocol)
    if not protocol.whole or query.default_n:
        return n
    part = query.dataset or _part(query, dataset)
    reference, held_out = reference_and_held_out(dataset, part, protocol)
    shown = [protocol.n_drawn(held_out.manifest)] if held_out else []
    return min(n, protocol.n_items(reference.manifest), *shown)
