"""The rules that a submission is held to, each with a verdict of its own.

The same code runs on a laptop and in CI. It reads the folder and nothing else: no network, no model
and no dataset. A rule that cannot be decided fails; nothing is well after an error.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anyres_bench.core.enclosure import Enclosure, inner_parts
from anyres_bench.core.errors import AnyresBenchError, DataError, ImageError, MetricError
from anyres_bench.core.files import sha256_of
from anyres_bench.core.reporting import progress
from anyres_bench.data.headers import probe
from anyres_bench.evaluation.strata import joined, real_side, states_of
from anyres_bench.features.stats import FeatureBank
from anyres_bench.leaderboard.feature_files import agree, feature_stem, read_features
from anyres_bench.leaderboard.submission import (
    FEATURES,
    MANIFEST,
    MOST_BYTES,
    MOST_FILES,
    RECORDS,
    SAMPLES,
    Submission,
    read_submission,
)
from anyres_bench.leaderboard.submitting import MOST_PATCHES
from anyres_bench.metrics.measuring import measure
from anyres_bench.metrics.metric import metric_from
from anyres_bench.results import (
    Interval,
    Result,
    Task,
    cautions_of,
    newest_version,
    read_result,
)

_SUFFIXES = {RECORDS: ".json", SAMPLES: ".png", FEATURES: ".safetensors"}
_LARGEST_SAMPLE = 64 << 20  # bytes
_MOST_PIXELS = 1 << 22  # of a file of samples
_CLOCKS_S = 86_400  # by which clocks may differ


@dataclass(frozen=True)
class Verdict:
    """What came of one rule.

    Attributes:
        rule: in words.
        state: "ok", "failed", or "not said" where a submission leaves out what the rule is about.
        said: why, or how much was looked at.
    """

    rule: str
    state: str
    said: str

    def __str__(self) -> str:
        return f"{self.state:<8}  {self.rule}: {self.said}"


@dataclass
class _Folder:
    """A submission as far as it could be read; rules are asked in order and read further."""

    inside: Enclosure
    names: list[str] = field(default_factory=list)
    submission: Submission | None = None
    records: dict[str, Result] = field(default_factory=dict)

    def of(self, part: str) -> list[str]:
        return [name for name in self.names if name.startswith(f"{part}/")]

    def need(self) -> Submission:
        if self.submission is None:
            raise DataError(f"without {MANIFEST} nothing can be said of it")
        return self.submission


@dataclass(frozen=True)
class CheckedSubmission:
    """All verdicts, and what stands if none of them failed."""

    verdicts: tuple[Verdict, ...]
    submission: Submission | None
    records: tuple[Result, ...]

    @property
    def fits(self) -> bool:
        """Whether no rule failed."""
        return all(verdict.state != "failed" for verdict in self.verdicts)

    @property
    def tier(self) -> str:
        """ "recomputed" where every value was computed again from its features, else "submitted".

        Empty where a rule failed.
        """
        if not self.fits:
            return ""
        values = next(v for v in self.verdicts if v.rule == _VALUES)
        return "recomputed" if values.state == "ok" else "submitted"


def check(path: Path) -> CheckedSubmission:
    """Hold a folder to every rule.

    Raises:
        DataError: there is no such folder.
    """
    if not Path(path).is_dir():
        raise DataError(f"{path} is no folder; name one that `leaderboard submit` made")
    folder = _Folder(Enclosure(path))
    verdicts = []
    with progress("rules", len(_RULES), unit="rule") as bar:
        for rule, look in _RULES:
            verdicts.append(_verdict(rule, look, folder))
            bar.update()
    return CheckedSubmission(tuple(verdicts), folder.submission, tuple(folder.records.values()))


def _verdict(rule: str, look: Callable[[_Folder], str], folder: _Folder) -> Verdict:
    try:
        return Verdict(rule, "ok", look(folder))
    except _NotSaid as why:
        return Verdict(rule, "not said", str(why))
    except (AnyresBenchError, OSError) as error:
        return Verdict(rule, "failed", str(error))
    except RecursionError:
        return Verdict(rule, "failed", "something in it is nested too deeply")
    except (MemoryError, ArithmeticError, ValueError) as error:
        return Verdict(rule, "failed", f"it cannot be decided: {type(error).__name__}: {error}")


class _NotSaid(Exception):  # noqa: N818 - no error
    """The submission leaves out what a rule is about."""


def _refuse(reasons: Iterable[str]) -> None:
    """Raise DataError with the first few reasons, where there is one."""
    found = list(reasons)
    if found:
        more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
        raise DataError("; ".join(found[:5]) + more)


def _layout(folder: _Folder) -> str:
    """Names, kinds and sizes of files; nothing is read."""
    names, n_bytes = [], 0
    for entry in sorted(folder.inside.path.iterdir()):
        if entry.name == MANIFEST and not entry.is_symlink() and entry.is_file():
            continue
        if entry.is_symlink():
            raise DataError(f"{entry.name} is a link")
        if entry.name not in _SUFFIXES or not entry.is_dir():
            parts = ", ".join(f"{name}/" for name in _SUFFIXES)
            raise DataError(f"{entry.name} is none of {MANIFEST}, {parts}")
        for name in folder.inside.names(entry.name):
            names.append(name)
            n_bytes += _n_bytes(folder.inside, name)
            if len(names) > MOST_FILES or n_bytes > MOST_BYTES:
                raise DataError(f"more than {MOST_FILES} files or {MOST_BYTES} bytes")
    folder.names = names
    return f"{len(names)} files, {n_bytes / 1e6:.1f} MB"


def _n_bytes(inside: Enclosure, name: str) -> int:
    inner_parts(name)
    n_bytes = inside.size(name)
    if n_bytes is None:
        raise DataError(f"{name} is a link or no regular file")
    suffix = _SUFFIXES[name.split("/")[0]]
    if not name.endswith(suffix):
        raise DataError(f"{name} does not end in {suffix}")
    return n_bytes


def _manifest(folder: _Folder) -> str:
    folder.submission = read_submission(folder.inside)
    return f"of {folder.submission.model}, {folder.submission.created}"


def _date(folder: _Folder) -> str:
    created = folder.need().created
    try:
        then = datetime.datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError as error:
        raise DataError(f"{created[:40]!r} is no date such as 2026-01-31T12:00:00Z") from error
    late = then.replace(tzinfo=datetime.UTC) - datetime.datetime.now(datetime.UTC)
    if late.total_seconds() > _CLOCKS_S:
        raise DataError(f"{created} is still to come")
    return created


def _card(folder: _Folder) -> str:
    card = folder.need().card
    missing = [name for name in ("licence", "training_data") if not getattr(card, name).strip()]
    _refuse(f"it does not say the {name.replace('_', ' ')} of the model" for name in missing)
    return f"licence {card.licence}"


def _digests(folder: _Folder) -> str:
    listed = folder.need().files
    absent, unlisted = sorted(listed.keys() - set(folder.names)), set(folder.names) - listed.keys()
    _refuse(f"{name} is missing" for name in absent)
    _refuse(f"{name} is not listed" for name in sorted(unlisted))
    _refuse(
        f"{name} is not the file that was submitted: its digest is another"
        for name in folder.names
        if _is_other(folder, name)
    )
    return f"{len(listed)} files are as they were"


def _is_other(folder: _Folder, name: str) -> bool:
    said = folder.need().files[name]
    if folder.inside.size(name) != said.n_bytes:
        return True
    return sha256_of(folder.inside.open(name)) != said.sha256


def _records(folder: _Folder) -> str:
    if not folder.of(RECORDS):
        raise DataError("there is no record")
    for name in folder.of(RECORDS):
        folder.records[name] = read_result(folder.inside.path / name)
    return f"{len(folder.records)} records can be read, their seals fit"


def _one_model(folder: _Folder) -> str:
    model = folder.need().model
    _refuse(
        f"{name} is of {result.model.id}"
        for name, result in _some(folder).items()
        if result.model.id != model
    )
    return model


def _some(folder: _Folder) -> dict[str, Result]:
    if not folder.records:
        raise DataError("no record could be read")
    return folder.records


def _once(folder: _Folder) -> str:
    keys = Counter(result.key for result in _some(folder).values())
    _refuse(
        f"{n} records of one key, {next(_of_key(folder, key))}" for key, n in keys.items() if n > 1
    )
    return "every key once"


def _of_key(folder: _Folder, key: str) -> Iterator[str]:
    return (name for name, result in folder.records.items() if result.key == key)


def _tasks(folder: _Folder) -> str:
    tasks = {Task.parse(result.task) for result in _some(folder).values()}
    for task in tasks:
        newest, why = newest_version(task)
        if task.version < newest:
            raise DataError(f"{task} is superseded by version {newest}: {why}")
        if task.version > newest:
            raise DataError(f"{task} is of a later version than {newest}, which is known here")
        metric = metric_from(task.metric)
        if metric.id != task.metric:
            raise DataError(f"{task} spells its metric in another way than {metric.id}")
    return f"{len(tasks)} tasks"


def _promises(folder: _Folder) -> str:
    """What a record says of its metric is what the metric says of itself."""
    for name, result in _some(folder).items():
        metric = metric_from(Task.parse(result.task).metric)
        if dict(result.higher_is_better) != dict(metric.higher_is_better):
            raise DataError(f"{name} ranks by other values than {metric.id}")
        for value, number in result.values.items():
            low, high = metric.bounds.get(value, (float("-inf"), float("inf")))
            slack = 1e-9 * max(1.0, abs(number))
            if not low - slack <= number <= high + slack:
                raise DataError(f"{name}: {value} is {number}, outside {low} to {high}")
    return "values lie within the bounds of their metrics"


def _counts(folder: _Folder) -> str:
    for name, result in _some(folder).items():
        kept = {side: [of.n for of in states_of(result, side)] for side in ("fake", "real")}
        n = Task.parse(result.task).n * max(1, len(kept["fake"]))  # of every stratum
        if result.n_fake != n:
            raise DataError(f"{name} compares {result.n_fake} fakes, its task says {n}")
        for side, counted in (("fake", result.n_fake), ("real", result.n_real)):
            if kept[side] and sum(kept[side]) != counted:
                raise DataError(f"{name}: {sum(kept[side])} features of {side}, {counted} samples")
    return "as many samples as the tasks say"


def _leak(folder: _Folder) -> str:
    _refuse(
        f"{name}: {result.fake.n_in_reference} of its images are in the reference"
        for name, result in _some(folder).items()
        if result.fake is not None and result.fake.n_in_reference
    )
    return "no image that stands for the model is in the reference, as far as the records say"


def _samples(folder: _Folder) -> str:
    names, n_patches = folder.of(SAMPLES), 0
    if not names:
        raise _NotSaid("no samples")
    for name in names:
        n_bytes = folder.inside.size(name) or 0
        if n_bytes > _LARGEST_SAMPLE:
            raise DataError(f"{name} has {n_bytes} bytes")
        with folder.inside.open(name) as file:
            data = file.read(_LARGEST_SAMPLE)
        try:
            found = probe(data, _MOST_PIXELS, name)
        except ImageError as error:
            raise DataError(str(error)) from error
        if found.format != "PNG" or found.n_frames != 1:
            raise DataError(f"{name} is {found.format}, expected a PNG of one picture")
        n_patches += max(1, round(found.size.width / found.size.height))
    if n_patches > MOST_PATCHES:
        raise DataError(f"{n_patches} patches, expected at most {MOST_PATCHES}")
    return f"{n_patches} patches"


_VALUES = "values against features"


def _values(folder: _Folder) -> str:
    """Every value that has features, computed again from them."""
    if not folder.of(FEATURES):
        raise _NotSaid("no features, so its values cannot be computed again")
    used: set[str] = set()
    without = 0
    for name, result in _some(folder).items():
        banks, precision = _banks(folder, result, used)
        if banks is None:
            without += 1
        else:
            _refuse(_differences(name, result, banks, precision))
    _refuse(f"{name} belongs to no record" for name in folder.of(FEATURES) if name not in used)
    if without:
        raise _NotSaid(f"{without} of {len(folder.records)} records have no features")
    return f"{len(folder.records)} records computed again"


def _banks(
    folder: _Folder, result: Result, used: set[str]
) -> tuple[dict[str, FeatureBank] | None, str]:
    """Features of both sides of a record and their type; None where a side has none."""
    banks, precision = {}, "float32"
    for side, state in result.states.items():
        stem = feature_stem(state.key, result.extractor.id)
        names = [name for name in folder.of(FEATURES) if name.startswith(stem)]
        if not names:
            return None, precision
        used.update(names)
        banks[side], kept = read_features(folder.inside, names)
        precision = "float16" if "float16" in (kept, precision) else "float32"
        if (len(banks[side]), banks[side].dim) != (state.n, result.extractor.dim):
            raise DataError(
                f"{len(banks[side])} features of {banks[side].dim} dimensions on the {side} side; "
                f"the record says {state.n} of {result.extractor.dim}"
            )
    return banks, precision


def _differences(
    name: str, result: Result, banks: dict[str, FeatureBank], precision: str
) -> Iterator[str]:
    metric = metric_from(Task.parse(result.task).metric)
    sides = joined(banks)
    try:
        again = measure(metric, real_side(sides), sides["fake"], result.seed)
    except (MetricError, KeyError) as error:
        yield f"{name}: its features have no {metric.id}: {error}"
        return
    for value, number in result.values.items():
        spread = _spread(value, result.intervals.get(value), again.values)
        found = again.values.get(value)
        if found is None or not agree(number, found, spread, precision):
            yield f"{name}: {value} is {number!r}, and {found!r} by its features"
    if precision == "float16":
        return
    for value, said in result.intervals.items():
        yield from _interval_differences(f"{name}: {value}", said, again.intervals.get(value))


def _spread(value: str, interval: Interval | None, found: Mapping[str, float]) -> float:
    """Standard error of a value; of the ends of a null band, that of the value under chance."""
    name, null, _ = value.rpartition("_null_")
    low, high = (found.get(f"{name}_null_{end}") for end in ("low", "high"))
    if null and low is not None and high is not None:
        return (high - low) / (2 * 1.96)  # a band of 95 %
    return interval.standard_error if interval else 0.0


def _interval_differences(what: str, said: Interval, found: Interval | None) -> Iterator[str]:
    """An interval against the one of its features; methods may get better, numbers may not move."""
    if found is None:
        if "earlier-method" not in cautions_of(said):
            yield f"{what} has an interval, and none by its features"
    elif said.method == found.method:
        slack = 1e-3 * (found.high - found.low) + 1e-6 * max(1.0, abs(found.low), abs(found.high))
        if max(abs(said.low - found.low), abs(said.high - found.high)) > slack:
            yield (
                f"{what} lies in [{said.low!r}, {said.high!r}], and in "
                f"[{found.low!r}, {found.high!r}] by its features"
            )


_RULES: Sequence[tuple[str, Callable[[_Folder], str]]] = (
    ("layout", _layout),
    ("manifest", _manifest),
    ("date", _date),
    ("model card", _card),
    ("digests", _digests),
    ("records", _records),
    ("one model", _one_model),
    ("no record twice", _once),
    ("tasks", _tasks),
    ("promises of metrics", _promises),
    ("counts", _counts),
    ("leaks", _leak),
    ("samples", _samples),
    (_VALUES, _values),
)
