"""`evaluate` with each image decoded once for all protocols, against once a protocol.

    python -m benchmarks.shared_images [--n 60] [--out benchmarks/results/shared_images.json]

Makes a folder of photograph-sized JPEG files, 1 to 12 megapixels of smooth noise with grain, and
measures it against itself (`--model real`, suite `quick`), every time in a process of its own with
an empty cache. Sides take turns; compared are wall-clock and CPU seconds of the whole command and
its largest memory. All records are the same but for the seconds in them, and that is checked.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from anyres_bench.core.files import write_json
from benchmarks.machine import machine

SIDES = ("apart", "shared")


def photograph(seed: int, file: Path) -> None:
    """A picture of 1 to 12 megapixels."""
    rng = np.random.default_rng(seed)
    width = int(np.sqrt(rng.uniform(1, 12) * 1e6 * 4 / 3))
    small = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    smooth = Image.fromarray(small).resize((width, width * 3 // 4), Image.Resampling.BICUBIC)
    pixels = np.asarray(smooth)
    grain = rng.integers(-12, 13, pixels.shape[:2], dtype=np.int16)[..., None]
    levels = np.clip(pixels.astype(np.int16) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(levels).save(file, "JPEG", quality=90)


def command(side: str, *arguments: str) -> None:
    """Run the command line in this process, images shared or not; say what it took."""
    from anyres_bench.cli.main import main as anyres_bench
    from anyres_bench.evaluation import evaluate

    start = time.perf_counter()
    apart = mock.patch.object(evaluate, "extract_together", return_value={})
    with apart if side == "apart" else contextlib.nullcontext():
        try:
            anyres_bench(list(arguments))
        except SystemExit as ended:
            if ended.code:
                raise
    used = resource.getrusage(resource.RUSAGE_SELF)
    taken = {"wall_s": time.perf_counter() - start, "cpu_s": used.ru_utime + used.ru_stime}
    print("\n" + json.dumps(taken | {"peak_mib": used.ru_maxrss / 1024}))


def run(folder: Path, side: str, data: Path, suite: str) -> tuple[dict[str, float], list[Any]]:
    """One command with an empty cache; what it took, and the values of its records."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        made = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.shared_images", "--side", side),
                *("--", "evaluate", "real", "--dataset", str(data), "--suite", suite),
                *("--out", f"{name}/out"),
            ],
            env=os.environ | {"ANYRES_BENCH_CACHE": f"{name}/cache"},
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise SystemExit(made.stdout + made.stderr)
        records = [json.loads(p.read_text()) for p in sorted(Path(name, "out").rglob("*.json"))]
    values = [(r["task"], r["values"], r["intervals"]) for r in records]
    return json.loads(made.stdout.splitlines()[-1]), values


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=60, help="images")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--suite", default="quick")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/shared_images.json"))
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
    args = parser.parse_args()
    where = machine()
    if args.side:
        command(args.side, *args.arguments)
        return
    taken: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as name:
        folder, files = Path(name), Path(name) / "files"
        files.mkdir()
        for seed in range(args.n):
            photograph(seed, files / f"{seed:04}.jpg")
        collect = ("collect", "folder", str(files), str(folder / "data"))
        subprocess.run([sys.executable, "-m", "anyres_bench", *collect], check=True)
        found = []
        for _ in range(args.repeats):
            for side in SIDES:
                seconds, values = run(folder, side, folder / "data", args.suite)
                taken[side].append(seconds)
                found.append(values)
                print(side, seconds, flush=True)
    if any(values != found[0] for values in found):
        raise SystemExit("the records differ")
    medians = {
        side: {key: statistics.median(one[key] for one in runs) for key in runs[0]}
        for side, runs in taken.items()
    }
    ratios = {key: medians["apart"][key] / medians["shared"][key] for key in medians["shared"]}
    facts = {"n": args.n, "suite": args.suite, "repeats": args.repeats, "n_tasks": len(found[0])}
    print(medians, ratios)
    write_json(args.out, {**facts, "machine": where, "medians": medians, "ratios": ratios})


if __name__ == "__main__":
    main()
