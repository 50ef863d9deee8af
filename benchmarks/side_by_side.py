"""Networks on a CPU: halves of the work on half of the threads each, against all on all of them.

    python -m benchmarks.side_by_side [--out benchmarks/results/side_by_side_amx.json]

`AnyResGenerator.sample` renders whole canvases: 32 of 128 px of a network that the package holds,
and four and one of 256 px of the published configuration T with random weights. LIIF of published
size, with random weights, enlarges one image from 96 to 384 px. Sides take turns in one
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when the library is loaded

import torch
from torch import Tensor

from anyres_bench.baselines.liif.network import EDSR, LIIF
from anyres_bench.baselines.liif.upscaler import LIIFUpscaler
from anyres_bench.core import threads as threads_module
from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.loading import resolve
from anyres_bench.models.official_files import ready
from anyres_bench.reference import generator as generator_module
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.generator import AnyResGenerator
from anyres_bench.reference.network import GeneratorNetwork
from benchmarks.machine import machine

SIDES = ("all threads", "side by side")


Draw = Callable[[], Tensor]


@contextlib.contextmanager
def all_threads() -> Iterator[None]:
    """Jobs one after another, each on all threads."""

    def one_by_one(run: Callable[[Any], Any], jobs: Iterable[Any]) -> list[Any]:
        return [run(job) for job in jobs]

    with (
        mock.patch.object(generator_module, "side_by_side", one_by_one),
        mock.patch.object(threads_module, "side_by_side", one_by_one),  # of halves
    ):
        yield


def canvases(model: AnyResGenerator, side: int, n: int) -> Draw:
    """Whole canvases of the first seeds."""
    z, regions = model.latents(range(n)), [Region.whole(Size.square(side))] * n
    return lambda: model.sample(z, regions)


def enlarged() -> Draw:
    """LIIF, from 96 to 384 px."""
    torch.manual_seed(0)
    upscaler = LIIFUpscaler(ready(LIIF(EDSR()), "cpu"), "random")
    image, small = torch.rand(1, 3, 96, 96) * 2 - 1, Size.square(96)
    return lambda: upscaler(image, small, Box.whole(small), Region.whole(Size.square(384)))


def published() -> AnyResGenerator:
    """Configuration T at 256 px, with random weights."""
    torch.manual_seed(0)
    return AnyResGenerator(
        GeneratorNetwork(GeneratorConfig(resolution=256)).eval().requires_grad_(False)
    )


def measure(draw: Draw, repeats: int) -> dict[str, Any]:
    """Medians of both sides, and their ratios."""
    runs: dict[str, list[Sequence[float]]] = {name: [] for name in SIDES}
    images = {}
    for _ in range(repeats + 1):
        for name in SIDES:
            with all_threads() if name == SIDES[0] else contextlib.nullcontext():
                start = time.perf_counter(), time.process_time()
                images[name] = draw()
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
    parser.add_argument("--only", help="cases whose name holds this")
    args = parser.parse_args()
    small = resolve("embedded:ours-seed0", {}, device="cpu")
    assert isinstance(small, AnyResGenerator)
    large = published()
    cases = {
        "embedded:ours-seed0, 32 of 128 px": canvases(small, 128, 32),
        "config T, 4 of 256 px": canvases(large, 256, 4),
        "config T, one of 256 px": canvases(large, 256, 1),
        "LIIF, one of 96 to 384 px": enlarged(),
    }
    names = [name for name in cases if not args.only or args.only in name]
    found = {name: measure(cases[name], args.repeats) for name in names}
    print(found)
    write_json(args.out, {"repeats": args.repeats, "machine": machine(), "cases": found})


if __name__ == "__main__":
    main()
