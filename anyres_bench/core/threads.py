"""How many threads linear algebra and networks run on.

BLAS starts as many threads as there are processors for matrices of a few hundred rows, and they
wait for one another longer than they compute; on a busy machine many times longer. So small linear
algebra runs on one. The threads of a network wait after every layer too: two batches on half of
them each never wait for each other, and what else the machine does delays one of them and not both.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Made = TypeVar("Made")

_ABREAST = 2  # jobs; the activations of more would take memory for no time


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS of numpy and scipy runs on one thread within the block."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield


def side_by_side(run: Callable[[Job], Made], jobs: Sequence[Job]) -> list[Made]:
    """What a network on a CPU makes of every job, two at a time.

    The caller's thread and one more take one job after another. Every job has half of torch's
    threads, however many there are, so what is made does not depend on what it came with. Threads
    of the caller are as before, also after an error; gradients and inference mode are as the
    caller's.
    """
    import torch

    n_threads = torch.get_num_threads()
    if n_threads == 1 or not jobs:
        return [run(job) for job in jobs]
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
    left, made = iter(range(len(jobs))), dict[int, Made]()

    def work() -> None:
        torch.set_num_threads(-(-n_threads // _ABREAST))
        with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
            try:
                for i in left:
                    made[i] = run(jobs[i])
            finally:
                deque(left, maxlen=0)  # after an error nobody takes another

    try:
        with ThreadPoolExecutor(_ABREAST - 1, "network") as pool:
            other = pool.submit(work)
            work()  # two new threads would take longer to be on two processors
            other.result()
    finally:
        torch.set_num_threads(n_threads)  # threads that are yet to come take the last number
    return [made[i] for i in range(len(jobs))]


def in_halves(run: Callable[[Sequence[Job]], None], jobs: Sequence[Job]) -> None:
    """Run many small jobs of a network on a CPU, both halves of them side by side.

    Their products are so small that the threads of one would wait for one another after each.
    """
    half = -(-len(jobs) // 2)
    if len(jobs) > 1:
        side_by_side(run, [jobs[:half], jobs[half:]])
    else:
        run(jobs)
