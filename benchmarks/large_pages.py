"""AnyRes-GAN with large tensors in large pages, as the command line asks for, against without.

    python -m benchmarks.large_pages [--out benchmarks/results/large_pages.json]

Config T at 256 px renders one image, every time in a process of its own, sides in turns: torch
reads `THP_MEM_ALLOC_ENABLE` when it first allocates. Compared are user and system seconds of the
processor and page faults of the image alone, medians; the images are the same bit for bit, and
that is checked. Weights are random.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Region, Size
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.generator import AnyResGenerator
from anyres_bench.reference.network import GeneratorNetwork
from benchmarks.machine import machine

SIDES = {"small pages": "0", "large pages": "1"}


def render(base: int) -> dict[str, Any]:
    """What one image takes in this process."""
    config = GeneratorConfig(256, channel_base=base, channel_max=base // 64)
    generator = AnyResGenerator(GeneratorNetwork(config))
    z, canvas = generator.latents([0]), Size.square(256)
    generator.sample(z, [Region(canvas, 0, 0, Size.square(32))])  # libraries load
    before = resource.getrusage(resource.RUSAGE_SELF)
    image = generator.sample(z, [Region.whole(canvas)])
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "user_s": after.ru_utime - before.ru_utime,
        "system_s": after.ru_stime - before.ru_stime,
        "faults": after.ru_minflt - before.ru_minflt,
        "peak_mib": after.ru_maxrss / 1024,
        "image": hashlib.sha256(image.numpy().tobytes()).hexdigest(),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--channel-base", type=int, default=32768)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/large_pages.json"))
    args = parser.parse_args()
    where = machine()
    if args.one:
        print(json.dumps(render(args.channel_base)))
        return
    command = [sys.executable, "-m", "benchmarks.large_pages", "--one"]
    command += ["--channel-base", str(args.channel_base)]
    taken: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(args.repeats):
        for side, value in SIDES.items():
            env = {"OMP_WAIT_POLICY": "PASSIVE"} | os.environ | {"THP_MEM_ALLOC_ENABLE": value}
            made = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
            taken[side].append(json.loads(made.stdout.splitlines()[-1]))
            print(side, taken[side][-1], flush=True)
    if len({one["image"] for runs in taken.values() for one in runs}) > 1:
        raise SystemExit("the images differ")
    medians = {
        side: {
            key: statistics.median(one[key] for one in runs) for key in runs[0] if key != "image"
        }
        for side, runs in taken.items()
    }
    cpu = [row["user_s"] + row["system_s"] for row in medians.values()]
    facts = {"channel_base": args.channel_base, "repeats": args.repeats, "weights": "random"}
    print(medians, cpu[0] / cpu[1])
    write_json(
        args.out, {**facts, "machine": where, "medians": medians, "cpu_ratio": cpu[0] / cpu[1]}
    )


if __name__ == "__main__":
    main()
