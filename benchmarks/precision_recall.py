"""Precision, recall, density and coverage against the `prdc` package: time, memory, values.

    python -m benchmarks.precision_recall [--n 10000] [--repeats 3]
    python -m benchmarks.precision_recall --n 50000 --against-itself   # ours alone, minutes

Every measurement is a process of its own, so peaks of memory do not mix; the sides take turns.
CPU seconds are compared, so other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIM, K = 2048, 5


def features(seed: int, n: int, scale: float, shift: float) -> NDArray[np.float32]:
    """Rectified rows with a power-law spectrum, as pooled features are; made in place."""
    rng = np.random.default_rng(seed)
    spread = (np.arange(1, DIM + 1) ** -0.3).astype(np.float32)
    rows = rng.standard_normal((n, DIM), dtype=np.float32)
    rows *= spread * np.float32(scale)
    rows += np.float32(shift) * spread
    return np.maximum(rows, 0, out=rows)


def ours(real: NDArray[np.float32], fake: NDArray[np.float32]) -> dict[str, float]:
    from anyres_bench.metrics.prdc import prdc

    return prdc(real, fake, K, "strict")


def package(real: NDArray[np.float32], fake: NDArray[np.float32]) -> dict[str, float]:
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        values = compute_prdc(real, fake, nearest_k=K)
    return {name: float(value) for name, value in values.items()}


SIDES = {"ours": ours, "prdc package": package}


def peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(side: str, n: int, against_itself: bool) -> dict[str, Any]:
    """One computation in this process: seconds, peak memory, values."""
    real = features(1, n, 1.0, 0.3)
    fake = real if against_itself else features(2, n, 1.05, 0.25)
    SIDES[side](real[:64], fake[:64])  # imports are not what is measured
    before, cpu, wall = peak_mebibytes(), time.process_time(), time.perf_counter()
    values = SIDES[side](real, fake)
    return {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "peak": peak_mebibytes(),
        "above_inputs": peak_mebibytes() - before,
        "values": values,
    }


def in_a_process(side: str, n: int, against_itself: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.precision_recall", "--n", str(n), "--side", side]
    command += ["--against-itself"] if against_itself else []
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(result.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--against-itself", action="store_true")
    parser.add_argument("--side", choices=SIDES, help="measure one side in this process")
    args = parser.parse_args()
    if args.side:
        print(json.dumps(measure(args.side, args.n, args.against_itself)))
        return
    sides = ["ours"] if args.against_itself else list(SIDES)
    repeats = 1 if args.against_itself else args.repeats
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            runs[side].append(in_a_process(side, args.n, args.against_itself))
    print(f"{args.n} x {DIM} against {'itself' if args.against_itself else 'as many'}, k = {K}")
    medians = {}
    for side, results in runs.items():
        median = {
            name: statistics.median(r[name] for r in results)
            for name in ("cpu", "wall", "peak", "above_inputs")
        }
        medians[side] = median
        print(
            f"  {side:14s} CPU {median['cpu']:7.1f} s  wall {median['wall']:7.1f} s  "
            f"peak {median['peak']:7.0f} MiB, above inputs {median['above_inputs']:7.0f} MiB"
        )
        print(f"  {'':14s} {results[0]['values']}")
    if len(sides) == 2:
        a, b = medians["prdc package"], medians["ours"]
        print(
            f"  ours is {a['cpu'] / b['cpu']:.1f} times faster (CPU) and takes "
            f"{a['above_inputs'] / b['above_inputs']:.1f} times less memory above the inputs"
        )


if __name__ == "__main__":
    main()
