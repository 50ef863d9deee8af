"""Images through a network in batches of one size; on a CPU two batches side by side."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from anyres_bench.core.threads import side_by_side


def in_batches(
    run: Callable[[Tensor], Tensor], images: Tensor, size: int, dim: int, device: torch.device
) -> Tensor:
    """Rows of all images.

    Args:
        run: rows of at most `size` images, (n, dim) float32 on the CPU; called on other threads.
        images: (n, 3, h, w).
        size: of a batch.
        dim: of a row.
        device: where `run` computes.

    Returns:
        (n, dim) float32 on the CPU.
    """
    batches = [images[i : i + size] for i in range(0, len(images), size)]
    rows = side_by_side(run, batches) if device.type == "cpu" else [run(one) for one in batches]
    return torch.cat(rows) if rows else torch.empty(0, dim)
