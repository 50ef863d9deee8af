"""A submission rendered again: pictures and a seeded part of its features, made here, compared.

`check` shows that numbers follow from features; this shows that features and pictures follow from
the model. It needs the model and the images.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import AnyresBenchError, DataError, UsageError
from anyres_bench.core.factories import is_factory
from anyres_bench.core.reporting import tracked
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.evaluate import EvaluationPlan, comparisons
from anyres_bench.evaluation.report_samples import free_row
from anyres_bench.evaluation.requests import Request, plan_tasks
from anyres_bench.evaluation.sample_sets import N_SHOWN, SampleSet
from anyres_bench.evaluation.strata import states_of
from anyres_bench.features.extractor import EXTRACTORS, FeatureExtractor
from anyres_bench.features.stats import FeatureBank
from anyres_bench.leaderboard.checks import Verdict, check
from anyres_bench.leaderboard.feature_files import feature_stem, read_features
from anyres_bench.leaderboard.submission import FEATURES, SAMPLES
from anyres_bench.models.loading import resolve
from anyres_bench.results import Result, Task

if TYPE_CHECKING:
    from torch import Tensor

_BATCH = 16
# What a record may name by itself: nothing that reads a file of this machine or runs code on it.
_MODELS = ("constant", "houses", "real", "resample", "scenes")
_SPREAD = 0.01  # of features: how far a row may move on another processor, root mean square
_HALF = 2.0**-10  # relative rounding of float16, with room
_LEVELS, _MOST_LEVELS, _SHARE = 2, 8, 0.999  # of 8-bit values of pictures


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
    part = [name for name in names if name.startswith((f"{FEATURES}/", f"{SAMPLES}/"))]
    if not part:
        verdicts.append(Verdict("compared", "failed", "neither features nor pictures are enclosed"))
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
        stem = feature_stem(samples.key, name)
        files = [file for file in names if file.startswith(stem)]
        if files and not set(files) <= compared:
            compared.update(files)
            look = functools.partial(_features, inside, files, samples, extractor, request)
            yield _tried(f"features, {what}, {name}", look)
    picture = f"{SAMPLES}/{samples.key['protocol']}.png"
    if picture in names and picture not in compared and _shown(samples, records):
        compared.add(picture)
        yield _tried(f"pictures, {what}", functools.partial(_pictures, inside, picture, samples))


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
    except (AnyresBenchError, OSError) as error:
        return Verdict(rule, "failed", str(error))


def _features(
    inside: Enclosure,
    files: Sequence[str],
    samples: SampleSet,
    extractor: FeatureExtractor,
    request: VerifyRequest,
) -> str:
    """Compare a seeded part of the rows.

    Raises:
        DataError: a row is another.
    """
    bank, precision = read_features(inside, files)
    n = max(1, math.ceil(request.fraction * len(samples)))
    places = stream(request.seed, "verify", files[0]).choice(len(samples), n)
    items = sorted(samples.order[int(i)] for i in places)
    made = _rendered(samples, extractor, items)
    submitted = _rows_of(bank, items)
    rows = bank.features().astype(np.float64)
    slack = _SPREAD * float(np.sqrt(np.mean((rows - rows.mean(axis=0)) ** 2)))
    if precision == "float16":
        slack += _HALF * float(np.sqrt(np.mean(submitted**2)))
    apart = np.sqrt(np.mean((made - submitted) ** 2, axis=1))
    if wrong := [items[int(i)] for i in np.flatnonzero(~(apart <= max(slack, 1e-6)))]:
        worst = float(np.max(apart))
        raise DataError(
            f"{len(wrong)} of {n} rows are others, such as that of sample {wrong[0]}: they differ "
            f"by up to {worst:.3g}, allowed is {slack:.3g}"
        )
    return f"{n} of {len(samples)} rows made again, differing by {apart.max():.2g} of {slack:.2g}"


def _rendered(
    samples: SampleSet, extractor: FeatureExtractor, items: Sequence[int]
) -> NDArray[np.float64]:
    parts = [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
    batches = [extractor(*views).numpy() for views in samples.batches(parts)]
    return np.concatenate(batches).astype(np.float64)


def _rows_of(bank: FeatureBank, items: Sequence[int]) -> NDArray[np.float64]:
    """The rows of samples, in their order.

    Raises:
        DataError: one is missing, or there twice.
    """
    places = {int(index): place for place, index in enumerate(bank.index)}
    if len(places) != len(bank) or not set(items) <= places.keys():
        raise DataError("its rows are not those of the samples, each once")
    rows: NDArray[np.float64] = bank.features()[[places[item] for item in items]].astype(np.float64)
    return rows


def _pictures(inside: Enclosure, name: str, samples: SampleSet) -> str:
    """Compare a row of pictures.

    Raises:
        DataError: it shows something else.
    """
    first: Tensor = next(samples.batches([samples.order[:N_SHOWN]]))[0]
    made = free_row(samples, first)
    with inside.open(name) as file, Image.open(io.BytesIO(file.read())) as opened:
        submitted = np.asarray(opened.convert("RGB"))
    if made is None or made.shape != submitted.shape:
        here = "none that may be shown" if made is None else f"{made.shape[1]} x {made.shape[0]} px"
        raise DataError(f"{submitted.shape[1]} x {submitted.shape[0]} px, here {here}")
    apart = np.abs(made.astype(np.int16) - submitted)
    share = float(np.mean(apart <= _LEVELS))
    if share < _SHARE or int(apart.max()) > _MOST_LEVELS:
        raise DataError(
            f"{1 - share:.2%} of its values are off by more than {_LEVELS} levels, one by "
            f"{int(apart.max())}"
        )
    return f"{len(first)} pictures made again, off by {int(apart.max())} levels at most"
