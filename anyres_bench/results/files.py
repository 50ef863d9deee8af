"""Records as files: one JSON file a (model, task), written once, never edited, never rounded."""

from __future__ import annotations

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.files import write_json
from anyres_bench.core.plain import unique_keys
from anyres_bench.core.reporting import tracked
from anyres_bench.results.earlier import from_schema_1
from anyres_bench.results.plain import from_plain
from anyres_bench.results.record import SCHEMA, Result, seal
from anyres_bench.results.tables import to_frame
from anyres_bench.results.task import Task, newest_version

if TYPE_CHECKING:
    import pandas as pd

_LARGEST_FILE = 4 << 20  # bytes; a record has a few thousand


@dataclass(frozen=True)
class ResultReading:
    """What came of reading files.

    Attributes:
        results: each once.
        oddities: a sentence for each file that is no result, for each result that is one but that
            this version could not compute or compare, and for each folder whose results have no
            seal.
    """

    results: tuple[Result, ...]
    oddities: tuple[str, ...]

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def to_frame(self) -> pd.DataFrame:
        """One row a value; see `anyres_bench.results.to_frame`."""
        return to_frame(self.results)


@dataclass(frozen=True)
class StoredResult:
    """A result as its file holds it.

    Attributes:
        result: the record.
        sealed: whether a seal says that it is as it was written; schema 1 has none.
    """

    result: Result
    sealed: bool


def result_path(folder: Path, task: Task, model_id: str, key: str) -> Path:
    """Where the result of a key lies: a name for people, and the key at its end."""
    return folder / _slug(model_id) / f"{_slug(task.id)}-{key[:8]}.json"


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+@=-]+", "_", text)[:160]


def write_result(folder: Path, result: Result) -> Path:
    """Write a result where `result_path` says, atomically.

    Raises:
        DataError: it cannot be written.
    """
    path = result_path(folder, Task.parse(result.task), result.model.id, result.key)
    try:
        write_json(path, result.to_json())
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror or error}; free some space if the "
            "disk is full, or choose another --out: features that were kept are not computed again"
        ) from error
    return path


def read_result(path: Path) -> Result:
    """Read one record, of this schema or of an earlier one.

    Raises:
        DataError: the file is missing, no record, damaged, changed, or of a later schema.
    """
    return read_stored(path).result


def read_stored(path: Path) -> StoredResult:
    """Read one record as `read_result` does, and whether it is sealed.

    Raises:
        DataError: as for `read_result`.
    """
    try:
        body = _load(Path(path))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no result of this package: {_short(error)}") from error
    try:
        return StoredResult(from_plain(Result, _newest(body)), sealed="seal" in body)
    except (DataError, RecursionError) as error:
        raise DataError(f"{path} cannot be used: {_short(error)}; evaluate again") from error


def read_results(
    paths: str | Path | Iterable[str | Path], is_known: Callable[[str], bool] | None = None
) -> ResultReading:
    """Read records; a folder stands for every .json file below it.

    Args:
        paths: files, each of which has to be a record, and folders, whose other files are oddities;
            one or several.
        is_known: whether a metric is known here; those that are not are oddities, and are read.

    Raises:
        DataError: a file that was named is no result, or there is no result at all.
    """
    several = [paths] if isinstance(paths, str | Path) else paths
    asked = [Path(path) for path in several]
    results: dict[str, Result] = {}
    oddities: list[str] = []
    unsealed: Counter[Path] = Counter()
    for path, of in tracked(list(_files(asked, oddities)), "reading results", "file"):
        try:
            stored = read_stored(path)
        except DataError as error:
            if path == of:
                raise
            oddities.append(str(error))
            continue
        result = stored.result
        unsealed[of] += not stored.sealed
        twin = results.setdefault(result.key, result)
        if what := _contradiction(twin, result):
            oddities.append(f"{path} left out: another file has other {what} for the same key")
        oddities += [f"{path}: {said}" for said in _remarks(Task.parse(result.task), is_known)]
    for key, said in _ranked_otherwise(results.values()):
        del results[key]
        oddities.append(said)
    if not results:
        names = ", ".join(str(path) for path in asked)
        said = "".join(f"\n  {oddity}" for oddity in oddities[:5])
        raise DataError(f"no results in {names}; make some with `anyres-bench evaluate`{said}")
    oddities += [unsealed_remark(path, n) for path, n in unsealed.items() if n]
    return ResultReading(tuple(results.values()), tuple(oddities))


