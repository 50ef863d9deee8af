"""Results: one JSON file a (model, task), written once, never edited, never rounded.

`docs/results_format.md` describes every key.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyres_bench.core.errors import DataError
from anyres_bench.core.files import sha256_text, write_json
from anyres_bench.evaluation.tasks import Task

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Result:
    """A number, or a few that belong together, and all that it takes to get them again.

    Attributes:
        task: the task's id.
        model: `id`, the `spec` it was asked for by, `native` size.
        values: unrounded.
        intervals: value name -> `low`, `high`, `level`, `method`; absent where there is none.
        higher_is_better: value name -> direction, for the values that rank.
        dataset: `id`, `digest`, `recipe_id`, `reference_digest`, `n_images`, `n_reference`,
            `n_survivors`, `sizes` (histogram of shorter sides).
        fake: what is known of the model's images: `n_images`, `n_survivors`, `rejects`,
            `n_in_reference`; empty for models that render.
        extractor: `id`, `dim`, `is_fid`.
        seed: of views and latents.
        n_real, n_fake: how many were compared.
        device, seconds, versions: how it was computed.
        states: where the features are in the cache, by side.
        schema: of this record.
    """

    task: str
    model: Mapping[str, Any]
    values: Mapping[str, float]
    intervals: Mapping[str, Mapping[str, Any]]
    higher_is_better: Mapping[str, bool]
    dataset: Mapping[str, Any]
    fake: Mapping[str, Any]
    extractor: Mapping[str, Any]
    seed: int
    n_real: int
    n_fake: int
    device: str
    seconds: Mapping[str, float]
    versions: Mapping[str, str]
    states: Mapping[str, Any]
    schema: int = SCHEMA

    @property
    def key(self) -> str:
        """Digest of what makes this result this result: equal keys are computed once."""
        return result_key(
            Task.parse(self.task), self.model["id"], self.dataset["digest"], self.seed
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self)


def result_key(task: Task, model_id: str, dataset_digest: str, seed: int) -> str:
    """Digest of the keys under which a result is found again."""
    return sha256_text(json.dumps([SCHEMA, task.id, model_id, dataset_digest, seed]))


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
    path = result_path(folder, Task.parse(result.task), result.model["id"], result.key)
    try:
        write_json(path, result.to_json())
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror or error}; free some space or choose "
            "another --out: features that were kept are not computed again"
        ) from error
    return path


def read_result(path: Path) -> Result:
    """Read one record.

    Raises:
        DataError: the file is missing, damaged, or of another schema.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        schema = record["schema"]
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no result of this package ({error!r})") from error
    if schema != SCHEMA:
        raise DataError(f"{path} has schema {schema}; this version reads {SCHEMA}")
    names = {field.name for field in dataclasses.fields(Result)}
    if record.keys() != names:
        odd = sorted(record.keys() ^ names)
        raise DataError(f"{path} lacks or adds {', '.join(odd)}; evaluate again")
    return Result(**record)


def read_results(paths: Iterable[Path]) -> list[Result]:
    """Read records; a folder stands for every .json file below it. Each result comes once.

    Raises:
        DataError: a file is no result, or there is none.
    """
    asked = [Path(path) for path in paths]
    results: dict[str, Result] = {}
    for path in asked:
        files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        for file in files:
            result = read_result(file)
            results[result.key] = result
    if not results:
        names = ", ".join(str(path) for path in asked)
        raise DataError(f"no results in {names}; make some with `anyres-bench evaluate`")
    return list(results.values())
