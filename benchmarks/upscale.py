"""What the upscalers save, and what tiles cost: both sides in one run.

    python -m benchmarks.upscale liif            # ours, against every pixel on its own
    python -m benchmarks.upscale realesrgan      # exact, against the untiled network
    python -m benchmarks.upscale modes           # exact and tiled, how far they are from untiled
    python -m benchmarks.upscale memory          # peaks and seconds of both, a process each
    python -m benchmarks.upscale liif --out benchmarks/results/upscale_liif.json

Networks have their published size and random weights, inputs are procedural scenes. Sides run in
turns. Seconds are of the processor, so that other work on the machine counts less, and of the
clock; ratios are medians over pairs of runs. Work is counted in multiplications.
"""

from __future__ import annotations

import argparse
import copy
import math
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from anyres_bench.baselines.liif.network import EDSR, LIIF
from anyres_bench.baselines.liif.upscaler import LIIFUpscaler
from anyres_bench.baselines.realesrgan.network import RRDBNet
from anyres_bench.baselines.realesrgan.published import Official, run_official
from anyres_bench.baselines.realesrgan.running import Exact, Tiled
from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.loading import load
from anyres_bench.models.official_files import ready
from benchmarks.machine import machine

CHUNK = 30_000  # queries at a time of the published demo


def timed(run: Callable[[], Tensor]) -> tuple[Tensor, float, float]:
    """What a function gives, and the seconds of processor and clock that it took."""
    clock, start = time.perf_counter(), time.process_time()
    result = run()
    return result, time.process_time() - start, time.perf_counter() - clock


