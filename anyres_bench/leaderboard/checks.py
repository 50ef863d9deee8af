"""The rules that a submission is held to, each with a verdict of its own.

The same code runs on a laptop and in CI. It reads the folder and nothing else: no network, no model
and no dataset. A rule that cannot be decided fails; nothing is well after an error.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from anyres_bench.core.counts import counted
from anyres_bench.core.enclosure import Enclosure, inner_parts
from anyres_bench.core.errors import DataError, ImageError
from anyres_bench.core.files import sha256_of
from anyres_bench.core.reporting import progress
from anyres_bench.data.headers import probe
from anyres_bench.evaluation.strata import states_of
from anyres_bench.leaderboard.enclosed_recipes import check_recipes
from anyres_bench.leaderboard.recomputing import values_of_features, values_of_moments
from anyres_bench.leaderboard.rules import (
    Look,
    NotSaid,
    SubmittedFolder,
    Verdict,
    refuse,
    verdict_of,
)
from anyres_bench.leaderboard.submission import (
    FEATURES,
    MANIFEST,
    MOMENTS,
    MOST_BYTES,
    MOST_FILES,
    MOST_PATCHES,
    RECIPE,
    RECORDS,
    SAMPLES,
    Submission,
    read_submission,
)
from anyres_bench.metrics.metric import metric_from
from anyres_bench.results import Result, Task, newest_version, read_result

_SUFFIXES = {
    RECORDS: ".json",
    SAMPLES: ".png",
    FEATURES: ".safetensors",
    MOMENTS: ".safetensors",
}
_LARGEST_SAMPLE = 64 << 20  # bytes
_MOST_PIXELS = 1 << 22  # of a file of samples
_CLOCKS_S = 86_400  # by which clocks may differ
CONFIDENCE = 0.95  # of every interval that stands on a board
VALUES = "values against features"


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

        Moments alone prove no interval, so what encloses them is "submitted". Empty where a rule
        failed.
        """
        if not self.fits:
            return ""
        values = next(v for v in self.verdicts if v.rule == VALUES)
        return "recomputed" if values.state == "ok" else "submitted"


def check(path: Path) -> CheckedSubmission:
    """Hold a folder to every rule.

    Raises:
        DataError: there is no such folder.
    """
    if not Path(path).is_dir():
        raise DataError(f"{path} is no folder; name one that `leaderboard submit` made")
    folder = SubmittedFolder(Enclosure(path))
    verdicts = []
    with progress("rules", len(_RULES), unit="rule") as bar:
        for rule, look in _RULES:
            verdicts.append(verdict_of(rule, look, folder))
            bar.update()
    return CheckedSubmission(tuple(verdicts), folder.submission, tuple(folder.records.values()))


def _layout(folder: SubmittedFolder) -> str:
    """Names, kinds and sizes of files; nothing is read."""
    names, n_bytes = [], 0
    for entry in sorted(folder.inside.path.iterdir()):
        if entry.name == MANIFEST and not entry.is_symlink() and entry.is_file():
            continue
        if entry.is_symlink():
            raise DataError(f"{entry.name} is a link")
        if RECIPE.fullmatch(entry.name):
            names.append(entry.name)
            n_bytes += _n_bytes(folder.inside, entry.name)
            continue
        if entry.name not in _SUFFIXES or not entry.is_dir():
            parts = ", ".join(f"{name}/" for name in _SUFFIXES)
            raise DataError(f"{entry.name} is none of {MANIFEST}, recipe.toml, {parts}")
        for name in folder.inside.names(entry.name):
            names.append(name)
            n_bytes += _n_bytes(folder.inside, name)
            if len(names) > MOST_FILES or n_bytes > MOST_BYTES:
                raise DataError(f"more than {MOST_FILES} files or {MOST_BYTES} bytes")
    folder.names = names
    return f"{counted(len(names), 'file')}, {n_bytes / 1e6:.1f} MB"


def _n_bytes(inside: Enclosure, name: str) -> int:
    inner_parts(name)
    n_bytes = inside.size(name)
    if n_bytes is None:
        raise DataError(f"{name} is a link or no regular file")
    suffix = _SUFFIXES.get(name.split("/")[0], ".toml")
    if not name.endswith(suffix):
        raise DataError(f"{name} does not end in {suffix}")
    return n_bytes


def _manifest(folder: SubmittedFolder) -> str:
    folder.submission = read_submission(folder.inside)
    return f"of {folder.submission.model}, {folder.submission.created}"


def _date(folder: SubmittedFolder) -> str:
    created = folder.need().created
    try:
        then = datetime.datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError as error:
        raise DataError(f"{created[:40]!r} is no date such as 2026-01-31T12:00:00Z") from error
    late = then.replace(tzinfo=datetime.UTC) - datetime.datetime.now(datetime.UTC)
    if late.total_seconds() > _CLOCKS_S:
        raise DataError(f"{created} is still to come")
    return created


def _card(folder: SubmittedFolder) -> str:
    card = folder.need().card
    missing = [name for name in ("licence", "training_data") if not getattr(card, name).strip()]
    refuse(f"it does not say the {name.replace('_', ' ')} of the model" for name in missing)
    return f"licence {card.licence}"


def _digests(folder: SubmittedFolder) -> str:
    listed = folder.need().files
    absent, unlisted = sorted(listed.keys() - set(folder.names)), set(folder.names) - listed.keys()
    refuse(f"{name} is missing" for name in absent)
    refuse(f"{name} is not listed" for name in sorted(unlisted))
    refuse(
        f"{name} is not the file that was submitted: its digest is another"
        for name in folder.names
        if _is_other(folder, name)
    )
    return f"{counted(len(listed), 'file')} as submitted"


