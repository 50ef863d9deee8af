"""Results in the formats that other boards read: Hugging Face's, and Croissant.

dataset/eval.yaml           registers a dataset repository of the Hub as a benchmark
dataset/results.csv         every value of every result
dataset/croissant.json      what its columns are
models/ID/.eval_results/    what goes into the model's own repository; a file a seed, set of images

Source: Hugging Face Hub documentation, "Evaluation Results", which calls it work in progress;
MLCommons Croissant format specification 1.0 (2024-03-01).
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyres_bench import __version__
from anyres_bench.building.croissant import CONTEXT
from anyres_bench.core.errors import UsageError
from anyres_bench.core.files import atomic_folder, sha256_bytes, sha256_text
from anyres_bench.core.quoting import terminal, yaml_scalar
from anyres_bench.results import Result, to_csv

FRAMEWORK = "anyres-bench"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_TABLE = "results.csv"
_LONGEST_NAME = 160  # letters of a part of a path, before a digest
_TYPES = {
    **dict.fromkeys(("n", "version", "seed", "n_real", "n_fake"), "sc:Integer"),
    **dict.fromkeys(("value", "low", "high", "standard_error", "confidence"), "sc:Float"),
    "higher_is_better": "sc:Boolean",
}
_MEANINGS = {
    "model": "Id of the model: everything that changes a pixel.",
    "task": "Complete id of the task; values of different tasks are not compared.",
    "name": "Which value of the metric.",
    "value": "Unrounded.",
    "low": "Lower end of the interval.",
    "high": "Upper end of the interval.",
}


@dataclass(frozen=True)
class HubBenchmark:
    """A benchmark as the Hub knows it.

    Attributes:
        id: of its dataset repository, ORGANISATION/NAME.
        title: for people.
        licence: of the table of results.
        source: address of the evidence, such as the board; empty where there is none.
    """

    id: str
    title: str
    licence: str
    source: str = ""

    def __post_init__(self) -> None:
        if not _HUB_ID.fullmatch(self.id):
            raise UsageError(f"{self.id[:80]!r} is no ORGANISATION/NAME of a repository")
        if self.source and not self.source.startswith("https://"):
            raise UsageError(f"the source is {self.source[:80]!r}, expected an https address")


def export_results(results: Sequence[Result], benchmark: HubBenchmark, out: Path) -> list[str]:
    """Write a folder that other boards can be given; the names of its files.

    Raises:
        UsageError: there are no results, or two models or tasks would share a name.
        FileExistsError: there is something at `out`.
    """
    if not results:
        raise UsageError("there are no results to export")
    table = to_csv(results).encode()
    files = {
        "dataset/eval.yaml": f"{_yaml(_registration(results, benchmark))}\n".encode(),
        f"dataset/{_TABLE}": table,
        "dataset/croissant.json": (
            json.dumps(_croissant(benchmark, table), indent=2) + "\n"
        ).encode(),
    }
    names = _unique(sorted({result.model.id for result in results}), "models")
    for model, name in names.items():
        own = [result for result in results if result.model.id == model]
        for variant, some in _variants(own).items():
            body = [entry for result in some for entry in _entries(result, benchmark)]
            place = f"models/{name}/.eval_results/{FRAMEWORK}{variant}.yaml"
            files[place] = f"{_yaml(body)}\n".encode()
    with atomic_folder(out) as folder:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return sorted(files)


def _variants(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results of one model, those of each seed and set of images apart.

    The Hub has one score a task and file: several of one task stand in files of their own.
    """
    seeds = {result.seed for result in results}
    digests = {result.dataset.digest for result in results}
    found: dict[str, list[Result]] = {}
    for result in results:
        of_seed = f"-seed{result.seed}" if len(seeds) > 1 else ""
        of_images = f"-{result.dataset.digest[:8]}" if len(digests) > 1 else ""
        found.setdefault(of_seed + of_images, []).append(result)
    return found


def task_name(task: str, value: str) -> str:
    """Id of a value of a task on the Hub, which has one number a task.

    >>> task_name("photos:half/anyres-full64/kid/builtin-v1/n100@1", "kid")
    'photos-half_anyres-full64_kid_builtin-v1_n100-1_kid'
    """
    return "_".join(_slug(part) for part in (*task.split("/"), value))


