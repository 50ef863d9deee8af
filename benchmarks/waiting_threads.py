"""Threads that sleep while they wait for one another, as commands ask for, against the default.

    python -m benchmarks.waiting_threads [--out benchmarks/results/waiting_threads.json]

`generate` renders eight canvases of 128 px with a network that the package holds, each time in a
process of its own, sides in turns; alone, and beside one busy loop a core. OpenMP and OpenBLAS read
the variables when they are loaded; those of the first side are their defaults. Compared are seconds
of the clock and of the processors, medians; the pictures are the same, and that is checked.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from anyres_bench.core.files import sha256_file, write_json
from benchmarks.busy import busy_loops
from benchmarks.machine import machine

SIDES = {
    "spinning": {"OMP_WAIT_POLICY": "", "OPENBLAS_THREAD_TIMEOUT": "26"},
    "sleeping": {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "4"},
}


def render(settings: dict[str, str]) -> dict[str, Any]:
    """What one command takes, and the digests of its pictures."""
    command = [sys.executable, "-m", "anyres_bench", "generate", "embedded:ours-seed0"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command += ["--size", "128", "--seeds", "0-7", "--out", str(out)]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        env = os.environ | settings
        subprocess.run(command, env=env, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "seconds": time.perf_counter() - start,
            "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "pictures": [sha256_file(file) for file in sorted(out.rglob("*.png"))],
        }


def measure(repeats: int, n_busy: int) -> dict[str, Any]:
    """Medians of both sides beside so many busy loops, and their ratio."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    with busy_loops(n_busy):
        for _ in range(repeats):
            for side, settings in SIDES.items():
                runs[side].append(render(settings))
                print(n_busy, side, {k: v for k, v in runs[side][-1].items() if k != "pictures"})
    if len({tuple(one["pictures"]) for side in runs.values() for one in side}) > 1:
        raise SystemExit("the pictures differ")
    found: dict[str, Any] = {
        side: {key: statistics.median(one[key] for one in of) for key in ("seconds", "cpu_s")}
        for side, of in runs.items()
    }
    ratio = found["spinning"]["seconds"] / found["sleeping"]["seconds"]
    return {"busy_loops": n_busy, **found, "ratio": ratio}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/waiting_threads.json"))
    args = parser.parse_args()
    before = machine()
    cells = [measure(args.repeats, n_busy) for n_busy in (0, os.cpu_count() or 1)]
    print([cell["ratio"] for cell in cells])
    write_json(args.out, {"repeats": args.repeats, "machine": before, "cells": cells})


if __name__ == "__main__":
    main()
