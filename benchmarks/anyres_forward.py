"""AnyRes-GAN on a CPU against direct filters, alone and beside one busy loop a core.

    python -m benchmarks.anyres_forward [--out benchmarks/results/anyres_forward.json]

The direct side inserts zeros, pads, convolves along each axis at the full rate and drops pixels,
as the operations are defined; it keeps a mask for its backward pass, so it computes nothing twice;
its convolutions are the library's. Everything else is shared. `bf16` compares ours in float32 with
ours in bfloat16, and says how far they are apart, as a root mean square over the images' deviation;
so it does for the embedded networks. Sides take turns; compared are medians of the clock and of the
processors. Threads wait as the command line lets them. A direct pass of the full network takes
some 15 s an image on two cores, and a pass with gradients about three times that.
"""

from __future__ import annotations

import argparse
import functools
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when the library is loaded

import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.loading import load
from anyres_bench.models.warp import affine_resample
from anyres_bench.reference import layers as layers_module
from anyres_bench.reference import network as network_module
from anyres_bench.reference.activation import FilteredLRelu, Kernels
from anyres_bench.reference.bfloat import synthesize
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.network import GeneratorNetwork, SynthesisLayer
from benchmarks.busy import busy_loops
from benchmarks.machine import machine

Side = Callable[[], Tensor]
CASES = ("forward", "bf16", "backward", "resampler")
EMBEDDED = ("stage1-seed0", "ours-seed0")


def insert_zeros(x: Tensor, up: int) -> Tensor:
    """Every pixel followed by up - 1 zeros, on both axes."""
    n, c, h, w = x.shape
    out = x.new_zeros(n, c, h, up, w, up)
    out[:, :, :, 0, :, 0] = x
    return out.view(n, c, h * up, w * up)


def direct_filter(x: Tensor, taps: Tensor, up: int, down: int, padding: tuple[int, ...]) -> Tensor:
    """Insert zeros, pad, convolve with separable taps along x and along y, drop pixels."""
    x = F.pad(insert_zeros(x, up) if up > 1 else x, padding)
    channels = x.shape[1]
    kernel = taps.flip(0).to(x.dtype).expand(channels, 1, 1, -1)
    x = F.conv2d(x, kernel, groups=channels)
    x = F.conv2d(x, kernel.transpose(2, 3), groups=channels)
    return x[:, :, ::down, ::down]


