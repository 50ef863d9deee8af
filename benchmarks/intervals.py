"""Intervals at 2048 dimensions: all subsets together, against each subset by itself.

    python -m benchmarks.intervals [--rows 250 1000] [--metrics frechet detectability]

A file of results keeps those of other metrics and numbers of rows.

An interval takes the metric on some 70 subsets that lack one or two of 20 parts of a side. Together
is how `evaluate` does it; by itself is the same interval of the same metric without its way to many
subsets at once. Both sides run in turn in one process on one thread; CPU seconds are compared, so
other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from anyres_bench.core.files import write_json
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.detectability import Detectability
from anyres_bench.metrics.frechet import Frechet
from anyres_bench.metrics.intervals import interval
from anyres_bench.metrics.metric import Metric
from benchmarks.frechet import DIM, features
from benchmarks.machine import machine

METRICS: dict[str, Metric] = {
    "frechet": Frechet(),
    "detectability": Detectability(permutations=0),
}


def alone(metric: Metric) -> Any:
    """The metric without its way to many subsets."""

    class Alone:
        id, name, dim = metric.id, metric.name, metric.dim
        needs_real, smooth, bounds = metric.needs_real, metric.smooth, metric.bounds
        higher_is_better = metric.higher_is_better
        finish = metric.finish

    return Alone()


def measure(name: str, n: int, repeats: int) -> dict[str, Any]:
    """Seconds of the processor of both ways, and how far their standard errors are apart."""
    real, fake = (
        FeatureBank(np.arange(n), np.arange(n), features(seed, n, scale, shift))
        for seed, scale, shift in ((1, 1.0, 0.3), (2, 1.1, 0.2))
    )
    metric = METRICS[name]
    ways = {"together": metric, "by itself": alone(metric)}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    errors = {}
    for _ in range(repeats):
        for way, made in ways.items():
            start = time.process_time()
            found = interval(made, real, fake, stream(1))[next(iter(metric.higher_is_better))]
            seconds[way].append(time.process_time() - start)
            assert found.interval is not None
            errors[way] = found.interval.standard_error
    together, itself = (statistics.median(of) for of in seconds.values())
    difference = abs(errors["together"] / errors["by itself"] - 1)
    row = {"metric": name, "rows": n, "together_cpu_s": together, "by_itself_cpu_s": itself}
    row |= {"ratio": itself / together, "standard_errors_differ_by": difference, "runs": repeats}
    print(row, flush=True)
    return row


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[250, 1000], help="of each side")
    parser.add_argument("--metrics", nargs="+", choices=list(METRICS), default=list(METRICS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/intervals.json"))
    args = parser.parse_args()
    with threadpool_limits(1):
        where = machine()
        rows = [measure(name, n, args.repeats) for name in args.metrics for n in args.rows]
    known = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    of = {(row["metric"], row["rows"]): row for row in [*known, *rows]}
    write_json(args.out, {"dimensions": DIM, "machine": where, "rows": list(of.values())})


if __name__ == "__main__":
    main()
