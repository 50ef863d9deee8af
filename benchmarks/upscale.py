"""What the upscalers save, and what tiles cost: both sides in one run.

    python -m benchmarks.upscale liif            # one layer shared, against every pixel on its own
    python -m benchmarks.upscale realesrgan      # exact and tiled, against the untiled network
    python -m benchmarks.upscale liif --out benchmarks/results/upscale_liif.json

Networks have their published size and random weights, inputs are procedural scenes. Seconds are of
the processor, so that other work on the machine counts less; ratios are medians over pairs of runs.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from anyres_bench.baselines.liif.network import EDSR, LIIF
from anyres_bench.baselines.liif.upscaler import LIIFUpscaler
from anyres_bench.baselines.realesrgan.network import RRDBNet
from anyres_bench.baselines.realesrgan.published import Official, run_official
from anyres_bench.baselines.realesrgan.running import Exact, Tiled
from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.loading import load

CHUNK = 30_000  # queries at a time of the published demo


def timed(run: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """What a function gives, and the processor seconds that it took."""
    start = time.process_time()
    return run(), time.process_time() - start


def compare(
    sides: dict[str, Callable[[], Tensor]], repeats: int, rows: list[dict[str, Any]]
) -> dict[str, Tensor]:
    """Run all sides in turns, print medians and ratios to the first side, and give the results.

    `rows` gets a row of each side.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    results = {}
    for _ in range(repeats):
        for name, run in sides.items():
            results[name], taken = timed(run)
            seconds[name].append(taken)
    first = seconds[next(iter(sides))]
    for name, taken in seconds.items():
        ratios = [a / b for a, b in zip(taken, first, strict=True)]
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        ratio = statistics.median(ratios)
        print(f"  {name:<24} {statistics.median(taken):7.1f} s, {ratio:.3f} x the first ({spread})")
        rows.append({"side": name, "cpu_s": statistics.median(taken), "of_the_first": ratios})
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
    network = LIIF(EDSR()).eval().requires_grad_(False)
    image, whole = scene(Size(256, 256)), Box(0, 0, 256, 256)
    region, upscaler = Region.whole(Size.square(side)), LIIFUpscaler(network, "random")
    print(f"LIIF (EDSR) 256 to {side} px, {torch.get_num_threads()} threads")
    sides = {
        "published": lambda: published_liif(network, image, region),
        "ours": lambda: upscaler(image, whole.size, whole, region),
    }
    results = compare(sides, repeats, rows)
    difference = (results["published"] - results["ours"]).abs().max()
    spread = results["published"].std()
    rows.append({"largest_difference": float(difference), "deviation": float(spread)})
    print(f"  largest difference {difference:.2e} (the picture's deviation is {spread:.3f})")


def trained_like(network: RRDBNet, gain: float) -> RRDBNet:
    """Weights of a gain per layer; the initial ones are so small that little carries far."""
    for parameter in network.parameters():
        deviation = gain / math.sqrt(parameter[0].numel()) if parameter.ndim == 4 else 0.05
        parameter.data = torch.randn_like(parameter) * deviation
    return network


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

    sides: dict[str, Callable[[], Tensor]] = {
        "untiled": lambda: network(image),
        "exact": lambda: Exact()(network, image, size, whole, whole),
        tiled.id: run_tiled,
        "official tile 256": lambda: run_official(network, image, Official(tile=256)),
    }
    results = compare(sides, repeats, rows)
    for name, result in results.items():
        levels = 255 * (result.clamp(0, 1) - results["untiled"].clamp(0, 1)).abs().max()
        print(f"  {name:<24} at most {levels:.2e} grey levels from the untiled result")
    print(f"  {tiled.id:<24} says {seams[-1]:.2e} grey levels, measured at its seams")


def realesrgan(size: Size, repeats: int, rows: list[dict[str, Any]]) -> None:
    image = (scene(size) + 1) / 2
    for gain in (1.0, 1.3):
        torch.manual_seed(0)
        network = trained_like(RRDBNet(), gain).eval().requires_grad_(False)
        print(f"RRDBNet, 23 blocks, {size} to x4, random weights of gain {gain}")
        rows.append({"gain": gain})
        compare_modes(network, image, repeats, rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of the whole run {peak:.2f} GiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["liif", "realesrgan"])
    parser.add_argument("--size", help="liif: side of the canvas; realesrgan: HEIGHTxWIDTH")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="file of all that is printed, as JSON")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    torch.set_num_threads(arguments.threads)
    with torch.inference_mode():
        if arguments.what == "liif":
            liif(int(arguments.size or 1024), arguments.repeats, rows)
        else:
            realesrgan(Size.parse(arguments.size or "48x1280"), arguments.repeats, rows)
    if arguments.out:
        machine: dict[str, Any] = {
            "cores": os.cpu_count(),
            "threads": arguments.threads,
            "load": os.getloadavg()[0],
        }
        machine |= {"instructions": torch.backends.cpu.get_cpu_capability()}
        facts = {"what": arguments.what, "size": arguments.size, "repeats": arguments.repeats}
        write_json(arguments.out, {**facts, "machine": machine, "rows": rows})


if __name__ == "__main__":
    main()
