"""Records of the embedded benchmark, paired differences of its systems, and the tables of both.

    python -m benchmarks.embedded_records add NAME...    measure systems of benchmark.toml and keep
                                                         their records and pictures in the package
    python -m benchmarks.embedded_records differences    pairs of systems, where `add` has measured
    python -m benchmarks.embedded_records tables         write both into README.md and docs/

`add` takes a minute or two a system and goes on where it was stopped; what it measured stays in
`reproduced/scenes` and in the cache, from which `differences` are computed. `tables` needs neither.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from itertools import combinations
from pathlib import Path
from typing import Any

from tqdm import tqdm

from anyres_bench.core.files import write_json
from anyres_bench.evaluation.headlines import role_of
from anyres_bench.evaluation.pairs import paired
from anyres_bench.evaluation.report_samples import samples_path
from anyres_bench.leaderboard.committed import (
    DIFFERENCES,
    PICTURES,
    SCENES,
    committed_records,
    read_benchmark,
)
from anyres_bench.leaderboard.reproducing import CommittedRun, reproduce, reproduction_text
from anyres_bench.results import Result, Task
from benchmarks.embedded_floors import REAL_PICTURES, committed_floors

PAGES = (Path("README.md"), Path("docs/findings.md"))
PICTURED = ("patch32-at32", "patch32-at128", "anyres-full128")
REAL, FLOOR = "real", "constant"
TABLES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "short": {
        "whole, 32 px": ("anyres-full32/frechet", "frechet"),
        "windows, 32 px": ("patch32-at32/frechet", "frechet"),
        "64 px": ("patch32-at64/frechet", "frechet"),
        "128 px": ("patch32-at128/frechet", "frechet"),
        "random sizes": ("anyres-patch32-min32max128/frechet", "frechet"),
    },
    "more": {
        "whole, 128 px": ("anyres-full128/frechet", "frechet"),
        "KID": ("anyres-patch32-min32max128/kid", "kid"),
        "precision": ("anyres-patch32-min32max128/precision-recall", "precision"),
        "recall": ("anyres-patch32-min32max128/precision-recall", "recall"),
        "AP": ("anyres-patch32-min32max128/detectability", "ap"),
        "area over sizes": ("ar1-patch32-min32max128/scale-frechet", "frechet_area"),
        "consistency": ("pair-at32and128/consistency", "ssim"),
        "detail": ("pair-at32and128/consistency", "detail"),
    },
}
PAIRS = (
    ("ours-seed0", "official-seed0"),
    ("ours-seed0", "no-octaves-seed0"),
    ("no-octaves-seed0", "official-seed0"),
    ("ours-seed1", "official-seed1"),
    ("ours-seed1", "no-octaves-seed1"),
    ("no-octaves-seed1", "official-seed1"),
    ("ours-seed0", "no-teacher-seed0"),
    ("ours-seed1", "no-teacher-seed1"),
    ("official-seed0", "no-scale-seed0"),
    ("official-seed1", "no-scale-seed1"),
    ("no-octaves-seed0", "no-scale-seed0"),
    ("no-octaves-seed1", "no-scale-seed1"),
    ("ours-seed0", "no-scale-seed0"),
    ("ours-seed1", "no-scale-seed1"),
    ("continuous-seed0", "discrete-seed0"),
    ("ours-seed0", "scratch-seed0"),
    ("ours-seed1", "scratch-seed1"),
    ("ours-seed0", "stage1-seed0"),
    ("ours-seed1", "stage1-seed1"),
    ("official-seed0", "stage1-seed0"),
    ("official-seed1", "stage1-seed1"),
    ("ours-seed0", "lanczos-stage1-seed0"),
    ("ours-seed1", "lanczos-stage1-seed1"),
    ("stage1-seed0", "lanczos-stage1-seed0"),
    ("stage1-seed1", "lanczos-stage1-seed1"),
    ("liif-seed0", "lanczos-stage1-seed0"),
    ("realesrgan-seed0", "lanczos-stage1-seed0"),
    ("ours-seed0", "liif-seed0"),
    ("ours-seed0", "realesrgan-seed0"),
    ("ours-seed0", "anycost-seed0"),
    ("ours-seed0", "mspe-seed0"),
    ("ours-seed1", "mspe-seed0"),
    ("ours-seed0", "infinitygan-seed0"),
    ("ours-seed1", "infinitygan-seed0"),
    ("ours-seed0", "lanczos-32"),
    ("ours-seed0", "nearest-32"),
    ("ours-seed0", "lanczos-64"),
)


def add(names: Sequence[str], out: Path) -> None:
    """Measure systems, and replace what the package holds of them."""
    for name in names:  # a network of before may have had the name; features are in the cache
        shutil.rmtree(out / "results" / name, ignore_errors=True)
    found = reproduce(CommittedRun(out, "cpu", only=tuple(names)))
    print(reproduction_text(found))
    for name in names:
        shutil.rmtree(SCENES / name, ignore_errors=True)
        shutil.copytree(out / "results" / name, SCENES / name)
    keep_pictures()


def keep_pictures() -> None:
    """The rows of pictures of all committed records, as far as the cache has them; no others."""
    PICTURES.mkdir(exist_ok=True)
    wanted = set()
    for record in (one for of in all_records().values() for one in of.values()):
        if Task.parse(record.task).protocol not in PICTURED:
            continue
        for state in record.states.values():
            path = samples_path(state.key)
            wanted.add(path.name)
            if path.is_file():
                shutil.copyfile(path, PICTURES / path.name)
    for path in PICTURES.iterdir():
        if path.name not in wanted:
            path.unlink()


def all_records() -> dict[str, dict[str, Result]]:
    """System -> PROTOCOL/METRIC as in benchmark.toml -> record; in the benchmark's order."""
    benchmark = read_benchmark()
    found: dict[str, dict[str, Result]] = {}
    for system in benchmark.systems:
        records = {Task.parse(text): one for text, one in committed_records(system).items()}
        found[system.name] = {
            wanted: one
            for wanted in benchmark.tasks_of(system)
            for task, one in records.items()
            if is_task(task, wanted)
        }
    return found


