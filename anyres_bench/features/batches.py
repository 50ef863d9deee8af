"""Images through a network in batches of one size; on a CPU two batches side by side.

A GPU is told of all of them before anybody waits for the first. Batches travel there from memory
that it reads by itself: a copy of any other waits until the card has done all that it was told.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from anyres_bench.core.precision import single_precision
from anyres_bench.core.threads import side_by_side


def images_at_once(device: torch.device) -> int:
    """Images that go through a network together, always: a row must not depend on its neighbours.

    Convolutions sum in another order for another batch size.
    """
    return 8 if device.type == "cpu" else 32


def upload(batch: Tensor, device: torch.device) -> Tensor:
    """A batch on a device; nobody waits where it goes from main memory to an NVIDIA or AMD GPU.

    Memory that a copy still reads is not used again before it is done.
    """
    if device.type == "cuda" and batch.is_cpu:
        batch = batch.pin_memory()
    return batch.to(device, non_blocking=device.type == "cuda")


@single_precision()
def in_batches(
    run: Callable[[Tensor], Tensor], images: Tensor, size: int, dim: int, device: torch.device
) -> Tensor:
    """Rows of all images.

    Args:
        run: rows of at most `size` images, (n, dim) float32 on `device`, where it brings them by
            `upload`; called on other threads.
        images: (n, 3, h, w), on any device.
        size: of a batch.
        dim: of a row.
        device: where `run` computes.

    Returns:
        (n, dim) float32 on the CPU.
    """
    batches = [images[i : i + size] for i in range(0, len(images), size)]
    rows = side_by_side(run, batches) if device.type == "cpu" else [run(one) for one in batches]
    return torch.cat(rows).cpu() if rows else torch.empty(0, dim)
