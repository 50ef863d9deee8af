"""AnyRes-GAN and Inception on a GPU, against plain torch, torch.compile and torch-fidelity.

    python -m benchmarks.gpu [--only generator|inception] [--out benchmarks/results/gpu.json]
    python -m benchmarks.gpu --profile 8    # which kernels an image takes its time in

Generators of config T with random weights render batches of their own size, 256, 512 and 1,024 px,
in single precision (never TF32) and mixed. The plain side (`plain_training.py`) is the same
function as one writes it first; `torch.compile` is of the plain side. Inception takes squares of
512 px that lie in main memory to 2,048 numbers that lie there, both sides by one file of random
weights. Sides take turns in one process; compared are medians of images a second, and the most
memory that a batch takes beside weights. How far the sides are apart is written beside, and for
one image how far each is from the plain side in double precision.
"""

from __future__ import annotations

import argparse
import copy
import functools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anyres_bench.core.files import write_json
from anyres_bench.core.precision import single_precision, tf32
from anyres_bench.features.inception import InceptionV3
from anyres_bench.features.inception_network import InceptionNetwork
from anyres_bench.reference.network import GeneratorNetwork
from benchmarks.anyres_forward import make, relative_rms
from benchmarks.extraction import draw
from benchmarks.machine import machine
from benchmarks.plain_training import make_plain

BATCHES = {256: (1, 32), 512: (1, 16), 1024: (1, 8)}
COMPILED = 256  # px; each size and precision takes minutes to compile
_N_SQUARES, _SIDE = 512, 512

Run = Callable[[], Tensor]


def seconds(run: Run) -> float:
    """Of one call, until the card is done."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def peak_gib(run: Run) -> float:
    """What a call takes beside what is held already."""
    torch.cuda.empty_cache()
    held = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - held) / 2**30


def compare(sides: dict[str, Run], n_images: int, repeats: int) -> dict[str, Any]:
    """Sides in turns, after two calls that warm up; "plain" is what ratios are to."""
    made = {name: run().float().cpu() for name, run in sides.items()}
    peaks = {name: peak_gib(run) for name, run in sides.items()}
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            taken[name].append(seconds(run))
    rate = {name: n_images / statistics.median(of) for name, of in taken.items()}
    return {
        "images": n_images,
        "images_per_second": rate,
        "ratios_to_plain": {name: each / rate["plain"] for name, each in rate.items()},
        "peak_gib": peaks,
        "off_plain_rms": {name: relative_rms(of, made["plain"]) for name, of in made.items()},
        "seconds": taken,
        "load": round(os.getloadavg()[0], 1),
    }


def networks(resolution: int) -> tuple[GeneratorNetwork, GeneratorNetwork]:
    """Ours and the plain one, of the same weights, on the card."""
    ours, _ = make(resolution, 32768, 1, "cuda")
    plain = GeneratorNetwork(ours.config).cuda()
    plain.load_state_dict(ours.state_dict())
    make_plain(plain)
    return ours.eval(), plain.eval()


@torch.no_grad()
def render(network: Callable[..., Tensor], z: Tensor, force_fp32: bool) -> Tensor:
    """The images, as generators make them: what mixed precision leaves in single is TF32."""
    with tf32(not force_fp32):
        return network(z, force_fp32=force_fp32)


def generators(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Every size, batch and precision."""
    for resolution in args.sizes:
        ours, plain = networks(resolution)
        for precision in args.precision:
            single = precision == "float32"
            sides: dict[str, Any] = {"plain": plain, "ours": ours}
            if resolution == args.compiled:
                sides["torch.compile"] = torch.compile(plain, dynamic=False)
            for batch in BATCHES[resolution]:
                rng = torch.Generator().manual_seed(1)
                z = torch.randn(batch, ours.config.z_dim, generator=rng).cuda()
                runs: dict[str, Run] = {
                    name: functools.partial(render, network, z, single)
                    for name, network in sides.items()
                }
                row = {"resolution": resolution, "precision": precision, "batch": batch}
                row |= compare(runs, batch, args.repeats)
                if batch == 1:
                    row["off_float64_rms"] = errors(runs, plain, z)
                show(f"{resolution} px, {precision}, {batch}", row)
                yield row


