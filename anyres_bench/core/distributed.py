"""Ranks: no-ops on one process; under `torchrun` the collective operations of torch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import reduce as _fold
from typing import TYPE_CHECKING, Any, TypeVar

from anyres_bench.core.errors import UsageError
from anyres_bench.core.reporting import say

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


_OF_A_GROUP = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def rank() -> int:
    """Number of this process, from 0."""
    return _number("RANK") if _in_group() else 0


def world_size() -> int:
    """How many processes work together."""
    return _number("WORLD_SIZE") if _in_group() else 1


def is_main() -> bool:
    """Whether this process prints and writes."""
    return rank() == 0


def _in_group() -> bool:
    """Whether the environment describes a whole group: some of it may be left of another run."""
    return all(os.environ.get(name) for name in _OF_A_GROUP)


def _number(name: str) -> int:
    text = os.environ.get(name, "0")
    if not text.isdecimal():
        raise UsageError(f"the environment variable {name} is {text!r}, no number; unset it")
    return int(text)


def device(name: str | None = None) -> torch.device:
    """The device of a name, which is there; by default this process's accelerator, or the CPU.

    "cuda" is the accelerator of this process, such as cuda:1 on the second of a machine.

    Raises:
        UsageError: no such kind of device, or this machine has none.
    """
    import torch

    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, colon, index = name.partition(":")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": 0, "xpu": 0}
    if torch.backends.mps.is_available():
        counts["mps"] = 1
    if hasattr(torch, "xpu"):
        counts["xpu"] = torch.xpu.device_count()
    if kind not in counts or (colon and not index.isdecimal()):
        raise UsageError(f"{name!r} is no device; it is one of {', '.join(counts)}, or cuda:1")
    if int(index or 0) >= counts[kind]:
        here = [f"{one} ({n})" for one, n in counts.items() if n]
        raise UsageError(f"this machine has no {name}; it has {', '.join(here)}")
    if not colon and kind in ("cuda", "xpu"):
        index = str(_number("LOCAL_RANK") if _in_group() else 0)
    return torch.device(f"{kind}:{index}" if index and kind != "cpu" else kind)


def start() -> None:
    """Join the process group that `torchrun` describes; nothing to do on one process."""
    if world_size() == 1:
        left = [name for name in _OF_A_GROUP if os.environ.get(name)]
        if left and not _in_group():
            say(f"{', '.join(left)} alone describe no group of processes; this is one process")
        return
    import torch
    import torch.distributed as dist

    # Functions of this module have the group of the moment of its import as a default argument. An
    # optimiser imports it; were that after the group is made, the group would outlive `stop`, and
    # its threads, which want the interpreter while that shuts down, would abort the process.
    import torch.distributed.nn.functional

    if not dist.is_initialized():
        say(f"waiting for {world_size()} processes at {os.environ['MASTER_ADDR']}")
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def stop() -> None:
    """Leave the process group; its threads have ended then."""
    if world_size() == 1:
        return
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Within the process group; left at the end, unless the caller was in it already."""
    if world_size() > 1:
        import torch.distributed as dist

        if dist.is_initialized():
            yield
            return
    start()
    try:
        yield
    finally:
        stop()


def gather(value: T) -> list[T]:
    """Every rank's value, in rank order, on every rank."""
    if world_size() == 1:
        return [value]
    import torch.distributed as dist

    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def reduce(state: T, add: Callable[[T, T], T]) -> T:
    """Sum of the ranks' states in rank order, on every rank."""
    return _fold(add, gather(state))


def barrier() -> None:
    """Wait for every rank."""
    gather(None)