def compare(
    sides: dict[str, Callable[[], Tensor]], repeats: int, rows: list[dict[str, Any]]
) -> dict[str, Tensor]:
    """Run all sides in turns, print medians and ratios to the first side, and give the results.

    `rows` gets a row of each side.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    clocks: dict[str, list[float]] = {name: [] for name in sides}
    results = {}
    for _ in range(repeats):
        for name, run in sides.items():
            results[name], taken, clock = timed(run)
            seconds[name].append(taken)
            clocks[name].append(clock)
    first = seconds[next(iter(sides))]
    for name, taken in seconds.items():
        ratios = [a / b for a, b in zip(taken, first, strict=True)]
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        ratio = statistics.median(ratios)
        print(f"  {name:<24} {statistics.median(taken):7.1f} s, {ratio:.3f} x the first ({spread})")
        median = {"cpu_s": statistics.median(taken), "clock_s": statistics.median(clocks[name])}
        rows.append({"side": name, **median, "of_the_first": ratios})
    return results


def scene(size: Size) -> Tensor:
    """A procedural picture, (1, 3, h, w) in [-1, 1]."""
    generator = load("scenes")
    return generator.sample(generator.latents([1]), [Region.whole(size)])


def published_liif(network: LIIF, image: Tensor, region: Region) -> Tensor:
    """LIIF as published: every chunk unfolds the features and runs the whole decoder four times."""
    features = network.encoder(image)
    coord = region.coords().float().reshape(1, -1, 2)
    cell = torch.tensor(region.cell()).expand_as(coord)
    parts = [
        published_query(network, features, *chunk)
        for chunk in zip(coord.split(CHUNK, 1), cell.split(CHUNK, 1), strict=True)
    ]
    return torch.cat(parts, 1).transpose(1, 2).reshape(1, 3, *region.size)


def published_query(network: LIIF, features: Tensor, coord: Tensor, cell: Tensor) -> Tensor:
    """Source: LIIF (CVPR 2021), sections 3 and 4."""
    n, c, h, w = features.shape
    unfolded = functional.unfold(features, 3, padding=1).reshape(n, 9 * c, h, w)
    centres = Region.whole(Size(h, w)).coords().float().permute(2, 0, 1)[None]
    size = torch.tensor([h, w])
    preds, areas = [], []
    for y in (-1, 1):
        for x in (-1, 1):
            moved = coord + torch.tensor([y / h, x / w]) + 1e-6
            grid = moved.clamp(-1 + 1e-6, 1 - 1e-6).flip(-1)[:, None]
            found, centre = (
                functional.grid_sample(plane, grid, "nearest", align_corners=False)[:, :, 0].mT
                for plane in (unfolded, centres)
            )
            offset = (coord - centre) * size
            preds.append(network.imnet.layers(torch.cat([found, offset, cell * size], -1)))
            areas.append(offset.prod(-1).abs() + 1e-9)
    total = torch.stack(areas).sum(0)
    pairs = zip(preds, areas[::-1], strict=True)
    return torch.stack([pred * (area / total)[..., None] for pred, area in pairs]).sum(0)


def liif(side: int, repeats: int, rows: list[dict[str, Any]]) -> None:
    torch.manual_seed(0)
    network = ready(LIIF(EDSR()), "cpu")
    image, whole = scene(Size.square(side // 4)), Box(0, 0, side // 4, side // 4)
    region, upscaler = Region.whole(Size.square(side)), LIIFUpscaler(network, "random")
    half = LIIFUpscaler(copy.deepcopy(network).to(torch.bfloat16), "random")
    print(f"LIIF (EDSR) {side // 4} to {side} px, {torch.get_num_threads()} threads")
    sides = {
        "published": lambda: published_liif(network, image, region),
        "ours": lambda: upscaler(image, whole.size, whole, region),
        "ours, bf16": lambda: half(image, whole.size, whole, region),
        "encoder alone": lambda: network.encoder(image),
    }
    results = compare(sides, repeats, rows)
    difference = (results["published"] - results["ours"]).abs().max()
    spread = results["published"].std()
    off = (results["published"] - results["ours, bf16"]).square().mean().sqrt() / spread
    rows.append({"largest_difference": float(difference), "deviation": float(spread)})
    rows[-1]["bf16_relative_rms"] = float(off)
    print(f"  largest difference {difference:.2e} (the picture's deviation is {spread:.3f})")


def trained_like(network: RRDBNet, gain: float) -> RRDBNet:
    """Weights of a gain per layer; the initial ones are so small that little carries far."""
    for parameter in network.parameters():
        deviation = gain / math.sqrt(parameter[0].numel()) if parameter.ndim == 4 else 0.05
        parameter.data = torch.randn_like(parameter) * deviation
    return network


def untiled_and_exact(
    network: RRDBNet, image: Tensor
) -> tuple[Callable[[], Tensor], Callable[[], Tensor]]:
    size = Size(*image.shape[2:])
    whole = Box.whole(size)
    return lambda: network(image), lambda: Exact()(network, image, size, whole, whole)


def multiplications(run: Callable[[], Tensor]) -> int:
    """Of all convolutions of a run."""
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops()) // 2


def realesrgan(size: Size, repeats: int, rows: list[dict[str, Any]]) -> None:
    """The exact mode against the network untiled, in torch's layout and channels-last."""
    image = (scene(size) + 1) / 2
    torch.manual_seed(0)
    plain = trained_like(RRDBNet(), 1.0).eval().requires_grad_(False)
    network = ready(copy.deepcopy(plain), "cpu")
    print(f"RRDBNet, 23 blocks, {size} to x4, {torch.get_num_threads()} threads")
    untiled, exact = untiled_and_exact(network, image)
    sides = {"untiled": lambda: plain(image), "untiled, channels-last": untiled, "exact": exact}
    results = compare(sides, repeats, rows)
    levels = 255 * float((results["exact"] - results["untiled"]).abs().max())
    small = image[:, :, :64, :16]
    work = [multiplications(side) for side in untiled_and_exact(network, small)]
    rows.append({"grey_levels_off": levels, "multiplications_of_untiled": work[1] / work[0]})
    print(f"  exact at most {levels:.2e} grey levels off, {work[1] / work[0]:.4f} x the work")