def errors(runs: dict[str, Run], plain: GeneratorNetwork, z: Tensor) -> dict[str, float]:
    """How far the sides are from the plain side in double precision."""
    double = copy.deepcopy(plain).double()
    exact = render(double, z.double(), True).cpu()
    return {name: relative_rms(run().double().cpu(), exact) for name, run in runs.items()}


def show(name: str, row: dict[str, Any]) -> None:
    """A line."""
    shown = ["images_per_second", "ratios_to_plain", "peak_gib"]
    for key in [*shown, "off_plain_rms", "off_float64_rms"]:
        if key in row:
            name += f"  {key}: " + ", ".join(f"{k} {v:.3g}" for k, v in row[key].items())
    print(name, flush=True)


def inception(repeats: int) -> dict[str, Any]:
    """Features of squares; "plain" is torch-fidelity's extractor in its batches of 64."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    rng = torch.Generator().manual_seed(0)
    squares = torch.randint(0, 256, (_N_SQUARES, 3, _SIDE, _SIDE), generator=rng).to(torch.uint8)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.pth"
        torch.save(draw(InceptionNetwork()).state_dict(), weights)
        theirs = FeatureExtractorInceptionV3("i", ["2048"], str(weights)).cuda().eval()
        sides = {
            name: InceptionV3(weights, resize_mode="legacy_tensorflow", bf16=bf16, device="cuda")
            for name, bf16 in (("ours", False), ("ours+bf16", True))
        }

    @torch.inference_mode()
    def plain() -> Tensor:
        batches = squares.pin_memory().split(64)
        return torch.cat([theirs(one.cuda(non_blocking=True))[0].cpu() for one in batches])

    runs: dict[str, Run] = {"plain": plain}
    runs |= {name: functools.partial(side, squares) for name, side in sides.items()}
    row = compare(runs, _N_SQUARES, repeats)
    show("inception", row)
    return row


def profile(batch: int) -> None:
    """Print what the time of a batch of 256 px goes into, a side and a precision at a time."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiled

    ours, plain = networks(256)
    z = torch.randn(batch, ours.config.z_dim).cuda()
    for name, network in (("ours", ours), ("plain", plain)):
        for single in (True, False):
            run = functools.partial(render, network, z, single)
            run(), run()
            with profiled(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
                run()
                torch.cuda.synchronize()
            table = found.key_averages().table(
                sort_by="self_cuda_time_total", row_limit=14, max_name_column_width=70
            )
            print(name, "float32" if single else "mixed", batch, table, sep="\n", flush=True)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("generator", "inception"))
    parser.add_argument("--sizes", type=int, nargs="*", default=list(BATCHES))
    parser.add_argument(
        "--compiled", type=int, default=COMPILED, help="size that torch.compile sees"
    )
    parser.add_argument("--precision", nargs="*", default=["float32", "mixed"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--profile", type=int, metavar="BATCH", help="print kernels, and stop")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gpu.json"))
    args = parser.parse_args()
    card = torch.cuda.get_device_properties(0)
    facts = {"card": card.name, "memory_gib": card.total_memory / 2**30, "cuda": torch.version.cuda}
    body: dict[str, Any] = {**facts, "machine": machine(), "weights": "random"}
    with single_precision():
        if args.profile:
            profile(args.profile)
            return
        if args.only != "inception":
            body["generator"] = []
            for row in generators(args):
                body["generator"].append(row)
                write_json(args.out, body)  # each: a card may be lent for minutes
        if args.only != "generator":
            body["inception"] = inception(args.repeats)
            write_json(args.out, body)


if __name__ == "__main__":
    main()
