"""What a model's images cost: multiplications, weights, seconds."""

from __future__ import annotations

import time
from typing import Any, Protocol, runtime_checkable

from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.generator import Generator, networks_of


@runtime_checkable
class Partial(Protocol):
    """A generator that does not use all of its weights for every canvas."""

    def n_parameters(self, canvas: Size) -> int:
        """Weights that take part in images of a canvas."""
        ...


def render_cost(generator: Generator, window: Region) -> dict[str, Any]:
    """What rendering one window of one image takes, found by doing it once more.

    Args:
        generator: the model.
        window: what is rendered of which canvas.

    Returns:
        `canvas` and `window` (height, width), `macs` (multiplications of convolutions and matrix
        products), `parameters` (weights, those of a base included), `seconds` and
        `seconds_per_megapixel` of the window; empty for models without a network.
    """
    networks = list(networks_of(generator))
    if not networks:
        return {}
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    latent = generator.latents([0])
    counter = FlopCounterMode(display=False)
    with counter:
        generator.sample(latent, [window])
    start = time.perf_counter()
    image = generator.sample(latent, [window])
    float(image[0, 0, 0, 0])  # waits for an accelerator
    seconds = time.perf_counter() - start
    if isinstance(generator, Partial):
        n_parameters = generator.n_parameters(window.canvas)
    else:
        weights = {id(p): p.numel() for network in networks for p in network.parameters()}
        n_parameters = sum(weights.values())
    return {
        "canvas": list(window.canvas),
        "window": list(window.size),
        "macs": counter.get_total_flops() // 2,
        "parameters": n_parameters,
        "seconds": seconds,
        "seconds_per_megapixel": seconds / (window.size.pixels / 1e6),
        "threads": torch.get_num_threads(),
    }
