"""A submission rendered again: pictures and a seeded part of its features, made here, compared.

`check` shows that numbers follow from features; this shows that features and pictures follow from
the model, and moments where every row is made again. It needs the model and the images.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import AnyresBenchError, DataError, UsageError
from anyres_bench.core.factories import is_factory
from anyres_bench.core.reporting import tracked
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.evaluate import EvaluationPlan, comparisons
from anyres_bench.evaluation.requests import Request, plan_tasks
from anyres_bench.evaluation.sample_sets import SampleSet
from anyres_bench.evaluation.strata import states_of
from anyres_bench.features.extractor import EXTRACTORS, FeatureExtractor
from anyres_bench.leaderboard.checks import check
from anyres_bench.leaderboard.comparing import (
    RowDraw,
    compare_features,
    compare_moments,
    compare_pictures,
)
from anyres_bench.leaderboard.feature_files import feature_stem
from anyres_bench.leaderboard.moment_files import moment_stem
from anyres_bench.leaderboard.rules import NotSaid, Verdict
from anyres_bench.leaderboard.submission import FEATURES, MOMENTS, SAMPLES
from anyres_bench.models.loading import resolve
from anyres_bench.results import Result, Task

# What a record may name by itself: nothing that reads a file of this machine or runs code on it.
_MODELS = ("constant", "houses", "real", "resample", "scenes")

_PARTS = (
    ("features", feature_stem, compare_features),
    ("moments", moment_stem, compare_moments),
)


@dataclass(frozen=True)
class VerifyRequest:
    """What a submission is held against.

    Attributes:
        dataset: folder of the images.
        device: of model and extractors.
        model: its spec here; None is the spec of the records.
        options: of the model.
        fraction: of the rows of every set of features; pictures are few and all compared.
        seed: of the draw.
        accept_licence: of downloaded weights.
    """

    dataset: Path
    device: str
    options: Mapping[str, str]
    model: str | None = None
    fraction: float = 0.05
    seed: int = 0
    accept_licence: bool = False


def verify(folder: Path, request: VerifyRequest) -> list[Verdict]:
    """A verdict on the folder as `check` gives it, then one a set of features and a picture.

    Raises:
        DataError: there is no such folder, or an extractor is code of whoever submitted.
        UsageError, ModelError: the model or an extractor cannot be had.
    """
    checked = check(folder)
    bad = [verdict for verdict in checked.verdicts if verdict.state == "failed"]
    if bad or checked.submission is None:
        return [Verdict("check", "failed", "; ".join(f"{one.rule}: {one.said}" for one in bad))]
    verdicts = [Verdict("check", "ok", f"{len(checked.verdicts)} rules hold, {checked.tier}")]
    inside, names = Enclosure(folder), sorted(checked.submission.files)
    dataset = Dataset.read(request.dataset)
    compared: set[str] = set()
    for records in _by_seed(checked.records).values():
        for samples, extractors in tracked(
            list(_sample_sets(records, dataset, request)), "rendering again", "set"
        ):
            verdicts += _sets(inside, names, records, (samples, extractors), request, compared)
    part = [n for n in names if n.startswith((f"{FEATURES}/", f"{MOMENTS}/", f"{SAMPLES}/"))]
    if all(verdict.state == "not said" for verdict in verdicts[1:]):
        said = "nothing of it was made again: it encloses neither features nor pictures"
        verdicts.append(Verdict("compared", "failed", said))
    if untouched := [name for name in part if name not in compared]:
        said = f"{len(untouched)} files are of no samples that are made here"
        verdicts.append(Verdict("compared", "failed", f"{said}, such as {untouched[0]}"))
    return verdicts


def _by_seed(records: Sequence[Result]) -> dict[int, list[Result]]:
    found: dict[int, list[Result]] = {}
    for record in records:
        found.setdefault(record.seed, []).append(record)
    return found


def _sample_sets(
    records: Sequence[Result], dataset: Dataset, request: VerifyRequest
) -> Iterator[tuple[SampleSet, Mapping[str, FeatureExtractor]]]:
    """Every set of samples that the records look at, as it is made here."""
    first = records[0]
    for record in records:
        _refuse_code(record.extractor.id)
        _refuse_code(Task.parse(record.task).extractor)
    model = resolve(
        request.model or _own_spec(first.model.spec),
        request.options,
        device=request.device,
        accept_licence=request.accept_licence,
    )
    asked = Request(
        [record.task for record in records],
        device=request.device,
        accept_licence=request.accept_licence,
    )
    tasks, extractors = plan_tasks(dataset, asked)
    plan = EvaluationPlan(
        model=model,
        spec="",
        dataset=dataset,
        tasks=tasks,
        extractors=extractors,
        out=Path(),
        seed=first.seed,
    )
    for comparison, some in comparisons(plan):
        yield from comparison.sides(some).values()


def _own_spec(spec: str) -> str:
    """The spec of a record where this machine may follow it.

    Raises:
        UsageError: it is a file, a folder, code, or a model that is built on one.
    """
    if spec.partition(":")[0] in _MODELS:
        return spec
    raise UsageError(
        f"the records say that the model was {spec[:200]!r}, which somebody typed elsewhere; say "
        "with --model which model it is here"
    )


def _refuse_code(extractor: str) -> None:
    """Hold that an extractor's id asks for no code or file of this machine.

    Raises:
        DataError: it does.
    """
    parts = extractor.split(":")
    ends = [":".join(parts[start:]) for start in range(len(parts))]
    if "@file:" in extractor or any(
        is_factory(end) and end.partition(":")[0] not in EXTRACTORS for end in ends
    ):
        raise DataError(
            f"extractor {extractor[:200]!r} is a file or code of whoever submitted; nothing that "
            "was received is run"
        )


def _sets(
    inside: Enclosure,
    names: Sequence[str],
    records: Sequence[Result],
    made: tuple[SampleSet, Mapping[str, FeatureExtractor]],
    request: VerifyRequest,
    compared: set[str],
) -> Iterator[Verdict]:
    """Verdicts on what is enclosed of one set of samples."""
    samples, extractors = made
    what = f"{samples.key['protocol']}, {samples.side}"
    if strange := _strange_key(samples, records):
        yield Verdict(what, "failed", strange)
        return
    for name, extractor in extractors.items():
        for part, stem, compare in _PARTS:
            files = [file for file in names if file.startswith(stem(samples.key, name))]
            if files and not set(files) <= compared:
                compared.update(files)
                draw = RowDraw(request.fraction, request.seed)
                look = functools.partial(compare, inside, files, samples, extractor, draw)
                yield _tried(f"{part}, {what}, {name}", look)
    picture = f"{SAMPLES}/{samples.key['protocol']}.png"
    if picture in names and picture not in compared and _shown(samples, records):
        compared.add(picture)
        look = functools.partial(compare_pictures, inside, picture, samples)
        yield _tried(f"pictures, {what}", look)


def _shown(samples: SampleSet, records: Sequence[Result]) -> bool:
    """Whether these are the samples of the model, whose pictures a submission holds."""
    fakes = [state for record in records for state in states_of(record, "fake")]
    return any(dict(state.key) == dict(samples.key) for state in fakes)


def _strange_key(samples: SampleSet, records: Sequence[Result]) -> str:
    """Why no record is of these samples; empty where one is."""
    key = dict(samples.key)
    states = [
        dict(state.key)
        for record in records
        for state in record.states.values()
        if state.key.get("protocol") == key["protocol"] and state.key.get("side") == key["side"]
    ]
    if key in states or not states:
        return ""
    apart = [
        f"{name}: {states[0].get(name)!r:.80} submitted, {key.get(name)!r:.80} here"
        for name in sorted(key.keys() | states[0].keys())
        if states[0].get(name) != key.get(name)
    ]
    return f"other samples than those submitted: {'; '.join(apart)}"


def _tried(rule: str, look: Callable[[], str]) -> Verdict:
    try:
        return Verdict(rule, "ok", look())
    except NotSaid as why:
        return Verdict(rule, "not said", str(why))
    except (AnyresBenchError, OSError) as error:
        return Verdict(rule, "failed", str(error))