class DirectFunction(torch.autograd.Function):
    """The filtered leaky ReLU, directly."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, up_taps: Tensor, down_taps: Tensor, op: FilteredLRelu
    ) -> Tensor:
        fine = direct_filter(x, up_taps * op.up, op.up, 1, op.padding)
        positive, inside = fine >= 0, fine.abs() * op.gain <= (op.clamp or math.inf)
        ctx.save_for_backward(up_taps, down_taps, positive, inside)
        ctx.plan = op, x.shape, fine.shape
        fine = (F.leaky_relu(fine, op.slope) * op.gain).clamp(
            -op.bound * op.gain, op.bound * op.gain
        )
        return direct_filter(fine, down_taps, 1, op.down, (0, 0, 0, 0))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        up_taps, down_taps, positive, inside = ctx.saved_tensors
        op, shape, fine = ctx.plan
        grad = adjoint(grad, down_taps, 1, op.down, (0, 0, 0, 0), fine)
        grad = grad * torch.where(positive, op.gain, op.gain * op.slope) * inside
        return adjoint(grad, up_taps * op.up, op.up, 1, op.padding, shape), None, None, None


def adjoint(
    grad: Tensor, taps: Tensor, up: int, down: int, padding: tuple[int, ...], shape: torch.Size
) -> Tensor:
    """The adjoint of `direct_filter`, itself a direct filter."""
    sides = []
    for before, n_in, n_out in (
        (padding[0], shape[3], grad.shape[3]),
        (padding[2], shape[2], grad.shape[2]),
    ):
        start = len(taps) - 1 - before
        sides += [start, n_in * up - n_out * down + before - up + 1]
    return direct_filter(grad, taps.flip(0), down, up, tuple(sides))


def direct_lrelu(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    kernels: Kernels,
    op: FilteredLRelu,
    workspace: object = None,
) -> Tensor:
    """As `filtered_lrelu`; its memory is always new."""
    x = x * scale[:, :, None, None] + bias[:, None, None]
    up_taps, down_taps = kernels
    if up_taps is None or down_taps is None:
        return F.leaky_relu(x, op.slope).clamp(-op.bound, op.bound) * op.gain
    return DirectFunction.apply(x, up_taps, down_taps, op)


def direct_resample(x: Tensor, matrix: Tensor) -> Tensor:
    """The teacher's resampler, directly: for each image a 2-D filter is made by FFT and applied."""
    height, width = x.shape[2:]
    kernel = bandlimit(matrix).flip(0, 1).to(x.dtype).expand(x.shape[1], 1, -1, -1)
    fine = F.conv2d(F.pad(insert_zeros(x, 4), (128, 124, 128, 124)), kernel, groups=x.shape[1])
    theta = matrix.inverse()[:2]
    size = torch.tensor([width, height])
    theta[:, 2] = theta[:, 2] * 2 + 1 / (4 * size)
    theta = theta * (size / (size + 31.5))[:, None]
    grid = F.affine_grid(theta[None], [1, 1, height, width], align_corners=False)
    return F.grid_sample(fine, grid, mode="bilinear", align_corners=False)


def bandlimit(matrix: Tensor) -> Tensor:
    """The resampler's filter, (127, 127) with a sum of 16."""
    position = torch.fft.ifftshift(torch.arange(-255, 256).double() / 4)
    y, x = torch.meshgrid(position, position, indexing="ij")
    (a, b), (c, d) = matrix[:2, :2].double()
    taps = torch.ones(())
    for window in (torch.sinc, lambda t: torch.sinc(t / 3) * (t.abs() < 3)):
        before = torch.fft.fft2(window(x) * window(y))
        after = torch.fft.fft2(window(a * x + b * y) * window(c * x + d * y))
        taps = taps * torch.fft.ifft2(before * after).real
    phases = F.pad(torch.fft.fftshift(taps)[192:319, 192:319], (0, 1, 0, 1)).view(32, 4, 32, 4)
    phases = phases / phases.sum(dim=(0, 2), keepdim=True)
    return phases.view(128, 128)[:127, :127]