def _slug(text: str) -> str:
    """A name that is one part of a path everywhere; a long one ends in a digest."""
    digest = sha256_text(text)[:12]
    name = re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.") or digest
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}-{digest}"


def _unique(texts: Sequence[str], what: str) -> dict[str, str]:
    names = {text: _slug(text) for text in texts}
    if len({name.casefold() for name in names.values()}) < len(names):
        raise UsageError(f"two {what} would share a name; export them one by one")
    return names


def _ranked(result: Result) -> Iterator[str]:
    """Names of the values that rank."""
    return (name for name in result.values if name in result.higher_is_better)


def _registration(results: Sequence[Result], benchmark: HubBenchmark) -> dict[str, Any]:
    tasks = {
        (result.task, name): task_name(result.task, name)
        for result in results
        for name in _ranked(result)
    }
    if len(set(tasks.values())) < len(tasks):
        raise UsageError("two tasks would share a name; export them one by one")
    listed = "; ".join(f"{name} is {task}, {value}" for (task, value), name in tasks.items())
    return {
        "name": terminal(benchmark.title),
        "description": f"Image generators of any resolution, measured by {FRAMEWORK}. {listed}.",
        "evaluation_framework": FRAMEWORK,
        "tasks": [{"id": name, "config": "default", "split": "test"} for name in tasks.values()],
    }


def _entries(result: Result, benchmark: HubBenchmark) -> Iterator[dict[str, Any]]:
    """What a model's repository says of a result, an entry a value that ranks."""
    for name in _ranked(result):
        span = ""
        if interval := result.intervals.get(name):
            span = f", {interval.confidence:.0%} in [{interval.low!r}, {interval.high!r}]"
        entry: dict[str, Any] = {
            "dataset": {"id": benchmark.id, "task_id": task_name(result.task, name)},
            "value": result.values[name],
            "evaluation_framework": FRAMEWORK,
            "notes": f"{result.task}, {name}, seed {result.seed}{span}",
        }
        if benchmark.source:
            entry["source"] = {"url": benchmark.source, "name": FRAMEWORK}
        yield entry


def _yaml(body: Any, indent: str = "") -> str:
    """Mappings, lists, text and numbers as YAML that versions 1.1 and 1.2 read alike."""
    if isinstance(body, Mapping):
        lines = [f"{indent}{key}:{_under(value, indent)}" for key, value in body.items()]
        return "\n".join(lines)
    inner = f"{indent}  "
    return "\n".join(f"{indent}- {_yaml(item, inner).lstrip()}" for item in body)


def _under(value: Any, indent: str) -> str:
    if isinstance(value, Mapping | list):
        return f"\n{_yaml(value, indent + '  ')}"
    if isinstance(value, float):
        text = repr(value)  # to YAML 1.1, 1e-05 is text, and 1.0e-05 a number
        return f" {text if '.' in text else text.replace('e', '.0e')}"
    return f" {yaml_scalar(value)}"


def _croissant(benchmark: HubBenchmark, table: bytes) -> dict[str, Any]:
    columns = table.decode().partition("\n")[0].split(",")
    digest = sha256_bytes(table)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": benchmark.id.partition("/")[2],
        "description": f"{terminal(benchmark.title)}: results of {FRAMEWORK} {__version__}",
        "license": [terminal(benchmark.licence)],
        "citeAs": f"{FRAMEWORK} {__version__}, results {digest}",
        "url": benchmark.source or f"urn:sha256:{digest}",
        "version": "1.0.0",
        "datePublished": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": _TABLE,
                "name": _TABLE,
                "contentUrl": _TABLE,
                "encodingFormat": "text/csv",
                "sha256": digest,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "results",
                "name": "results",
                "description": "A row a value of a result.",
                "field": [_field(column) for column in columns],
            }
        ],
    }


def _field(column: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"results/{column}",
        "name": column,
        "description": _MEANINGS.get(column, column.replace("_", " ")),
        "dataType": _TYPES.get(column, "sc:Text"),
        "source": {"fileObject": {"@id": _TABLE}, "extract": {"column": column}},
    }
