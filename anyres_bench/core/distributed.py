"""Ranks: no-ops on one process; under `torchrun` the collective operations of torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import reduce as _fold
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


def rank() -> int:
    """Number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many processes work together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this process prints and writes."""
    return rank() == 0


def device() -> torch.device:
    """This process's accelerator, or the CPU."""
    import torch

    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def start() -> None:
    """Join the process group that `torchrun` describes; nothing to do on one process."""
    if world_size() == 1:
        return
    import torch
    import torch.distributed as dist

    # Functions of this module have the group of the moment of its import as a default argument. An
    # optimiser imports it; were that after the group is made, the group would outlive `stop`, and
    # its threads, which want the interpreter while that shuts down, would abort the process.
    import torch.distributed.nn.functional

    if not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def stop() -> None:
    """Leave the process group; its threads have ended then."""
    if world_size() == 1:
        return
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


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
