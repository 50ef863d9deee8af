"""AnyRes-GAN on canvases: windows of any size against overlapping windows of the network's own.

    python -m benchmarks.windows [--out benchmarks/results/windows.json]

Both assemblies render the same seeds in turn in one process; CPU and wall-clock seconds of a canvas
are compared. Beside them stand the pixels of windows for each pixel of the canvas, the products of
all convolutions relative to one pass over the canvas, the largest difference between memory
budgets, and how far both assemblies are apart, root mean square relative to the image's deviation.
Weights are random, with activations at unit power as in training. Then processes of their own
render a canvas within a budget: the memory that is taken on top, without the canvas itself, beside
the estimate that windows are chosen by. The last rows plan canvases of the published configuration
without rendering them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.dataflow import dataflow, n_bytes, n_products
from anyres_bench.reference.generator import AnyResGenerator
from anyres_bench.reference.network import GeneratorNetwork
from anyres_bench.reference.options import RenderOptions
from anyres_bench.reference.patches import Tiling
from anyres_bench.reference.plane import CanvasPlane
from anyres_bench.reference.schedule import LayerSpec, layers
from benchmarks.anyres_margin import calibrated
from benchmarks.machine import machine

CPU = torch.device("cpu")
BUDGETS = (0.5, 1, 2, 4, 8)  # GiB, of the plans


def preset() -> GeneratorConfig:
    """The generator of `scenes-tiny`."""
    text = (resources.files("anyres_bench.reference.presets") / "scenes-tiny.toml").read_text()
    return GeneratorConfig(**tomllib.loads(text)["model"]["generator"])


def work(schedule: list[LayerSpec], plan: Tiling | CanvasPlane, canvas: Size) -> dict[str, float]:
    """What a plan computes for each pixel and product that one pass over the canvas takes."""
    own = Size.square(schedule[-1].target.size)
    flows = [
        piece.flow or dataflow(schedule, Box.whole(own), own)
        for piece in plan.pieces(Region.whole(canvas))
    ]
    once = n_products(schedule, dataflow(schedule, Box.whole(canvas), canvas))
    return {
        "windows": len(flows),
        "pixels_per_pixel": sum(f.parts[-1].sizes[2].pixels for f in flows) / canvas.pixels,
        "products": sum(n_products(schedule, flow) for flow in flows) / once,
        "gib": max(n_bytes(schedule, flow, CPU) for flow in flows) / 2**30,
    }


def cases() -> Iterator[tuple[str, GeneratorConfig, int, int]]:
    """Name, network, canvas and images at a time."""
    yield "scenes-tiny", preset(), 128, 4
    slim = {"channel_base": 512, "channel_max": 16}
    yield "T-64, slim", GeneratorConfig(64, **slim), 256, 1
    for side in (1024, 2048):
        yield "T-256, slim", GeneratorConfig(256, **slim), side, 1


def budgets() -> Iterator[tuple[int, int, int, float]]:
    """Channel base, resolution, canvas and budget in GiB of what memory is measured of."""
    yield 1024, 256, 1024, 0.06
    yield 1024, 256, 1024, 1
    yield 4096, 256, 1024, 0.15
    yield 4096, 256, 1024, 1
    yield 32768, 64, 256, 1


def peak(base: int, resolution: int, side: int, gib: float) -> dict[str, Any]:
    """Memory that one canvas takes in this process, which has done nothing else."""
    config = GeneratorConfig(resolution, channel_base=base, channel_max=base // 64)
    options = RenderOptions(memory=int(gib * 2**30))
    generator = AnyResGenerator(GeneratorNetwork(config), options=options)
    z, canvas = generator.latents([0]), Size.square(side)
    generator.sample(z, [Region(canvas, 0, 0, Size.square(resolution))])  # libraries load
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = high_water()
    image = generator.sample(z, [Region.whole(canvas)])
    taken = high_water() - before - image.nbytes
    planned = work(layers(config), generator.tiling, canvas)
    row = {"channel_base": base, "resolution": resolution, "canvas": side, "memory_gib": gib}
    return (
        row
        | {"windows": planned["windows"]}
        | {
            "estimated_mib": planned["gib"] * 2**10,
            "measured_mib": taken / 2**20,
        }
    )


def high_water() -> int:
    """Bytes of main memory that this process has held at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def peaks() -> Iterator[dict[str, Any]]:
    """`peak` of every budget, each in a process of its own."""
    for case in budgets():
        command = (sys.executable, "-m", "benchmarks.windows", "--peak", *map(str, case))
        made = subprocess.run(command, check=True, capture_output=True, text=True)
        yield json.loads(made.stdout.splitlines()[-1])


