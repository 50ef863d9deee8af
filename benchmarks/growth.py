"""Time and memory of commands against how much they are given: exponents in a table.

    python -m benchmarks.growth [--parts 1000 10000 100000] [--sizes 300 1000 3000]

First the parts of commands that see all images or results at once, in this process: tables of
datasets written, read, split and summed up; near-duplicates found among hashes drawn at random; the
page of n results. Then, for every size n, each command runs in a process of its own, on n images of
32 px, or, for `report`, on n results. Seconds are of the processor (user and system, its children
included), since those of the clock depend on what else the machine does; memory is what the process
held at most. What the smallest input takes is taken off first, so an exponent is of what grows: the
slope of the logarithm of the rest over that of n, between the two largest sizes.

`collect` finds, decodes and measures n files; `collect again` finds all of them stored and gathers
the dataset anew. `report` is shown records of one task by n models.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from anyres_bench.building.duplicates import near_components
from anyres_bench.building.summary import summary_text
from anyres_bench.building.tables import REJECTS_NAME
from anyres_bench.core.files import sha256_text, write_json
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import Manifest
from anyres_bench.data.splits import halves
from anyres_bench.evaluation.render import Asked, render_report
from anyres_bench.results import Result
from anyres_bench.results.files import read_result, write_result

SMALLEST = 30  # of the commands' inputs, whose seconds are taken off
SIDE = 32  # px
PUBLISHED = Path("anyres_bench/results/scenes/constant")
_MOST_RESULTS = 10_000
_TASK = "anyres-full32-noflip/frechet"
T = TypeVar("T")
_CALL = """
import json, resource, runpy, sys, time
start = time.perf_counter()
try:
    runpy.run_module("anyres_bench", run_name="__main__", alter_sys=True)
