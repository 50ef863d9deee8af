"""A run split over forked processes: one interpreter fetches some hundred images a second.

Each process is a run of its own, takes its jobs from the ledger itself, and streams what became of
them to the parent, which alone writes to the ledger. What must be the same for all lies in memory
that they share: whose turn it is at a host, who is to be left alone, how far they have got. What is
bounded for all together is divided among them.

Forking takes milliseconds, starting interpreters as long as hundreds of images; it is done before
the run has threads. A process ends when its pipe does, with its parent or by its order.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection

from anyres_bench.building.outcomes import Cursor, Jobs, Outcome, ThreadCursor
from anyres_bench.building.pauses import Pause
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.steps import Site
from anyres_bench.building.threads import ThreadedRun
from anyres_bench.core.errors import AnyresBenchError, DatasetError
from anyres_bench.fetching.addresses import trust
from anyres_bench.fetching.http import Fetcher, Policy
from anyres_bench.fetching.limits import Limits
from anyres_bench.fetching.shared import SharedCursor

_MOST = 8  # more would wait for the parent's ledger
_AT_ONCE = 8  # jobs that one takes before another does
_END_S = 5.0
_STOPS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


def n_shares(resources: ResourceLimits, site: Site) -> int:
    """Processes worth having; 1 where all is done in this one.

    What needs no network is decoding alone, which has its processes; and only Linux forks without
    harm to the libraries of its system. Where fetching is all that is done there is one more than
    cores, because each waits for its host now and then.
    """
    if site.collector.local or sys.platform != "linux" or resources.n_processes == 1:
        return 1
    n = resources.n_processes if site.decodes else resources.n_processes + 1
    return min(n, resources.threads, resources.per_host, _MOST)


def run_forks(
    n: int, resources: ResourceLimits, policy: Policy, limits: Limits, site: Site, jobs: Jobs
) -> Generator[Outcome | Pause, None, None]:
    """Run jobs in `n` processes; outcomes as they come, and long pauses.

    Args:
        n: processes, at least one.
        resources: of all together.
        policy: how far one fetch may go.
        limits: paces requests; its states are shared by forked processes.
        site: where images go and by which rules.
        jobs: gives those that a cursor has not come by yet.

    Raises:
        DatasetError: a process died, or the folder cannot be written to.
    """
    context = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    processes = []
    cursor = SharedCursor(_AT_ONCE)
    n_cores = min(resources.n_processes / n, 1.0)
    with contextlib.closing(jobs(ThreadCursor())) as all_jobs:
        first = next(all_jobs, None)
    if first and first.candidate.url.startswith("https:"):
        trust()  # read once for all
    try:
        for i in range(n):
            ours, theirs = context.Pipe()
            share = (resources.share(i, n), n_cores, policy, limits, site, jobs, cursor)
            arguments = (theirs, [*pipes, ours], *share)
            processes.append(context.Process(target=_serve, args=arguments, daemon=True))
            with _unheard():
                processes[-1].start()
            theirs.close()
            pipes.append(ours)
        yield from _merged(pipes)
    finally:
        for pipe in pipes:
            pipe.close()
        end = time.monotonic() + _END_S
        for process in processes:
            process.join(max(end - time.monotonic(), 0.0))
            process.kill()
            process.join()


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Keep signals until a new process, which would raise as its parent does, has its own rules."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _merged(pipes: Sequence[Connection]) -> Iterator[Outcome | Pause]:
    waiting = list(pipes)
    while waiting:
        for pipe in connection.wait(waiting):
            assert isinstance(pipe, Connection)
            try:
                bundle = pipe.recv()
            except (EOFError, ConnectionResetError):
                raise DatasetError(
                    "a process of the run died; if it left no message above, the system may have "
                    "been short of memory. The same command goes on"
                ) from None
            for item in bundle:
                if isinstance(item, Outcome | Pause):
                    yield item
                elif item is None:
                    waiting.remove(pipe)
                else:
                    raise item


def _serve(
    pipe: Connection,
    inherited: Sequence[Connection],
    resources: ResourceLimits,
    n_cores: float,
    policy: Policy,
    limits: Limits,
    site: Site,
    jobs: Jobs,
    cursor: Cursor,
) -> None:
    """A process: run the share, and send what becomes of it."""
    for ours in (signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(ours, signal.SIG_IGN)  # they are for the parent
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    gc.freeze()  # to look for garbage in what is the parent's would be to copy its memory
    for other in inherited:
        other.close()  # it would keep the parent's end open when the parent is gone
    site = pickle.loads(pickle.dumps(site))  # a connection of the collector's is not for two
    run = ThreadedRun(
        resources, Fetcher(policy, limits, threading.Event()), site, jobs(cursor), n_cores
    )
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    end: AnyresBenchError | None = None
    try:
        for bundle in run.bundles():
            _tell(pipe, bundle)
    except AnyresBenchError as error:
        end = error
    finally:
        run.close()
    _tell(pipe, [end])


def _tell(pipe: Connection, items: Sequence[Outcome | Pause | AnyresBenchError | None]) -> None:
    try:
        pipe.send(items)
    except OSError:  # the parent is gone
        os._exit(1)


def _end_with_parent(pipe: Connection) -> None:
    """End at once, because the folder is locked until then; the next run takes up what is left."""
    with contextlib.suppress(EOFError, OSError):
        pipe.recv_bytes()  # nothing is ever sent: this ends when the other end is closed
    os._exit(1)
