"""The procedural worlds beside each other: pictures at many sizes, time, the law between sizes.

    python -m benchmarks.worlds [--out benchmarks/results/worlds.json]

`law` is the root mean square between a picture of one size and the picture of twice the size
averaged over blocks of 2 x 2 px, in levels of 255: how much a picture depends on the size that it
was rendered at. The picture shows seeds at 32, 64, 128, 256 and 512 px.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

from anyres_bench.core.files import atomic_write, write_json
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.houses import HOUSES
from anyres_bench.data.pixels import Pixels
from anyres_bench.data.scenes import SCENES
from anyres_bench.data.worlds import World
from benchmarks.machine import machine

SIDES = (32, 64, 128, 256, 512)
_TIMED = 8


def whole(world: World, seed: int, side: int) -> Pixels:
    """One square picture, (side, side, 3)."""
    return world.picture(seed, Region.whole(Size.square(side)))


def milliseconds(world: World, side: int) -> float:
    """Processor time of one picture, the median of a few."""
    times = []
    for seed in range(_TIMED):
        start = time.process_time()
        whole(world, seed, side)
        times.append(1000 * (time.process_time() - start))
    return float(np.median(times))


def law(world: World, side: int) -> float:
    """Levels between a picture and the one of twice the side, averaged."""
    errors = []
    for seed in range(_TIMED):
        fine = whole(world, seed, 2 * side).astype(float)
        averaged = fine.reshape(side, 2, side, 2, 3).mean(axis=(1, 3))
        errors.append(((averaged - whole(world, seed, side)) ** 2).mean())
    return float(np.sqrt(np.mean(errors)))


def sheet(world: World) -> Pixels:
    """Rows of pictures of 32 to 512 px, (h, 1024, 3), each row full of other seeds."""
    rows, seed = [], 0
    for side in SIDES:
        n = 1024 // side
        n_rows = max(1, 128 // side)
        for _ in range(n_rows):
            rows.append(np.concatenate([whole(world, seed + i, side) for i in range(n)], axis=1))
            seed += n
    return np.concatenate(rows)


def main() -> None:
    """Measure, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/worlds.json"))
    args = parser.parse_args()
    where = machine()
    rows = {}
    for world in (SCENES, HOUSES):
        rows[world.name] = {
            "rule": world.rule,
            "milliseconds": {side: milliseconds(world, side) for side in SIDES},
            "law": {side: law(world, side) for side in SIDES[:-1]},
        }
        print(world.name, rows[world.name])
        with atomic_write(args.out.with_name(f"worlds_{world.name}.jpg")) as file:
            Image.fromarray(sheet(world)).save(file, "JPEG", quality=65)
    write_json(args.out, {"machine": where, "worlds": rows})


if __name__ == "__main__":
    main()
