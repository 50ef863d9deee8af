"""How many threads small linear algebra runs on: one.

BLAS starts as many threads as there are processors for matrices of a few hundred rows, and they
wait for one another longer than they compute; on a busy machine many times longer. Networks keep
the threads of torch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS of numpy and scipy runs on one thread within the block."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