def is_task(task: Task, wanted: str) -> bool:
    """Whether a task in full is the one that PROTOCOL/METRIC names."""
    protocol, metric = wanted.split("/")
    return task.protocol == protocol and f"{task.metric}-".startswith(f"{metric}-")


def write_differences(out: Path) -> None:
    """The values of one system minus those of another, with intervals.

    For `PAIRS`, and for every two models, as the leaderboard ranks them by it. What `out` holds of
    the same two records stays.
    """
    records, rows = all_records(), []
    held = json.loads(out.read_text())["differences"] if out.exists() else []
    kept = {(row["a"], row["b"], row["task"], *row["seals"].values()): row for row in held}
    models = [name for name, of in records.items() if is_model(of)]
    pairs = dict.fromkeys([*PAIRS, *combinations(models, 2)])
    for one, other in tqdm([pair for pair in pairs if all(map(records.get, pair))]):
        for task in sorted(records[one].keys() & records[other].keys()):
            two = records[one][task], records[other][task]
            seals = dict(zip("ab", (of.seal for of in two), strict=True))
            row = kept.get((one, other, task, *seals.values()))
            if row is None:
                found = paired(*two)
                if found is None:
                    raise SystemExit(f"features of {one} or {other} are gone: `add` them again")
                values = {name: astuple(of) for name, of in found.items()}
                row = {"a": one, "b": other, "task": task, "values": values, "seals": seals}
            rows.append(row)
    write_json(out, {"differences": rows})


def is_model(records: Mapping[str, Result]) -> bool:
    """Whether a system is no control, so that it is ranked."""
    return any(not role_of(record.model.id) for record in records.values())


