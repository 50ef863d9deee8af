"""Does the `ar1` suite cost more than half as much again as looking at the images once?

    anyres-bench collect scenes data/scenes --n 1000
    python -m benchmarks.ar1_cost data/scenes [--model scenes] [--n 1000] [--out FILE.json]

Shown are the seconds of rendering and one feature pass (both sides, every size), of each metric at
all sizes with its intervals, and the ratio of everything to the first. A procedural world renders
as cheaply as anything does, so its ratio is as bad as it gets. Nothing is taken from a cache.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from anyres_bench.core.files import write_json
from anyres_bench.evaluation.api import evaluate
from anyres_bench.results import Result, Task

LOOKING = "rendering and features"


def seconds_of(results: Sequence[Result]) -> dict[str, float]:
    """Seconds of looking at the images once, and of each metric at all sizes together."""
    sides: dict[tuple[str, str], float] = defaultdict(float)
    metrics: dict[str, float] = defaultdict(float)
    for result in results:
        task = Task.parse(result.task)
        for side, spent in result.seconds.items():
            if side == "metric":
                metrics[task.metric] += spent
            else:
                sides[task.protocol, side] = max(sides[task.protocol, side], spent)
    return {LOOKING: sum(sides.values()), **metrics}


def main() -> None:
    """Print the table and write it, if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", default="scenes")
    parser.add_argument("--suite", default="ar1")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ANYRES_BENCH_CACHE"] = f"{folder}/cache"
        results = evaluate(
            args.model, args.dataset, args.suite, n=args.n, out=f"{folder}/results", workers=1
        )
    seconds = seconds_of(results)
    ratio = sum(seconds.values()) / seconds[LOOKING]
    for name, spent in seconds.items():
        print(f"{spent:9.1f} s  {name}")
    print(f"{ratio:9.2f}    everything over {LOOKING}, n {args.n}, {len(results)} tasks")
    if args.out:
        write_json(args.out, {"n": args.n, "model": args.model, "ratio": ratio, "s": seconds})


if __name__ == "__main__":
    main()
