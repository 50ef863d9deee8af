"""How far from a window's edge the windows of AnyRes-GAN stop disagreeing.

    python -m benchmarks.anyres_margin [--full] [--out benchmarks/results/anyres_margin.json]

A window is rendered, and rendered again with its grid shifted by a few pixels; where the two
overlap they should agree. Close to an edge they do not, because convolutions see the end of the
window. The script prints the disagreement by the distance to the nearest edge of either window,
root mean square relative to the image's standard deviation, and the margin from which on it no
longer falls. Weights are random, with activations at unit power as in training.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Region, Size
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.network import GeneratorNetwork, SynthesisLayer

SHIFTS = ((17, 0), (0, -29), (40, 23), (-11, -37))  # (y, x) px of a window of 256
SCALES = (2, 4, 8)
REACH = 3 / 8  # of a window's side: the largest distance that is looked at
WITHIN_DB = 3.0  # the plateau is where the level is this close to that of the innermost pixels


def calibrated(config: GeneratorConfig, seed: int) -> tuple[GeneratorNetwork, Tensor]:
    """A random network whose layers know the power of their inputs, and a latent."""
    network = GeneratorNetwork(config, seed).requires_grad_(False)
    for layer in network.synthesis.children():
        if isinstance(layer, SynthesisLayer):
            layer.ema_beta = 0.0
    z = torch.randn(4, config.z_dim, generator=torch.Generator().manual_seed(seed))
    network(z, update_emas=True)
    return network, z[:1]


def disagreement(network: GeneratorNetwork, z: Tensor, scale: int) -> Tensor:
    """Mean squared difference by distance from the edge in pixels, relative to the variance."""
    side = network.config.resolution
    reach = int(side * REACH)
    canvas = Size.square(side * scale)
    start = (canvas.height - side) // 2

    def render(y: int, x: int) -> Tensor:
        matrix = Region(canvas, start + y, start + x, Size.square(side)).affine().float()
        return network(z, None, matrix[None])[0].double()

    base = render(0, 0)
    total, count = torch.zeros(reach).double(), torch.zeros(reach).double()
    for y, x in ((y * side // 256, x * side // 256) for y, x in SHIFTS):
        difference = _overlap(base, y, x) - _overlap(render(y, x), -y, -x)
        squares = difference.square().mean(dim=0)
        distance = _distance(squares)
        inside = distance < reach
        total.index_add_(0, distance[inside], squares[inside])
        count.index_add_(0, distance[inside], torch.ones_like(squares[inside]))
    return total / count / base.var()


def _overlap(image: Tensor, y: int, x: int) -> Tensor:
    """What of an image a window shifted by (y, x) shows too."""
    height, width = image.shape[1:]
    return image[:, max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]


def _distance(image: Tensor) -> Tensor:
    """Distance of each pixel (h, w) from the nearest edge."""
    y, x = (torch.minimum(torch.arange(n), n - 1 - torch.arange(n)) for n in image.shape)
    return torch.minimum(y[:, None], x[None, :])


def plateau(levels: Tensor) -> int:
    """The least distance whose level (dB) is as low as that of the innermost third."""
    floor = levels[-len(levels) // 3 :].mean()
    return int(torch.nonzero(levels <= floor + WITHIN_DB)[0])


def measure(name: str, config: GeneratorConfig, seeds: range) -> dict[str, Any]:
    """Levels of one configuration, averaged over seeds and scales."""
    curves = [disagreement(*calibrated(config, seed), scale) for seed in seeds for scale in SCALES]
    levels = 10 * torch.log10(torch.stack(curves).mean(dim=0))
    margin = plateau(levels)
    level = levels[margin:].mean()
    print(
        f"{name}: {levels[0]:.1f} dB at the edge, {level:.1f} dB from {margin} px on "
        f"({margin / config.resolution:.3f} of the window)",
        flush=True,
    )
    return {
        "resolution": config.resolution,
        "channel_base": config.channel_base,
        "seeds": len(seeds),
        "scales": SCALES,
        "margin_px": margin,
        "edge_db": round(float(levels[0]), 2),
        "plateau_db": round(float(level), 2),
        "level_db_by_px": [round(float(level), 2) for level in levels],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="also with all channels, at 256 px")
    parser.add_argument("--out", type=Path, help="write the levels to this JSON file")
    arguments = parser.parse_args()
    jobs = [(side, 2048, range(3)) for side in (64, 128, 256)]
    if arguments.full:
        jobs.append((256, 32768, range(1)))
    results = {}
    for side, base, seeds in jobs:
        config = GeneratorConfig(
            side, channel_base=base, channel_max=base // 64, scale_embedding="none"
        )
        for letter, chosen in (("t", config), ("r", config.radial())):
            name = f"{letter}-{side}-{base}"
            results[name] = measure(name, chosen, seeds)
    if arguments.out:
        write_json(arguments.out, results)
    else:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
