"""How fast this machine is against the one that costs were measured on."""

from __future__ import annotations

import os
import platform
import re
import time
from pathlib import Path

_SIZE, _CHANNELS, _REPEATS, _TRIES = 64, 128, 2, 5


def probe(device: str) -> float:
    """Seconds of a fixed piece of convolutions: 1.2 billion multiplications, the fastest of five.

    On the CPU they are those that the processor spends on one thread, so that other work, which
    makes everything wait, does not count as slowness; elsewhere those of the clock.
    """
    import torch
    from torch.nn.functional import conv2d

    where = torch.device(device)
    clock = time.thread_time if where.type == "cpu" else time.perf_counter
    x = torch.ones(1, _CHANNELS, _SIZE, _SIZE, device=where)
    kernel = torch.full((_CHANNELS, _CHANNELS, 3, 3), 1 / (9 * _CHANNELS), device=where)

    def once() -> None:
        y = x
        for _ in range(_REPEATS):
            y = conv2d(y, kernel, padding=1)
        float(y[0, 0, 0, 0])  # waits for an accelerator

    def seconds() -> float:
        start = clock()
        once()
        return clock() - start

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            once()
            return min(seconds() for _ in range(_TRIES))
    finally:
        torch.set_num_threads(n_threads)


def probed_on(device: str) -> str:
    """What `probe` measures a device by, in words."""
    if device.partition(":")[0] != "cpu":
        return f"{device}, by the clock"
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"one thread of {processor()} ({n_cores} here), in CPU time, whatever else runs"


def processor() -> str:
    """Name of the processor, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        lines = ""
    found = re.search(r"^model name\s*:\s*(\S.*)$", lines, re.M)
    return found.group(1).strip() if found else platform.processor() or platform.machine()