def render(generator: AnyResGenerator, canvas: Size, n: int) -> tuple[torch.Tensor, float, float]:
    """Images of seeds 0 to n - 1; CPU and wall-clock seconds of one."""
    z = generator.latents(range(n))
    cpu, wall = time.process_time(), time.perf_counter()
    images = generator.sample(z, [Region.whole(canvas)] * n)
    return images, (time.process_time() - cpu) / n, (time.perf_counter() - wall) / n


def measure(name: str, config: GeneratorConfig, side: int, n: int, repeats: int) -> dict[str, Any]:
    """Both assemblies on one canvas."""
    network, canvas = calibrated(config, 0)[0], Size.square(side)
    schedule = layers(config)
    largest = CanvasPlane(schedule, 2**34, CPU)
    small = max(work(schedule, largest, canvas)["gib"] * 2**30 / 4, largest.least)
    options = {
        "overlap": RenderOptions(assembly="overlap"),
        "whole": RenderOptions(memory=2**30),
        "whole, little memory": RenderOptions(memory=int(small)),
    }
    sides = {which: AnyResGenerator(network, options=how) for which, how in options.items()}
    taken: dict[str, list[tuple[float, float]]] = {which: [] for which in sides}
    images = {}
    for _ in range(repeats):
        for which, generator in sides.items():
            images[which], cpu, wall = render(generator, canvas, n)
            taken[which].append((cpu, wall))
    row: dict[str, Any] = {"network": name, "resolution": config.resolution, "canvas": side, "n": n}
    for which, generator in sides.items():
        cpu, wall = (statistics.median(column) for column in zip(*taken[which], strict=True))
        row[which] = {"cpu_s": cpu, "wall_s": wall, **work(schedule, generator.tiling, canvas)}
    for clock in ("cpu", "wall"):
        row[f"{clock}_ratio"] = row["overlap"][f"{clock}_s"] / row["whole"][f"{clock}_s"]
    whole, cut = images["whole"], images["whole, little memory"]
    row["largest_difference_between_budgets"] = float((whole - cut).abs().max())
    off = (images["overlap"] - whole).square().mean().sqrt() / whole.std()
    row["assemblies_apart_db"] = 20 * float(torch.log10(off))
    return row


def plans() -> Iterator[dict[str, Any]]:
    """Canvases of config T at 256 px, planned."""
    config = GeneratorConfig(256)
    schedule = layers(config)
    for side in (1024, 2048, 4096):
        canvas = Size.square(side)
        row = {"network": "T-256", "canvas": side}
        yield row | {"assembly": "overlap"} | work(schedule, Tiling(256, margin=48), canvas)
        for budget in BUDGETS:
            plane = CanvasPlane(schedule, int(budget * 2**30), CPU)
            yield row | {"assembly": "whole", "memory_gib": budget} | work(schedule, plane, canvas)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/windows.json"))
    parser.add_argument("--only", default="", help="networks whose name begins so")
    parser.add_argument("--peak", nargs=4, type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        print(json.dumps(peak(*map(int, args.peak[:3]), args.peak[3])))
        return
    where = machine()
    memory = list(peaks())
    print(*memory, sep="\n", flush=True)
    planned = list(plans())
    for row in planned:
        print(row, flush=True)
    rows = []
    for case in cases():
        if not case[0].startswith(args.only):
            continue
        rows.append(measure(*case, args.repeats))
        print(rows[-1], flush=True)
    facts = {"repeats": args.repeats, "weights": "random"}
    write_json(
        args.out, {**facts, "machine": where, "rows": rows, "memory": memory, "plans": planned}
    )


if __name__ == "__main__":
    main()
