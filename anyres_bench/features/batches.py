"""Images through a network in batches of one size; on a CPU two batches side by side.

Two batches on half of the cores each never wait for each other, where the threads of one batch wait
after every layer; and what decodes images beside them delays one batch and not all.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

_ABREAST = 2  # batches; the activations of more would take memory for no time


def in_batches(
    run: Callable[[Tensor], Tensor], images: Tensor, size: int, dim: int, device: torch.device
) -> Tensor:
    """Rows of all images.

    On a CPU every batch has half of torch's threads, however many batches there are, so a row does
    not depend on what it came with. Threads of the caller are as before, also after an error.

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
    n_threads = torch.get_num_threads()
    if device.type != "cpu" or n_threads == 1 or not batches:
        rows = [run(batch) for batch in batches]
    else:
        each = -(-n_threads // _ABREAST)
        try:
            with ThreadPoolExecutor(
                _ABREAST, "features", initializer=torch.set_num_threads, initargs=(each,)
            ) as pool:
                rows = list(pool.map(run, batches))
        finally:
            torch.set_num_threads(n_threads)  # threads that are yet to come take the last number
    return torch.cat(rows) if rows else torch.empty(0, dim)
