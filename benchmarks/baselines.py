"""What every baseline costs at its published size, loaded from a file of the official layout.

    python -m benchmarks.baselines [NAME ...]

Weights are random: official files are not ours to ship. Each model runs in a process of its own, on
one thread; seconds are of the processor, memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from anyres_bench.baselines.anycost import network as anycost
from anyres_bench.baselines.infinitygan import network as infinitygan
from anyres_bench.baselines.liif import network as liif
from anyres_bench.baselines.mspe import network as mspe
from anyres_bench.baselines.realesrgan import network as realesrgan
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.generator import check_output
from anyres_bench.models.loading import load

BASE = "constant"  # what the upscalers enlarge; it costs nothing
EDSR_SPEC = {
    "encoder_spec": {"name": "edsr-baseline", "args": {"no_upsampling": True}},
    "imnet_spec": {"name": "mlp", "args": {"out_dim": 3, "hidden_list": [256] * 4}},
}
RDN_SPEC = {**EDSR_SPEC, "encoder_spec": {"name": "rdn", "args": {"no_upsampling": True}}}


def _liif_content(spec: dict[str, Any]) -> dict[str, Any]:
    state = liif.LIIF.from_spec(spec).state_dict()
    return {"model": {"name": "liif", "args": spec, "sd": state}, "optimizer": {}, "epoch": 1000}


def _mspe_content(config: str) -> dict[str, Any]:
    state = mspe.MSPENetwork(mspe.CONFIGS[config]).state_dict()
    named = {f"generator_ema.{name}": value for name, value in state.items()}
    return {"meta": {"iter": 1_100_000}, "state_dict": named}


@dataclass(frozen=True)
class Baseline:
    """A published model.

    Attributes:
        spec: how it is asked for; an upscaler names its base as {base}.
        content: makes what its official file holds.
        canvases: to render whole.
    """

    spec: str
    content: Callable[[], dict[str, Any]]
    canvases: tuple[int, ...] = (256, 512, 1024)


BASELINES = {
    "anycost": Baseline("anycost", lambda: {"g_ema": anycost.AnycostNetwork(1024).state_dict()}),
    "anycost-ch0.5": Baseline(
        "anycost:ch0.5", lambda: {"g_ema": anycost.AnycostNetwork(1024).state_dict()}
    ),
    "mspe-f": Baseline("mspe:f", lambda: _mspe_content("f"), (256, 512)),
    "infinitygan": Baseline(
        "infinitygan",
        lambda: {
            "g_ema": infinitygan.InfinityGANNetwork(
                infinitygan.Architecture.published()
            ).state_dict(),
            "best_fid": 9.5,
        },
        (101, 256),
    ),
    "liif-edsr": Baseline("liif:{base}", lambda: _liif_content(EDSR_SPEC), (512, 1024)),
    "liif-rdn": Baseline("liif:{base}", lambda: _liif_content(RDN_SPEC), (512,)),
    "realesrgan-x4plus": Baseline(
        "realesrgan:{base}", lambda: {"params_ema": realesrgan.RRDBNet().state_dict()}, (1024,)
    ),
    "realesrgan-x2plus": Baseline(
        "realesrgan:{base}",
        lambda: {"params_ema": realesrgan.RRDBNet(scale=2).state_dict()},
        (512,),
    ),
    "realesr-general-x4v3": Baseline(
        "realesrgan:{base}",
        lambda: {"params": realesrgan.SRVGGNetCompact(num_conv=32).state_dict()},
        (1024,),
    ),
    "lanczos": Baseline("lanczos:{base}", dict, (1024,)),
}


def write_file(name: str, folder: Path) -> dict[str, str]:
    """Write the official file of a baseline; the options that make the loader take it."""
    torch.manual_seed(0)
    content = BASELINES[name].content()
    if not content:
        return {}
    torch.save(content, folder / f"{name}.pth")
    return {"weights": str(folder / f"{name}.pth")}


def measure(name: str) -> None:
    """Load one baseline and print a line for every canvas."""
    baseline = BASELINES[name]
    with tempfile.TemporaryDirectory() as folder:
        generator = load(baseline.spec.format(base=BASE), write_file(name, Path(folder)))
        for side in baseline.canvases:
            region = Region.whole(Size.square(side))
            start = time.process_time()
            images = generator.sample(generator.latents([1]), [region])
            seconds = time.process_time() - start
            check_output(generator.id, images, 1, region.size)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            per_megapixel = seconds / (region.size.pixels / 1e6)
            print(f"{name:<22}{side:>6}{seconds:>10.2f}{per_megapixel:>10.1f}{peak:>10.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BASELINES))
    parser.add_argument("--one", action="store_true", help="measure in this process")
    arguments = parser.parse_args()
    if arguments.one:
        torch.set_num_threads(1)
        measure(arguments.names[0])
        return
    print(f"{'model':<22}{'side':>6}{'seconds':>10}{'s/MP':>10}{'peak GiB':>10}", flush=True)
    for name in arguments.names or BASELINES:
        command = [sys.executable, "-m", "benchmarks.baselines", "--one", name]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