def _is_other(folder: SubmittedFolder, name: str) -> bool:
    said = folder.need().files[name]
    if folder.inside.size(name) != said.n_bytes:
        return True
    return sha256_of(folder.inside.open(name)) != said.sha256


def _records(folder: SubmittedFolder) -> str:
    if not folder.of(RECORDS):
        raise DataError("there is no record")
    refuse(_unreadable(folder))
    return f"{counted(len(folder.records), 'record')} read, with seals that fit"


def _unreadable(folder: SubmittedFolder) -> Iterator[str]:
    """Read every record, so that one that is damaged casts no doubt on the others."""
    for name in folder.of(RECORDS):
        try:
            folder.records[name] = read_result(folder.inside.path / name)
        except DataError as error:
            yield str(error)


def _one_model(folder: SubmittedFolder) -> str:
    model = folder.need().model
    refuse(
        f"{name} is of {result.model.id}"
        for name, result in folder.some().items()
        if result.model.id != model
    )
    return model


def _once(folder: SubmittedFolder) -> str:
    keys = Counter(result.key for result in folder.some().values())
    refuse(
        f"{n} records of one key, {next(_of_key(folder, key))}" for key, n in keys.items() if n > 1
    )
    return "every key once"


def _of_key(folder: SubmittedFolder, key: str) -> Iterator[str]:
    return (name for name, result in folder.records.items() if result.key == key)


def _tasks(folder: SubmittedFolder) -> str:
    tasks = {Task.parse(result.task) for result in folder.some().values()}
    for task in tasks:
        newest, why = newest_version(task)
        if task.version < newest:
            raise DataError(f"{task} is superseded by version {newest}: {why}")
        if task.version > newest:
            raise DataError(f"{task} is of a later version than {newest}, which is known here")
        metric = metric_from(task.metric)
        if metric.id != task.metric:
            raise DataError(f"{task} spells its metric in another way than {metric.id}")
    refuse(
        f"{name} is of {what}, its task says {said}"
        for name, result in folder.some().items()
        for what, said in _other_parts(result)
    )
    return counted(len(tasks), "task")


def _other_parts(result: Result) -> Iterator[tuple[str, str]]:
    """What a record says of its extractor and images, and its task otherwise."""
    task = Task.parse(result.task)
    if task.extractor != result.extractor.id:
        yield result.extractor.id, task.extractor
    if result.reference is None and task.dataset.partition(":")[0] != result.dataset.id:
        yield result.dataset.id, task.dataset


def _promises(folder: SubmittedFolder) -> str:
    """What a record says of its metric is what the metric says of itself."""
    for name, result in folder.some().items():
        metric = metric_from(Task.parse(result.task).metric)
        if dict(result.higher_is_better) != dict(metric.higher_is_better):
            raise DataError(f"{name} ranks by other values than {metric.id}")
        for value, number in result.values.items():
            low, high = metric.bounds.get(value, (float("-inf"), float("inf")))
            slack = 1e-9 * max(1.0, abs(number))
            if not low - slack <= number <= high + slack:
                raise DataError(f"{name}: {value} is {number}, outside {low} to {high}")
    return "values lie within the bounds of their metrics"


def _intervals(folder: SubmittedFolder) -> str:
    """An interval is about its value; every version of this package has put it inside.

    Pages call all of them intervals of 95 %, and tell models apart by whether they meet.
    """
    n = 0
    for name, result in folder.some().items():
        for value, of in result.intervals.items():
            if of.confidence != CONFIDENCE:
                raise DataError(
                    f"{name}: {value} has an interval of {of.confidence:.6g}, expected one of "
                    f"{CONFIDENCE}; evaluate again"
                )
            number = result.values[value]
            slack = 1e-9 * max(1.0, abs(number))
            if not of.low - slack <= number <= of.high + slack:
                raise DataError(
                    f"{name}: {value} is {number!r}, outside its own interval [{of.low!r}, "
                    f"{of.high!r}]"
                )
            n += 1
    return f"{counted(n, 'value')} inside their own intervals"


def _counts(folder: SubmittedFolder) -> str:
    for name, result in folder.some().items():
        kept = {side: [of.n for of in states_of(result, side)] for side in ("fake", "real")}
        n = Task.parse(result.task).n * max(1, len(kept["fake"]))  # of every stratum
        if result.n_fake != n:
            raise DataError(f"{name} compares {result.n_fake} fakes, its task says {n}")
        for side, n_said in (("fake", result.n_fake), ("real", result.n_real)):
            if kept[side] and sum(kept[side]) != n_said:
                raise DataError(f"{name}: {sum(kept[side])} features of {side}, {n_said} samples")
    return "as many samples as the tasks say"


def _leak(folder: SubmittedFolder) -> str:
    refuse(
        f"{name}: {result.fake.n_in_reference} of its images are in the reference"
        for name, result in folder.some().items()
        if result.fake is not None and result.fake.n_in_reference
    )
    return "no image that stands for the model is in the reference, as far as the records say"


def _samples(folder: SubmittedFolder) -> str:
    names, n_patches = folder.of(SAMPLES), 0
    if not names:
        raise NotSaid("no samples")
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


_RULES: Sequence[tuple[str, Look]] = (
    ("layout", _layout),
    ("manifest", _manifest),
    ("date", _date),
    ("model card", _card),
    ("digests", _digests),
    ("records", _records),
    ("recipe", check_recipes),
    ("one model", _one_model),
    ("no record twice", _once),
    ("tasks", _tasks),
    ("promises of metrics", _promises),
    ("intervals", _intervals),
    ("counts", _counts),
    ("leaks", _leak),
    ("samples", _samples),
    (VALUES, values_of_features),
    ("values against moments", values_of_moments),
)