def number(value: float) -> str:
    """Three digits, or whole."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cell(record: Result | None, name: str) -> str:
    """A value and its interval."""
    if record is None or name not in record.values:
        return ""
    text, interval = number(record.values[name]), record.intervals.get(name)
    if interval and "near-bound" in interval.cautions:
        return f"{text} (at its bound)"
    return between(record.values[name], interval.low, interval.high) if interval else text


def between(value: float, low: float, high: float) -> str:
    """A value and the ends of its interval."""
    return f"{number(value)} [{number(low)}, {number(high)}]"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table; the first row is its head."""
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def table(columns: Mapping[str, tuple[str, str]]) -> str:
    """Systems by values."""
    rows = [["system", *columns]]
    for name, records in all_records().items():
        cells = [cell(records.get(task), value) for task, value in columns.values()]
        rows.append([f"`{name}`", *cells])
    return markdown(rows)


def difference_table(path: Path) -> str:
    """Pairs by tasks; what is told apart is bold."""
    found: dict[tuple[str, str], dict[tuple[str, str], Sequence[float]]] = {}
    for row in json.loads(path.read_text())["differences"]:
        if (row["a"], row["b"]) not in PAIRS:
            continue
        of = found.setdefault((row["a"], row["b"]), {})
        of |= {(row["task"], name): values for name, values in row["values"].items()}
    columns = {name: TABLES["short"][name] for name in list(TABLES["short"])[1:]}
    columns["area over sizes"] = TABLES["more"]["area over sizes"]
    rows = [["one minus another", *columns]]
    for (one, other), values in found.items():
        cells = [_told(values.get(key)) for key in columns.values()]
        rows.append([f"`{one}` − `{other}`", *cells])
        twin = found.get((_other_seed(one), _other_seed(other)))
        if twin and one.endswith("seed1"):
            both = {key: _mean(values[key], twin[key]) for key in values.keys() & twin.keys()}
            cells = [_told(both.get(key)) for key in columns.values()]
            names = (f"`{name.removesuffix('-seed1')}`" for name in (one, other))
            rows.append([" − ".join(names) + ", mean of both seeds", *cells])
    return markdown(rows)


def _other_seed(name: str) -> str:
    return f"{name[:-1]}{1 - int(name[-1])}" if name.endswith(("seed0", "seed1")) else name


def _mean(a: Sequence[float], b: Sequence[float]) -> Sequence[float]:
    """Value and ends of the mean of two differences, whose errors are each its own."""
    value = (a[0] + b[0]) / 2
    down, up = (math.hypot(a[0] - a[i], b[0] - b[i]) / 2 for i in (1, 2))
    return value, value - down, value + up


def floor_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Distances of AnyRes-GAN from real pictures and from every floor."""
    systems, others = (list(dict.fromkeys(row[key] for row in rows)) for key in ("of", "to"))
    found = {(row["of"], row["to"]): row for row in rows}
    table = [["distance from", *(f"`{name}`" for name in systems)]]
    for other in others:
        of = [found[name, other] for name in systems]
        cells = [between(row["value"], row["low"], row["high"]) for row in of]
        table.append([other if other == REAL_PICTURES else f"`{other}`", *cells])
    return markdown(table)


def _told(found: Sequence[float] | None) -> str:
    if found is None:
        return ""
    value, low, high, *_ = found
    text = between(value, low, high)
    return text if low <= 0 <= high else f"**{text}**"


def blocks() -> Iterator[tuple[str, str]]:
    """Name of a block of a page -> what stands in it."""
    for name, columns in TABLES.items():
        yield name, table(columns)
    yield "differences", difference_table(DIFFERENCES)
    yield "floors", floor_table(committed_floors())


def filled(text: str) -> str:
    """A page with its tables as the records have them."""
    for name, content in blocks():
        begin, end = f"<!-- table: {name} -->", "<!-- end of table -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        made = f"{begin}\n{content}\n{end}"
        text = pattern.sub(lambda _, made=made: made, text)
    return text


def main() -> None:
    """Do as told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["add", "differences", "tables"])
    parser.add_argument("names", nargs="*", help="systems")
    parser.add_argument("--out", type=Path, default=Path("reproduced/scenes"))
    args = parser.parse_args()
    if args.what == "add":
        add(args.names, args.out)
    elif args.what == "differences":
        write_differences(DIFFERENCES)
    else:
        for page in PAGES:
            page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
