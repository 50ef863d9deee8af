"""What a model's images cost: multiplications, weights, seconds."""

from __future__ import annotations

import time
from typing import Protocol, runtime_checkable

from anyres_bench.core.errors import AnyresBenchError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.networks import networks
from anyres_bench.core.reporting import say
from anyres_bench.models.generator import Generator
from anyres_bench.results import CostRecord


@runtime_checkable
class Partial(Protocol):
    """A generator that does not use all of its weights for every canvas."""

    def n_parameters(self, canvas: Size) -> int:
        """Weights that take part in images of a canvas."""
        ...


def render_cost(generator: Generator, window: Region) -> CostRecord | None:
    """What rendering one window of one image takes, found by doing it once more.

    Args:
        generator: the model.
        window: what is rendered of which canvas.

    Returns:
        None for models without a network, and for those that torch cannot count, which is said.
    """
    found = list(networks(generator))
    if not found:
        return None
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    latent = generator.latents([0])
    counter = FlopCounterMode(display=False)
    try:
        with counter:
            generator.sample(latent, [window])
    except AnyresBenchError:
        raise
    except Exception as error:  # noqa: BLE001 - hooks of the counter in code that nobody knows
        say(f"the cost of {generator.id} is not counted: {type(error).__name__}: {error}")
        return None
    start = time.perf_counter()
    image = generator.sample(latent, [window])
    float(image[0, 0, 0, 0])  # waits for an accelerator
    seconds = time.perf_counter() - start
    if isinstance(generator, Partial):
        n_parameters = generator.n_parameters(window.canvas)
    else:
        weights = {id(p): p.numel() for network in found for p in network.parameters()}
        n_parameters = sum(weights.values())
    return CostRecord(
        canvas=(window.canvas.height, window.canvas.width),
        window=(window.size.height, window.size.width),
        macs=counter.get_total_flops() // 2,
        parameters=n_parameters,
        seconds=seconds,
        seconds_per_megapixel=seconds / (window.size.pixels / 1e6),
        threads=torch.get_num_threads(),
    )
