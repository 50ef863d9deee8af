"""What `leaderboard plan paper` reckons with: python -m benchmarks.plan_costs

Seconds of one thread for one image of each size, by networks of the published sizes with random
weights, for one picture through Inception-v3, for decoding and shrinking a million pixels, and for
the probe that tells this machine's speed from another's. They go into
`anyres_bench/leaderboard/paper.toml` by hand, with the machine's name.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.pixels import decode, resize_uint8
from anyres_bench.features.inception_network import InceptionNetwork
from anyres_bench.leaderboard.machine import probe
from anyres_bench.models.loading import load
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.network import GeneratorNetwork
from benchmarks.baselines import write_file


def seconds(work: Callable[[], object]) -> float:
    """Seconds of the processor that a second run takes."""
    work()
    start = time.process_time()
    work()
    return time.process_time() - start


@torch.inference_mode()
def main() -> None:
    """Print a line for everything."""
    torch.set_num_threads(1)
    print("probe", probe("cpu"), flush=True)
    network = GeneratorNetwork(GeneratorConfig(256, scale_embedding="official")).eval()
    z, transform = torch.randn(1, 512), torch.eye(3)[None]
    print("anyres 256", seconds(lambda: network(z, transform=transform)), flush=True)
    inception, picture = InceptionNetwork().eval(), torch.rand(1, 3, 299, 299)
    print("inception", seconds(lambda: inception(picture)), flush=True)
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    smooth = resize_uint8(pixels, Size.square(1024), "bicubic")
    for kind in ("PNG", "JPEG"):
        file = io.BytesIO()
        Image.fromarray(smooth).save(file, kind, quality=92)
        data = file.getvalue()
        took = seconds(lambda data=data: resize_uint8(decode(data).pixels, Size.square(512)))
        print(f"decode {kind} of {len(data)} bytes, a megapixel", took / 1.048576, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, spec, sides in (
            ("anycost", "anycost", (256, 512, 1024)),
            ("mspe-f", "mspe:f", (256, 512)),
            ("realesrgan-x4plus", "realesrgan:constant", (256,)),
        ):
            model = load(spec, write_file(name, Path(folder)))
            for side in sides:
                region = [Region.whole(Size.square(side))]
                took = seconds(lambda m=model, r=region: m.sample(m.latents([1]), r))
                print(name, side, took, flush=True)


if __name__ == "__main__":
    main()
