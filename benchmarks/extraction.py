"""Networks that extract, as extractors run them, against the same networks as they are written.

    python -m benchmarks.extraction [PHOTOGRAPHS] [--out benchmarks/results/extraction.json]

Extractors fold batch norms into convolutions and lay the channels of a pixel side by side. Both
sides run in turn in one process, on noise and on photographs where a folder is given; CPU seconds
and wall-clock seconds are compared, and the largest difference of a row of features, relative to
the row's norm. Weights are drawn at random in the shapes of the published files: speed and rounding
do not depend on what they were trained for. The third column holds both against the plain network
in float64.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from anyres_bench.core.errors import UsageError
from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Size
from anyres_bench.data.pixels import decode
from anyres_bench.data.resize import resize
from anyres_bench.features import lpips, vgg16
from anyres_bench.features.cnndetection import ResNet50
from anyres_bench.features.folding import arranged, folded, pixel_by_pixel
from anyres_bench.features.inception import prepared
from anyres_bench.features.inception_network import InceptionNetwork
from anyres_bench.features.pretrained import library
from benchmarks.machine import machine

Side = Callable[[Tensor], Tensor]
_PLAIN_VGG = ((64, 0), (64, 2), (128, 5), (128, 7), (256, 10), (256, 12), (256, 14))
_PLAIN_VGG += ((512, 17), (512, 19), (512, 21), (512, 24), (512, 26), (512, 28))
_ALEX = ((64, 3, 11, 0), (192, 64, 5, 3), (384, 192, 3, 6), (256, 384, 3, 8), (256, 256, 3, 10))


@dataclass(frozen=True)
class Pair:
    """Both sides of one network, each from (n, 3, side, side) in [-1, 1] to (n, dim)."""

    name: str
    side: int
    plain: Side
    ours: Side
    exact: Side | None


def draw(network: nn.Module) -> nn.Module:
    """Fill a network so that activations keep their size; in eval mode."""
    rng = torch.Generator().manual_seed(0)
    for module in network.eval().requires_grad_(False).modules():
        if isinstance(module, nn.Conv2d):
            scale = (2 / module.weight[0].numel()) ** 0.5
            module.weight.copy_(scale * torch.randn(module.weight.shape, generator=rng))
        if isinstance(module, nn.BatchNorm2d):
            n = module.num_features
            module.running_mean.copy_(0.3 * torch.randn(n, generator=rng))
            module.running_var.copy_(0.3 + torch.rand(n, generator=rng))
            module.bias.copy_(0.2 * torch.randn(n, generator=rng))
    return network


def inception(dtype: torch.dtype = torch.float32) -> Pair:
    """Inception-v3 up to the 2,048 numbers; in bfloat16 against autocast of the plain network."""
    network = draw(InceptionNetwork())
    fast = prepared(copy.deepcopy(network), "2048", dtype)
    double = copy.deepcopy(network).double()

    def plain(x: Tensor) -> Tensor:
        half = torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16)
        with half:
            return network(x, last="2048")["2048"]

    return Pair(
        "inception-v3" if dtype == torch.float32 else "inception-v3+bf16",
        299,
        plain,
        lambda x: fast(pixel_by_pixel(x).to(dtype))["2048"],
        lambda x: double(x.double(), last="2048")["2048"],
    )


def residual(name: str, network: nn.Module, side: int = 224) -> Pair:
    """A network of modules, by what it returns."""
    network = draw(network)
    fast = arranged(folded(copy.deepcopy(network)))
    double = copy.deepcopy(network).double()
    return Pair(
        name, side, network, lambda x: fast(pixel_by_pixel(x)), lambda x: double(x.double())
    )


def conv(name: str, n_out: int, n_in: int, kernel: int) -> dict[str, Tensor]:
    """Weights of a convolution with its bias."""
    rng = torch.Generator().manual_seed(n_out * 1000 + n_in)
    weight = torch.randn(n_out, n_in, kernel, kernel, generator=rng)
    weight *= (2 / weight[0].numel()) ** 0.5
    return {f"{name}.weight": weight, f"{name}.bias": 0.1 * torch.randn(n_out, generator=rng)}


def vgg_tensors() -> dict[str, Tensor]:
    """VGG16's convolutions, by torchvision's names."""
    n_in, tensors = 3, {}
    for n_out, number in _PLAIN_VGG:
        tensors |= conv(f"features.{number}", n_out, n_in, 3)
        n_in = n_out
    return tensors


@contextlib.contextmanager
def as_written() -> Iterator[None]:
    """Layouts as torch gives them."""
    with contextlib.ExitStack() as stack:
        for module in (lpips, vgg16):
            for name in ("pixel_by_pixel", "laid_out"):
                stack.enter_context(mock.patch.object(module, name, lambda tensor: tensor))
        yield


def functional(name: str, side: int, make: Callable[[], Side]) -> Pair:
    """A network that is written as functions of its weights."""
    with as_written():
        network = make()

    def plain(x: Tensor) -> Tensor:
        with as_written():
            return network(x)

    return Pair(name, side, plain, make(), None)


def vgg() -> Side:
    """VGG16's second linear layer."""
    tensors = vgg_tensors()
    for name, shape in (("classifier.0", (4096, 25088)), ("classifier.3", (4096, 4096))):
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        tensors |= {f"{name}.weight": weight * (2 / shape[1]) ** 0.5}
        tensors |= {f"{name}.bias": torch.zeros(shape[0])}
    network = vgg16.VGG16(tensors)
    return lambda x: network.features(127.5 * (x + 1))["fc2"]


