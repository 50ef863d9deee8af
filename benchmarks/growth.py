"""Time and memory of commands against how much they are given: exponents in a table.

    python -m benchmarks.growth [--sizes 300 1000 3000] [--out benchmarks/results/growth.json]

For every size n, each command runs in a process of its own, on n images of 32 px, or, for `report`,
on n results. Seconds are of the processor (user and system, its children included), since those of
the clock depend on what else the machine does; memory is the largest of any of its processes. What
a command takes for its smallest input is taken off first, so an exponent is of what grows: the
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
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from anyres_bench.core.files import write_json
from anyres_bench.results.files import read_result, write_result

SMALLEST = 30  # of the commands' inputs, whose seconds are taken off
SIDE = 32  # px
_TASK = "full32/frechet"
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
peak = max(one.ru_maxrss for one in used) / 1024
wall = time.perf_counter() - start
print("\\n" + json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_mib": peak}))
"""


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
    result = read_result(record)
    for i in range(n):
        model = replace(result.model, id=f"model-{i}", spec=f"model-{i}")
        values = {name: value * (1 + i / n) for name, value in result.values.items()}
        write_result(folder, replace(result, model=model, values=values, intervals={}))


def exponent(rows: dict[int, dict[str, float]], what: str) -> float | None:
    """Slope between the two largest sizes, of what is more than for the smallest."""
    small, *_, before, last = sorted(rows)
    grown = [rows[n][what] - rows[small][what] for n in (before, last)]
    if grown[0] <= 0 or grown[1] <= 0:
        return None
    return math.log(grown[1] / grown[0]) / math.log((last - small) / (before - small))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[300, 1000, 3000])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/growth.json"))
    args = parser.parse_args()
    table: dict[str, dict[int, dict[str, float]]] = {}
    for n in (SMALLEST, *args.sizes):
        folder = Path(tempfile.mkdtemp())
        try:
            for name, taken in commands(folder, n):
                table.setdefault(name, {})[n] = taken
                print(n, name, taken, flush=True)
        finally:
            shutil.rmtree(folder)
    rows: list[dict[str, Any]] = [
        {
            "command": name,
            "cpu_exponent": exponent(taken, "cpu_s"),
            "memory_exponent": exponent(taken, "peak_mib"),
            "taken": {str(n): one for n, one in taken.items()},
        }
        for name, taken in table.items()
    ]
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    machine |= {"load": os.getloadavg()[0]}
    write_json(args.out, {"machine": machine, "smallest": SMALLEST, "rows": rows})


if __name__ == "__main__":
    main()
