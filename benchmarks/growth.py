"""Time and memory of commands against how much they are given: exponents in a table.

    python -m benchmarks.growth [stored report evaluate builtin photographs collect parts]
        [--sizes 1000 10000 100000]

Every command runs in processes of its own on n images of 32 px (`evaluate` compares one half of
them with the other), on n photographs of 1 to 12 megapixels or, for `report`, on n results. Its
seconds are those of the processor, user and system, its children's included, since those of the
clock depend on what else the machine does; its memory is the most that all of its processes held
together. What took less than a minute is the median of three. Start-up is no growth: a + b n^k is
laid through three sizes, which leaves no freedom, and k is the exponent; n log n has 1.09. Beside
it stands what one more image costs between the two largest sizes.

`collect` finds, decodes and measures n files. Images that were stored before
are put into a ledger by the ledger's own functions, each with its file and a hash of its own, and
the same command lists their sources, sees that all are there and gathers the dataset.
`parts` are those of `growth_parts`. What was measured before stays in the file.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from anyres_bench.building import ledger as ledgers
from anyres_bench.building import outcomes
from anyres_bench.building.pipeline import Order
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.folder import Folder
from anyres_bench.core.files import sha256_file, write_json
from anyres_bench.data.dataset import Dataset
from anyres_bench.results import Result, Task
from anyres_bench.results.files import read_result, write_result
from benchmarks import photographs
from benchmarks.growth_parts import Table, parts
from benchmarks.machine import machine
from benchmarks.process_tree import measured
from benchmarks.wide_extractor import SIDE

_VIEW = "anyres-full32-noflip"
_WIDE = "benchmarks.wide_extractor:build"  # vectors as long as Inception's, at no cost
_LONG = 20.0  # CPU seconds from which a command runs once
_AGAIN = 3
_RECORDS = Path("anyres_bench/results/scenes/constant")
_PHOTOGRAPHS = 48  # that are drawn
_TASKS = 10  # models that share a task, where results are of many tasks


@dataclass(frozen=True)
class Step:
    """A command, and the folders that are removed before each of its runs."""

    name: str
    arguments: tuple[str, ...]
    anew: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Place:
    """A folder with the inputs of one size, and what is made of them."""

    folder: Path
    n: int

    def __getattr__(self, name: str) -> Path:
        return self.folder / name

    def run(self, step: Step) -> dict[str, float]:
        """What a command takes; the median of three where it is quick."""
        taken: list[dict[str, float]] = []
        while len(taken) < _AGAIN and (not taken or taken[0]["cpu_s"] < _LONG):
            for folder in step.anew:
                shutil.rmtree(folder, ignore_errors=True)
            taken.append(measured(step.arguments, {"ANYRES_BENCH_CACHE": str(self.cache)}))
        medians = {name: statistics.median(one[name] for one in taken) for name in taken[0]}
        return {**medians, "runs": len(taken)}


def collecting(place: Place) -> Iterator[Step]:
    """All of `collect`."""
    pictures(place.files, place.n)
    command = ("collect", "folder", str(place.files), str(place.data), "--min-side", str(SIDE))
    yield Step("collect", command, (place.data,))


def storing(place: Place) -> Iterator[Step]:
    """What is done with images that are stored, and looks at none."""
    data = str(place.data)
    yield assembly(place)
    yield Step("inspect", ("inspect", data))
    yield Step("inspect --verify", ("inspect", data, "--verify"))


def assembly(place: Place) -> Step:
    """`collect` of what is stored already."""
    pictures(place.files, place.n)
    store(place)
    command = ("collect", "folder", str(place.files), str(place.data), "--min-side", str(SIDE))
    return Step("collect, all stored", command)


def evaluating(place: Place) -> Iterator[Step]:
    """All of `evaluate`."""
    measured(assembly(place).arguments, {})
    data, out = str(place.data), str(place.out)
    evaluate = ("evaluate", "real", "--dataset", data, "--n", str(place.n // 2), "--out", out)
    frechet = (*evaluate, "--extractor", _WIDE, "--suite", f"{_VIEW}/frechet")
    yield Step("evaluate, Fréchet", frechet, (place.cache, place.out))
    yield Step("evaluate, Fréchet, features kept", frechet, (place.out,))
    folder = ("evaluate", f"folder:{place.files}", *frechet[2:])
    yield Step("evaluate folder:", folder, (place.cache, place.out))


def evaluating_builtin(place: Place) -> Iterator[Step]:
    """All of `evaluate` with the built-in extractor, whose vectors are short."""
    measured(assembly(place).arguments, {})
    command = ("evaluate", "real", "--dataset", str(place.data), "--n", str(place.n // 2))
    options = ("--extractor", "builtin", "--suite", f"{_VIEW}/frechet", "--out", str(place.out))
    yield Step("evaluate, built-in extractor", (*command, *options), (place.cache, place.out))


def evaluating_photographs(place: Place) -> Iterator[Step]:
    """A folder of n photographs, whole and in patches, by the features of Inception.

    The folder holds a few of them again and again, under names of their own.
    """
    photographs.prepare(place.pictures, _PHOTOGRAPHS)
    fake = place.pictures / "fake"
    for i in range(_PHOTOGRAPHS, place.n):
        os.link(fake / f"{i % _PHOTOGRAPHS:04}.jpg", fake / f"{i:04}.jpg")
    extractor = photographs.extractor_of(place.pictures)
    command = photographs.evaluation(place.pictures, place.out, place.n, extractor)
    yield Step("evaluate, photographs", tuple(command), (place.cache, place.out))


def reporting(place: Place) -> Iterator[Step]:
    """Pages and tables of n results, of one task or of many."""
    record = min(_RECORDS.rglob("*.json"))
    for name, tasks in (("one task", 1), ("many tasks", max(place.n // _TASKS, 1))):
        folder = place.folder / name
        for result in results(record, place.n, tasks):
            write_result(folder, result)
        report = ("report", str(folder), "--out")
        yield Step(f"report, {name}", (*report, str(place.folder / f"{name}.html")))
        if tasks == 1:
            yield Step("report, table", (*report, str(place.table / "of.csv")), (place.table,))
        shutil.rmtree(folder)


def pictures(folder: Path, n: int) -> None:
    """Files of coarse noise with grain, each its own; those that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(n):
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        grain = rng.integers(-16, 17, (SIDE, SIDE, 3), dtype=np.int16)
        levels = np.clip(np.asarray(smooth, np.int16) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(levels).save(folder / f"{i:06}.png", compress_level=1)


def store(place: Place) -> None:
    """The ledger and files of a run of `collect` that was stopped before it wrote tables."""
    order = Order(Folder(place.files), place.data, "data", Rules(min_side=SIDE))
    pattern = example(place)
    with ledgers.opened(order.folder) as ledger:
        ledger.claim(order.recipe())
        ledger.list_candidates(order.collector.candidates(), whole=True)
        ledger.begin()
        rng = np.random.default_rng(1)
        jobs = ledger.pending()
        while batch := list(itertools.islice(jobs, 1000)):
            ledger.record([stored(place, job, pattern, rng.bytes(32).hex()) for job in batch])


def example(place: Place) -> outcomes.Image:
    """A picture as `collect` stores it."""
    few, data = place.folder / "few", place.folder / "few-data"
    pictures(few, 4)
    command = ("collect", "folder", str(few), str(data), "--min-side", str(SIDE))
    measured(command, {"ANYRES_BENCH_CACHE": str(place.cache)})
    with ledgers.opened(data) as ledger:
        return next(image for _, image in ledger.images())


def stored(
    place: Place, job: outcomes.Job, pattern: outcomes.Image, phash: str
) -> outcomes.Outcome:
    """A candidate that is done: its file linked to its place, its own bytes and hash in its row."""
    candidate = job.candidate
    original = place.files / candidate.source_id
    name = outcomes.image_name(job.number, candidate.key, "png")
    path = place.data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    os.link(original, path)
    own = {
        "file_name": name,
        "sha256": sha256_file(original),
        "n_bytes": original.stat().st_size,
        "source_id": candidate.source_id,
        "group": candidate.key,
    }
    image = outcomes.Image({**pattern.record, **own}, {**pattern.metadata, "phash": phash})
    return outcomes.Outcome(job, "done", images=(image,))


def results(record: Path, n: int, tasks: int) -> Iterator[Result]:
    """n results as the one given, of n / tasks models on each of several tasks."""
    result = read_result(record)
    task = Task.parse(result.task)
    for i in range(n):
        model, of = divmod(i, tasks)
        model_of = replace(result.model, id=f"model-{model}", spec=f"model-{model}")
        values = {name: value * (1 + i / n) for name, value in result.values.items()}
        asked = replace(task, n=task.n + of).id
        yield replace(result, task=asked, model=model_of, values=values, intervals={})


def exponent(rows: dict[int, dict[str, float]], what: str) -> float | None:
    """k of a + b n^k through the three largest sizes; None where it does not grow at each."""
    if len(rows) < 3:
        return None
    sizes = sorted(rows)[-3:]
    low, middle, high = (rows[n][what] for n in sizes)
    if not low < middle < high:
        return None
    wanted = (high - middle) / (middle - low)
    left, right = 0.01, 5.0
    while right - left > 1e-6:
        k = (left + right) / 2
        a, b, c = (math.exp(k * math.log(n / sizes[0])) for n in sizes)
        left, right = (k, right) if (c - b) / (b - a) < wanted else (left, k)
    return k


def rows_of(table: Table) -> list[dict[str, Any]]:
    """A row of each command or part."""
    rows = []
    for name, taken in table.items():
        *_, before, last = sorted(taken) if len(taken) > 1 else (0, 0)
        row: dict[str, Any] = {"what": name}
        for kind in ("cpu_s", "peak_mib"):
            row[f"{kind}_exponent"] = exponent(taken, kind)
            if last:
                grown = taken[last][kind] - taken[before][kind]
                row[f"{kind}_each"] = grown / (last - before)
        rows.append(row | {"taken": {str(n): one for n, one in sorted(taken.items())}})
    return rows


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The table for people."""
    sizes = sorted({int(n) for row in rows for n in row["taken"]})
    head = ["command", *(f"{n:,}" for n in sizes), "exponent", "each", "exponent", "each"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        cells = [row["what"]]
        for n in sizes:
            one = row["taken"].get(str(n))
            cells.append(f"{one['cpu_s']:.1f} s, {one['peak_mib']:.0f} MiB" if one else "")
        for kind, unit, scale in (("cpu_s", "ms", 1e3), ("peak_mib", "KiB", 1024)):
            k, each = row[f"{kind}_exponent"], row.get(f"{kind}_each")
            cells.append("" if k is None else f"{k:.2f}")
            cells.append("" if each is None else f"{each * scale:.2f} {unit}")
        lines.append(cells)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_COMMANDS = {
    "stored": storing,
    "report": reporting,
    "evaluate": evaluating,
    "builtin": evaluating_builtin,
    "photographs": evaluating_photographs,
    "collect": collecting,
}


def main() -> None:
    """Measure, print and write after every command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=[*_COMMANDS, "parts"])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10000, 100000])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/growth.json"))
    args = parser.parse_args()
    where = machine()
    known = json.loads(args.out.read_text()) if args.out.exists() else {}
    tables = {kind: table_of(known.get(kind, [])) for kind in ("commands", "parts")}
    for steps in (of for name, of in _COMMANDS.items() if name in args.what):
        for n in args.sizes:
            with tempfile.TemporaryDirectory() as name:
                place = Place(Path(name), n)
                for step in steps(place):
                    taken = place.run(step)
                    tables["commands"].setdefault(step.name, {})[n] = taken
                    print(n, step.name, taken, flush=True)
                    write(args.out, where, tables)
    if "parts" in args.what:
        with tempfile.TemporaryDirectory() as name:
            place = Place(Path(name), 0)
            example(place)
            few = Dataset.read(place.folder / "few-data")
            tables["parts"] |= parts(few, place.folder / "parts", args.sizes)
            write(args.out, where, tables)
    print(markdown(rows_of(tables["commands"])))


def table_of(rows: Sequence[dict[str, Any]]) -> Table:
    """What was measured, from a file."""
    return {row["what"]: {int(n): one for n, one in row["taken"].items()} for row in rows}


def write(path: Path, where: dict[str, Any], tables: dict[str, Table]) -> None:
    """Write all that is known."""
    write_json(path, {"machine": where} | {name: rows_of(of) for name, of in tables.items()})


if __name__ == "__main__":
    main()