def _contradiction(twin: Result, result: Result) -> str:
    """What two records of one key say otherwise of their number; empty where they agree."""
    parts = ("values", "intervals", "higher_is_better", "n_real", "n_fake", "extractor")
    told = (
        part.replace("_", " ") for part in parts if getattr(twin, part) != getattr(result, part)
    )
    return next(told, "")


def _ranked_otherwise(results: Iterable[Result]) -> list[tuple[str, str]]:
    """Keys of results that rank by another value, or the other way round, than most of their task.

    A sentence with each. They cannot stand in one table: neither order would be one of both.
    """
    by_task: dict[str, list[Result]] = {}
    for result in results:
        by_task.setdefault(result.task, []).append(result)
    found = []
    for task, some in by_task.items():
        first_values = Counter(_first_ranked(result) for result in some)
        most = first_values.most_common(1)[0][0]
        found += [
            (
                result.key,
                f"{task} of {result.model.id} left out: it ranks by {_first_ranked(result)}, and "
                f"most results of this task by {most}; evaluate again what is not as its metric",
            )
            for result in some
            if _first_ranked(result) != most
        ]
    return found


def _first_ranked(result: Result) -> str:
    name, higher = next(iter(result.higher_is_better.items()))
    return f"{name} ({'higher' if higher else 'lower'} is better)"


def check_outside(out: Path, folders: Iterable[Path]) -> None:
    """Refuse to write into a folder that is read: what comes of it would be read from then on.

    Raises:
        UsageError: `out` lies within one of the folders.
    """
    place = Path(os.path.realpath(out))
    for folder in folders:
        if Path(os.path.realpath(folder)) in place.parents:
            raise UsageError(
                f"{out} lies within {folder}, and everything in there is read as results or "
                "submissions the next time; name a place outside of it"
            )


def unsealed_remark(place: Path, n: int) -> str:
    """A sentence about results of a file or folder that nothing holds to what was written."""
    return (
        f"{place}: results written before records had a seal (schema 1): {n}; a number that was "
        "changed since would not be noticed; `evaluate --fresh` measures them again and seals them"
    )


def _files(paths: Iterable[Path], oddities: list[str]) -> Iterator[tuple[Path, Path]]:
    """Files to read, and by which path each was asked for: its own, or that of a folder."""
    for path in paths:
        if not path.is_dir():
            yield path, path
        else:
            yield from ((file, path) for file in sorted(_below(path, oddities)))


def _below(folder: Path, oddities: list[str]) -> Iterator[Path]:
    """The .json files below a folder; folders that are not looked into are oddities."""
    unreadable: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=unreadable.append):
        yield from (Path(root, name) for name in names if name.endswith(".json"))
        for name in sorted(folders):
            if (linked := Path(root, name)).is_symlink():
                oddities.append(f"{linked} left out: it is a link to a folder; name that one too")
    oddities += [f"{error.filename} left out: {error.strerror}" for error in unreadable]


def _remarks(task: Task, is_known: Callable[[str], bool] | None) -> Iterator[str]:
    newest, why = newest_version(task)
    if task.version > newest:
        yield f"version {task.version} of its task is later than {newest}, which is known here"
    if task.version < newest:
        yield f"its task is superseded by version {newest}: {why}"
    if is_known is not None and not is_known(task.metric):
        yield f"metric {task.metric} is not known here; its numbers are shown as they are"


def _load(path: Path) -> Any:
    """JSON of a regular file of sensible size; a pipe or a device is never waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no regular file")
        if status.st_size > _LARGEST_FILE:
            raise ValueError(f"it has {status.st_size} bytes, expected {_LARGEST_FILE} at most")
        data = file.read(_LARGEST_FILE + 1)
        return json.loads(data, parse_constant=_no_number, object_pairs_hook=unique_keys)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _short(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]


def _newest(body: Any) -> dict[str, Any]:
    """The fields of the newest schema, the seal held against them."""
    if not isinstance(body, dict) or type(body.get("schema")) is not int:
        raise DataError("it has no schema, so it is no result of this package")
    if "card" in body and "task" not in body:
        raise DataError("it is the manifest of a submission, and no result")
    fields = {name: value for name, value in body.items() if name not in ("schema", "seal")}
    if body["schema"] == 1:
        return from_schema_1(fields)
    if body["schema"] != SCHEMA:
        raise DataError(f"it has schema {body['schema']}; this version reads 1 to {SCHEMA}")
    if body.get("seal") != seal(body):
        raise DataError("it was changed after it was written: its seal is another")
    return fields