except SystemExit as ended:
    if ended.code:
        raise
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
cpu = sum(one.ru_utime + one.ru_stime for one in used)
status = open("/proc/self/status").read().split()  # ru_maxrss begins with what the parent held
peak = int(status[status.index("VmHWM:") + 1]) / 1024
wall = time.perf_counter() - start
print("\\n" + json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_mib": peak}))
"""


Table = dict[str, dict[int, dict[str, float]]]  # what -> n -> what it took


def parts(folder: Path, sizes: list[int]) -> Table:
    """CPU seconds of every part on n images or results, and what the process holds at most."""
    table: Table = {}
    small = example(folder)
    published = min(PUBLISHED.rglob("*.json"))
    asked = Asked("growth", lambda a, b: None)
    for n in sizes:
        dataset = many(small, n, folder / str(n))
        timed(table, "dataset written", n, dataset.write)
        again = timed(table, "dataset read", n, partial(Dataset.read, dataset.folder))
        timed(table, "dataset in halves", n, partial(halves, again))
        timed(table, "dataset in words", n, partial(summary_text, again))
        hashes = np.random.default_rng(0).integers(0, 256, (n, 32), dtype=np.uint8)
        timed(table, "near-duplicates", n, partial(near_components, hashes, 31))
        if n <= _MOST_RESULTS:
            results = of_models(published, n)
            timed(table, "page of results", n, partial(render_report, results, asked))
    return table


def timed(table: Table, name: str, n: int, call: Callable[[], T]) -> T:
    """What a part gives; a row of what it took."""
    start = time.process_time()
    result = call()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row = {"cpu_s": time.process_time() - start, "peak_mib": peak}
    table.setdefault(name, {})[n] = row
    print(n, name, row, flush=True)
    return result


def example(folder: Path) -> Dataset:
    """A small dataset, whose first record stands for all."""
    pictures(folder / "few", 4)
    collect = ("collect", "folder", str(folder / "few"), str(folder / "data"))
    run(folder, *collect, "--min-side", str(SIDE))
    return Dataset.read(folder / "data")


def many(dataset: Dataset, n: int, folder: Path) -> Dataset:
    """A dataset of n records."""
    folder.mkdir()
    shutil.copy(dataset.folder / REJECTS_NAME, folder)
    first = dataset.manifest[0]
    names = (f"{i:06}" for i in range(n))
    records = (
        replace(first, file_name=f"{name}.png", sha256=sha256_text(name), group=name)
        for name in names
    )
    return replace(dataset, folder=folder, manifest=Manifest(records))


def pictures(folder: Path, n: int) -> None:
    """Files of noise, each its own."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(n):
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        picture.save(folder / f"{i:06}.png", compress_level=1)


def run(folder: Path, *arguments: str) -> dict[str, float]:
    """What one command takes.

    Raises:
        SystemExit: it failed, with what it said.
    """
    made = subprocess.run(
        [sys.executable, "-c", _CALL, *arguments],
        env=os.environ | {"ANYRES_BENCH_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise SystemExit(made.stdout + made.stderr)
    found: dict[str, float] = json.loads(made.stdout.splitlines()[-1])
    return found


def commands(folder: Path, n: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Every command on n images, and what it took."""
    pictures(folder / "files", n)
    files, data, out = (str(folder / name) for name in ("files", "data", "out"))
    collect = ("collect", "folder", files, data, "--min-side", str(SIDE))
    yield "collect", run(folder, *collect)
    yield "collect again", run(folder, *collect, "--refresh")
    yield "inspect", run(folder, "inspect", data)
    half = str(n // 2)
    evaluate = ("evaluate", "real", "--dataset", data, "--n", half, "--out", out)
    yield "evaluate", run(folder, *evaluate, "--suite", _TASK)
    yield "evaluate again", run(folder, *evaluate, "--suite", _TASK, "--fresh")
    [record] = Path(out).rglob("*.json")
    models(folder / "many", record, n)
    page = str(folder / "page.html")
    yield "report", run(folder, "report", str(folder / "many"), "--out", page)


def models(folder: Path, record: Path, n: int) -> None:
    """Results of n models on one task, all as the one given."""
    for result in of_models(record, n):
        write_result(folder, result)


def of_models(record: Path, n: int) -> list[Result]:
    """The same, not written."""
    result, found = read_result(record), []
    for i in range(n):
        model = replace(result.model, id=f"model-{i}", spec=f"model-{i}")
        values = {name: value * (1 + i / n) for name, value in result.values.items()}
        found.append(replace(result, model=model, values=values, intervals={}))
    return found


def rows_of(table: Table) -> list[dict[str, Any]]:
    """A row of each part or command."""
    return [
        {
            "what": name,
            "cpu_exponent": exponent(taken, "cpu_s"),
            "memory_exponent": exponent(taken, "peak_mib"),
            "taken": {str(n): one for n, one in taken.items()},
        }
        for name, taken in table.items()
    ]


def exponent(rows: dict[int, dict[str, float]], what: str) -> float | None:
    """Slope between the two largest sizes, of what is more than for the smallest."""
    if len(rows) < 3:
        return None
    small, *_, before, last = sorted(rows)
    grown = [rows[n][what] - rows[small][what] for n in (before, last)]
    if grown[0] <= 0 or grown[1] <= 0:
        return None
    return math.log(grown[1] / grown[0]) / math.log((last - small) / (before - small))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, nargs="*", default=[1000, 10000, 100000])
    parser.add_argument("--sizes", type=int, nargs="*", default=[300, 1000, 3000])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/growth.json"))
    args = parser.parse_args()
    machine: dict[str, Any] = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }
    with tempfile.TemporaryDirectory() as name:
        found = {"parts": rows_of(parts(Path(name), [SMALLEST, *args.parts]))}
    write_json(args.out, {"machine": machine, "smallest": SMALLEST, **found})
    table: Table = {}
    for n in (SMALLEST, *args.sizes):
        with tempfile.TemporaryDirectory() as name:
            for command, taken in commands(Path(name), n):
                table.setdefault(command, {})[n] = taken
                print(n, command, taken, flush=True)
        found["commands"] = rows_of(table)
        load = {"load": os.getloadavg()[0]}
        write_json(args.out, {"machine": machine | load, "smallest": SMALLEST, **found})


if __name__ == "__main__":
    main()
