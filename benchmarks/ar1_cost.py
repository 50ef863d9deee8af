"""Does the `ar1` suite cost more than half as much again as looking at the images once?

    anyres-bench collect scenes data/scenes --n 1000
    python -m benchmarks.ar1_cost data/scenes [--n 1000] [--out FILE.json] [--work FOLDER]
    python -m benchmarks.ar1_cost data/scenes --suite memorisation

Shown are the seconds of rendering and one feature pass (both sides, every size), of each metric at
all sizes with its intervals, and the ratio of everything to the first. A procedural world renders
as cheaply as anything does, so its ratio is as bad as it gets. Nothing is taken from a cache. One
size is measured after another, and a run that was stopped goes on behind the last whole one of
`--work`; real images are so decoded once a size. Seconds are the process's own, so that neighbours
on the machine do not count.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from anyres_bench.core.files import write_json
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import protocol_from
from anyres_bench.evaluation.api import evaluate
from anyres_bench.evaluation.requests import Request, plan_tasks
from anyres_bench.results import Result, Task
from benchmarks.machine import machine

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


def measured(args: argparse.Namespace, work: Path) -> list[dict[str, float]]:
    """Seconds of the suite's tasks, those of one protocol after those of another."""
    os.environ["ANYRES_BENCH_CACHE"] = f"{work}/cache"
    request = Request((args.suite,), "builtin", args.n, "cpu")
    tasks, _ = plan_tasks(Dataset.read(args.dataset), request)
    pieces = {}
    # Those of all sizes together last: their features are those of each.
    in_order = sorted(tasks, key=lambda of: (bool(protocol_from(of.protocol).strata), of.protocol))
    for protocol, own in itertools.groupby(in_order, lambda task: task.protocol):
        pieces[protocol] = work / f"{protocol}.json"
        if not pieces[protocol].exists():
            found = evaluate(
                args.model,
                args.dataset,
                [task.id for task in own],
                n=args.n,
                out=work / "results",
                device="cpu",
                workers=1,
                # What a stopped run has kept of a size was not timed: it is computed again.
                fresh=not protocol_from(protocol).strata,
            )
            write_json(pieces[protocol], seconds_of(found))
    return [json.loads(path.read_text()) for path in pieces.values()]


def summed(pieces: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The same of all protocols."""
    total: dict[str, float] = defaultdict(float)
    for name, spent in itertools.chain.from_iterable(piece.items() for piece in pieces):
        total[name] += spent
    return total


def main() -> None:
    """Print the table and write it, if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", default="scenes")
    parser.add_argument("--suite", default="ar1")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="added to, a run for each suite and n")
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    where = machine()
    time.perf_counter = time.process_time  # the clock that records are written by
    with tempfile.TemporaryDirectory() as folder:
        seconds = summed(measured(args, args.work or Path(folder)))
    ratio = sum(seconds.values()) / seconds[LOOKING]
    for name, spent in seconds.items():
        print(f"{spent:9.1f} s  {name}")
    print(f"{ratio:9.2f}    everything over {LOOKING}, n {args.n}")
    if args.out:
        runs = json.loads(args.out.read_text())["runs"] if args.out.exists() else []
        one = {"n": args.n, "suite": args.suite, "model": args.model, "ratio": ratio, "s": seconds}
        others = [run for run in runs if (run["suite"], run["n"]) != (args.suite, args.n)]
        runs = sorted([*others, one], key=lambda run: (run["suite"], run["n"]))
        write_json(args.out, {"machine": where, "runs": runs})


if __name__ == "__main__":
    main()
