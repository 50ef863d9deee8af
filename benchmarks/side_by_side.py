"""AnyRes-GAN on a CPU: two batches on half of the threads each, against one on all of them.

    python -m benchmarks.side_by_side [--out benchmarks/results/side_by_side_amx.json]

`AnyResGenerator.sample` renders whole canvases: 32 of 128 px of a network that the package holds,
and four of 256 px of the published configuration T with random weights. Sides take turns in one
process; compared are medians of the clock and of the processor's time, after a round that warms up,
and the largest difference of two pixels. Threads sleep while they wait, as the command line lets
them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when the library is loaded

import torch

from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.loading import resolve
from anyres_bench.reference import generator as generator_module
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.generator import AnyResGenerator
from anyres_bench.reference.network import GeneratorNetwork
from benchmarks.waiting_threads import machine

SIDES = ("all threads", "side by side")


def one_by_one(run: Callable[[Any], Any], jobs: Iterable[Any]) -> list[Any]:
    """Jobs one after another, each on all threads."""
    return [run(job) for job in jobs]


def published() -> AnyResGenerator:
    """Configuration T at 256 px, with random weights."""
    torch.manual_seed(0)
    return AnyResGenerator(
        GeneratorNetwork(GeneratorConfig(resolution=256)).eval().requires_grad_(False)
    )


def measure(model: AnyResGenerator, side: int, n: int, repeats: int) -> dict[str, Any]:
    """Medians of both sides, and their ratios."""
    z, regions = model.latents(range(n)), [Region.whole(Size.square(side))] * n
    runs: dict[str, list[Sequence[float]]] = {name: [] for name in SIDES}
    images = {}
    for _ in range(repeats + 1):
        for name in SIDES:
            serial = mock.patch.object(generator_module, "side_by_side", one_by_one)
            with serial if name == SIDES[0] else contextlib.nullcontext():
                start = time.perf_counter(), time.process_time()
                images[name] = model.sample(z, regions)
                ends = time.perf_counter(), time.process_time()
            runs[name].append([end - first for end, first in zip(ends, start, strict=True)])
    found: dict[str, Any] = {
        name: {
            "seconds": statistics.median(one[0] for one in of[1:]),
            "cpu_s": statistics.median(one[1] for one in of[1:]),
        }
        for name, of in runs.items()
    }
    before, after = (found[name] for name in SIDES)
    return {
        "canvases": n,
        "side": side,
        **found,
        "ratios": {key: before[key] / after[key] for key in before},
        "largest_difference": float((images[SIDES[0]] - images[SIDES[1]]).abs().max()),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/side_by_side_amx.json")
    )
    args = parser.parse_args()
    small = resolve("embedded:ours-seed0", {}, device="cpu")
    assert isinstance(small, AnyResGenerator)
    cases = {"embedded:ours-seed0": (small, 128, 32), "config T": (published(), 256, 4)}
    found = {name: measure(*case, args.repeats) for name, case in cases.items()}
    print(found)
    write_json(args.out, {"repeats": args.repeats, "machine": machine(), "cases": found})


if __name__ == "__main__":
    main()
