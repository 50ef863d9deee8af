"""How fast this machine is against the one that costs were measured on."""

from __future__ import annotations

import time

_SIZE, _CHANNELS, _REPEATS, _TRIES = 64, 128, 2, 3


def probe(device: str) -> float:
    """Seconds of a fixed piece of convolutions on a device, with as many threads as torch takes.

    1.2 billion multiplications; the fastest of three, since other work only makes it slower.
    """
    import torch
    from torch.nn.functional import conv2d

    where = torch.device(device)
    x = torch.ones(1, _CHANNELS, _SIZE, _SIZE, device=where)
    kernel = torch.full((_CHANNELS, _CHANNELS, 3, 3), 1 / (9 * _CHANNELS), device=where)

    def once() -> None:
        y = x
        for _ in range(_REPEATS):
            y = conv2d(y, kernel, padding=1)
        float(y[0, 0, 0, 0])  # waits for an accelerator

    def seconds() -> float:
        start = time.perf_counter()
        once()
        return time.perf_counter() - start

    with torch.inference_mode():
        once()
        return min(seconds() for _ in range(_TRIES))
