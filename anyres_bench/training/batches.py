"""Batches, read ahead by worker processes or a thread, the same whatever their number."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from anyres_bench.core import distributed
from anyres_bench.core.errors import AnyresBenchError
from anyres_bench.training.config import LoopConfig
from anyres_bench.training.recipe import ItemSource

_STEPS_AHEAD = 2

Parts = list[tuple[int, Any]]
"""This process's micro-batches of one step, each with its number within the step."""


class _Steps(Dataset[Any]):
    """Step number -> this process's micro-batches."""

    def __init__(self, source: ItemSource, config: LoopConfig) -> None:
        self.source = source
        self.size = config.micro_batch
        self.parts = range(config.batch // config.micro_batch)[
            distributed.rank() :: distributed.world_size()
        ]

    def __getitem__(self, step: int) -> Any:
        return [
            (part, self.source.micro_batch(step, part * self.size, self.size))
            for part in self.parts
        ]


class _StepsOfWorkers(_Steps):
    """Those of other processes, which give errors back: raised there, they come as a traceback."""

    def __getitem__(self, step: int) -> Any:
        try:
            return super().__getitem__(step)
        except (AnyresBenchError, OSError, MemoryError) as error:
            return error


def read_ahead(
    source: ItemSource, config: LoopConfig, first: int, last: int
) -> Generator[Parts, None, None]:
    """Micro-batches of the steps `first` to `last` - 1, in order.

    To be closed when an error ends the training: a process waits for its workers when it exits, and
    they wait for it.

    Micro-batch k of a step goes to process k modulo their number, so the same global batch is seen
    by one process or many.
    """
    steps: Sequence[int] = range(first, last)
    if not config.n_workers:
        yield from _by_a_thread(_Steps(source, config), steps)
        return
    loader: DataLoader[Any] = DataLoader(
        _StepsOfWorkers(source, config),
        batch_size=None,
        sampler=steps,
        num_workers=config.n_workers,
        prefetch_factor=_STEPS_AHEAD,
        multiprocessing_context="fork",
        worker_init_fn=_start_worker,
        pin_memory=torch.cuda.is_available(),
    )
    for parts in loader:
        if isinstance(parts, Exception):
            raise parts
        yield parts


def _by_a_thread(batches: _Steps, steps: Sequence[int]) -> Generator[Parts, None, None]:
    """The same by a thread of this process: the networks' libraries let it run beside them."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="data")
    ahead: deque[Future[Parts]] = deque()
    try:
        for step in steps:
            ahead.append(pool.submit(batches.__getitem__, step))
            if len(ahead) > _STEPS_AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(worker: int) -> None:
    """Share the cores with the training process, and leave it to that to stop on a signal.

    Ctrl-C, and a cluster's SIGTERM, reach workers too, while the training process still needs them
    for the step that it is in. A second SIGTERM is the training process's own.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