def distance(net: str) -> Side:
    """LPIPS between pictures and their mirror images, the taps' shares."""
    tensors, widths = vgg_tensors(), (64, 128, 256, 512, 512)
    if net == "alex":
        tensors, widths = {}, (64, 192, 384, 256, 256)
        for n_out, n_in, kernel, number in _ALEX:
            tensors |= conv(f"features.{number}", n_out, n_in, kernel)
    heads = {f"lin{i}.model.1.weight": torch.rand(1, n, 1, 1) for i, n in enumerate(widths)}
    network = lpips.LPIPS(net, tensors | heads)
    return lambda x: network.per_layer(x, x.flip(3))


def pairs() -> Iterator[Pair]:
    """Every network that an extractor or a distance runs."""
    yield inception()
    yield residual("cnndetection (ResNet-50)", ResNet50())
    yield functional("vgg16", 224, vgg)
    torch.manual_seed(0)
    for net in ("alex", "vgg"):
        rng = torch.get_rng_state()

        def make(net: str = net, rng: Tensor = rng) -> Side:
            torch.set_rng_state(rng)
            return distance(net)

        yield functional(f"lpips+{net}", 128, make)
    try:
        timm = library("timm", "timm")
    except UsageError as error:
        print(f"without timm: {error}")
    else:
        for name in ("resnet50", "efficientnet_b0"):
            yield residual(f"timm:{name}", timm.create_model(name, num_classes=0))
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():  # emulated it takes minutes an image
        yield inception(torch.bfloat16)


def pictures(folder: Path | None, n: int, side: int) -> dict[str, Tensor]:
    """Noise, and photographs squashed to the network's input."""
    rng = torch.Generator().manual_seed(2)
    noise = torch.randint(0, 256, (n, 3, side, side), generator=rng)
    found = {"noise": noise.float() / 127.5 - 1}
    if folder is not None:
        files = sorted(file for file in folder.iterdir() if file.suffix in (".png", ".jpg"))
        shown = [decode(file.read_bytes()).pixels for file in files[:: max(1, len(files) // n)][:n]]
        tensors = [torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous() for pixels in shown]
        resized = [resize(tensor, Size.square(side)) for tensor in tensors]
        found["photographs"] = torch.cat(resized) / 127.5 - 1
    return found


def off(got: Tensor, want: Tensor) -> float:
    """Largest difference of a row, relative to its norm."""
    return float(((got.double() - want.double()).norm(dim=1) / want.double().norm(dim=1)).max())


@torch.inference_mode()
def measure(pair: Pair, args: argparse.Namespace) -> dict[str, Any]:
    """Seconds an image and differences of one network."""
    found = pictures(args.photographs, args.n, pair.side)
    row: dict[str, Any] = {"network": pair.name, "off": {}}
    for name, x in found.items():
        values = {"ours": pair.ours(x), "plain": pair.plain(x)}
        row["off"][name] = {"ours_from_plain": off(values["ours"], values["plain"])}
        if pair.exact is not None:
            exact = pair.exact(x[: args.n_exact])
            for side, value in values.items():
                row["off"][name][f"{side}_from_float64"] = off(value[: args.n_exact], exact)
    seconds: dict[str, list[float]] = {f"{s}_{c}": [] for s in ("plain", "ours") for c in "cw"}
    for _ in range(args.repeats):
        for side, run in (("plain", pair.plain), ("ours", pair.ours)):
            cpu, wall = time.process_time(), time.perf_counter()
            run(x)
            seconds[f"{side}_c"].append((time.process_time() - cpu) / args.n)
            seconds[f"{side}_w"].append((time.perf_counter() - wall) / args.n)
    for clock, title in (("c", "cpu"), ("w", "wall")):
        plain, ours = (statistics.median(seconds[f"{s}_{clock}"]) for s in ("plain", "ours"))
        row |= {f"plain_{title}_s": plain, f"ours_{title}_s": ours, f"{title}_ratio": plain / ours}
    return row


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path, nargs="?", help="a folder of .png or .jpg files")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--n", type=int, default=8, help="images at a time")
    parser.add_argument("--n-exact", type=int, default=2, help="of them in float64 too")
    parser.add_argument("--only", default="", help="networks whose name holds this")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/extraction.json"))
    args = parser.parse_args()
    where = machine()
    rows = []
    for pair in pairs():
        if args.only in pair.name:
            rows.append(measure(pair, args))
            print(rows[-1], flush=True)
    facts = {"n": args.n, "repeats": args.repeats, "weights": "random"}
    write_json(args.out, {**facts, "machine": where, "rows": rows})


if __name__ == "__main__":
    main()