def taken(call: Callable[[], object]) -> dict[str, float]:
    """Seconds of the clock and of the processors that one call takes."""
    start, cpu = time.perf_counter(), time.process_time()
    call()
    return {"wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}


def compare(name: str, direct: Side, ours: Side, repeats: int, n_busy: int) -> dict[str, Any]:
    """Measure both sides in turns, so that a busy machine hits both; medians and their ratios."""
    slow, fast = direct(), ours()
    apart = float((slow - fast).abs().max() / slow.abs().max())
    off = relative_rms(fast, slow)
    with busy_loops(n_busy):
        runs = [(taken(direct), taken(ours)) for _ in range(repeats)]
    sides = {
        side: {key: statistics.median(one[key] for one in of) for key in of[0]}
        for side, of in zip(("direct", "ours"), zip(*runs, strict=True), strict=True)
    }
    ratios = {key: value / sides["ours"][key] for key, value in sides["direct"].items()}
    row: dict[str, Any] = {
        "name": name,
        "busy_loops": n_busy,
        **sides,
        "ratios": ratios,
        "largest_apart": apart,
    }
    row["relative_rms"] = off
    print(row, flush=True)
    return row


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--channel-base", type=int, default=32768)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", action="append", choices=CASES)
    parser.add_argument("--alone", action="store_true", help="not beside busy loops too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/anyres_forward.json"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    where = machine()
    rows = [
        compare(name, direct, ours, args.repeats, n_busy)
        for name, direct, ours in cases(args.resolution, args.channel_base, args.batch)
        if not args.only or name in args.only
        for n_busy in ((0,) if args.alone else (0, os.cpu_count() or 1))
    ]
    facts = {"resolution": args.resolution, "channel_base": args.channel_base}
    facts |= {"batch": args.batch, "repeats": args.repeats, "weights": "random"}
    errors = embedded_errors() if not args.only or "bf16" in args.only else []
    print(*errors, sep="\n")
    write_json(args.out, {**facts, "machine": where, "rows": rows, "bf16_errors": errors})


def cases(resolution: int, channel_base: int, batch: int) -> Iterator[tuple[str, Side, Side]]:
    """Name, direct side and our side of whatever is compared."""
    network, z = make(resolution, channel_base, batch)
    for name, run in (("forward", forward), ("backward", forward_backward)):
        ours = functools.partial(run, network, z)
        yield name, functools.partial(directly, ours), ours
    yield "bf16", functools.partial(forward, network, z), functools.partial(bf16, network, z)
    image = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1
    matrix = Region(Size.square(1000), 300, 111, Size.square(256)).affine().float()
    yield (
        "resampler",
        lambda: direct_resample(image, matrix),
        lambda: affine_resample(image, matrix[None])[0],
    )


def make(
    resolution: int, channel_base: int, batch: int, device: str = "cpu"
) -> tuple[GeneratorNetwork, Tensor]:
    """A random generator of config T with activations at unit power, and latents."""
    config = GeneratorConfig(resolution, channel_base=channel_base, channel_max=channel_base // 64)
    network = GeneratorNetwork(config).to(device)
    z = torch.randn(batch, config.z_dim, generator=torch.Generator().manual_seed(0)).to(device)
    for layer in network.synthesis.children():
        if isinstance(layer, SynthesisLayer):
            layer.ema_beta = 0.0
    with torch.no_grad():
        network(z[:1], update_emas=True)
    return network, z


def forward(network: GeneratorNetwork, z: Tensor) -> Tensor:
    """The images."""
    with torch.no_grad():
        return network(z)


def bf16(network: GeneratorNetwork, z: Tensor) -> Tensor:
    """The images, in bfloat16."""
    with torch.no_grad():
        ws, scale_w = network.mapping(z, None), network.embed_scale(None, None, len(z))
        return synthesize(network.synthesis, ws, None, scale_w)


def relative_rms(a: Tensor, b: Tensor) -> float:
    """Root mean square of the difference, over the deviation of `b`."""
    return float((a - b).square().mean().sqrt() / b.std())


def embedded_errors() -> list[dict[str, Any]]:
    """How far bfloat16 is from float32 for networks that come with the package."""
    rows = []
    for name in EMBEDDED:
        single, half = (
            load(f"embedded:{name}", {"precision": precision}) for precision in ("float32", "bf16")
        )
        z, regions = single.latents(range(8)), [Region.whole(Size.square(128))] * 8
        off = relative_rms(half.sample(z, regions), single.sample(z, regions))
        rows.append({"network": name, "canvas": 128, "images": 8, "relative_rms": off})
    return rows


def forward_backward(network: GeneratorNetwork, z: Tensor) -> Tensor:
    """Gradients of a scalar with respect to all parameters, as one vector."""
    network.zero_grad(set_to_none=True)
    images = network(z)
    (images * torch.linspace(-1, 1, images.numel()).view(images.shape)).sum().backward()
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def directly(call: Callable[[], Tensor]) -> Tensor:
    """`call` with the direct filters and the library's convolutions in the place of ours."""
    with (
        mock.patch.object(network_module, "filtered_lrelu", direct_lrelu),
        mock.patch.object(layers_module, "suits", return_value=False),
    ):
        return call()


if __name__ == "__main__":
    main()