def memory(size: Size, repeats: int, rows: list[dict[str, Any]]) -> None:
    """Peak of a process that makes one image, beside what it holds before, and its seconds."""
    sides = ("untiled", "exact")
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                found[side].append(pool.submit(peak_of, side, size).result())
    for side in sides:
        keys = found[side][0]
        row = {key: statistics.median(one[key] for one in found[side]) for key in keys}
        rows.append({"side": side, "size": str(size), **row})
        print(f"  {side:<24} {row['more_gib']:.3f} GiB more than before, {row['cpu_s']:.1f} s")
    untiled, exact = rows
    rows.append({"of_untiled": {key: exact[key] / untiled[key] for key in ("more_gib", "cpu_s")}})
    print(f"  exact {rows[-1]['of_untiled']} x untiled")


@torch.inference_mode()
def peak_of(side: str, size: Size) -> dict[str, float]:
    """GiB before one image is made by a side, at most, and more; seconds of the processor."""
    torch.set_num_threads(1)
    network = ready(RRDBNet(), "cpu")
    image = torch.rand(1, 3, *size)
    untiled, exact = untiled_and_exact(network, image[:, :, :16, :16])
    untiled(), exact()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sides = dict(zip(("untiled", "exact"), untiled_and_exact(network, image), strict=True))
    _, cpu_s, _ = timed(sides[side])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"before_gib": before, "peak_gib": peak, "more_gib": peak - before, "cpu_s": cpu_s}


def compare_modes(
    network: RRDBNet, image: Tensor, repeats: int, rows: list[dict[str, Any]]
) -> None:
    """Seconds of every mode, and how far its result is from the untiled one."""
    size, tiled, seams = Size(*image.shape[2:]), Tiled(), list[float]()
    whole = Box.whole(size)

    def run_tiled() -> Tensor:
        result, seam = tiled.measured(network, image, size, whole, whole)
        seams.append(seam)
        return result

    untiled, exact = untiled_and_exact(network, image)
    sides: dict[str, Callable[[], Tensor]] = {
        "untiled": untiled,
        "exact": exact,
        tiled.id: run_tiled,
        "official tile 256": lambda: run_official(network, image, Official(tile=256)),
    }
    results = compare(sides, repeats, rows)
    for name, result in results.items():
        levels = 255 * (result.clamp(0, 1) - results["untiled"].clamp(0, 1)).abs().max()
        print(f"  {name:<24} at most {levels:.2e} grey levels from the untiled result")
    print(f"  {tiled.id:<24} says {seams[-1]:.2e} grey levels, measured at its seams")


def modes(size: Size, repeats: int, rows: list[dict[str, Any]]) -> None:
    image = (scene(size) + 1) / 2
    for gain in (1.0, 1.3):
        torch.manual_seed(0)
        network = ready(trained_like(RRDBNet(), gain), "cpu")
        print(f"RRDBNet, 23 blocks, {size} to x4, random weights of gain {gain}")
        rows.append({"gain": gain})
        compare_modes(network, image, repeats, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["liif", "realesrgan", "modes", "memory"])
    parser.add_argument(
        "--size",
        help="liif: side of the canvas, four of its image's; else HEIGHTxWIDTH of the image",
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="file of all that is printed, as JSON")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    torch.set_num_threads(arguments.threads)
    where = machine()
    with torch.inference_mode():
        if arguments.what == "liif":
            liif(int(arguments.size or 512), arguments.repeats, rows)
        elif arguments.what == "memory":
            memory(Size.parse(arguments.size or "512x256"), arguments.repeats, rows)
        elif arguments.what == "modes":
            modes(Size.parse(arguments.size or "48x1280"), arguments.repeats, rows)
        else:
            realesrgan(Size.parse(arguments.size or "128x256"), arguments.repeats, rows)
    if arguments.out:
        facts = {"what": arguments.what, "size": arguments.size, "repeats": arguments.repeats}
        write_json(arguments.out, {**facts, "machine": where, "rows": rows})


if __name__ == "__main__":
    main()
