"""Which candidate may start next: host by host, so that a slow or paused host holds up no other."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlsplit

from anyres_bench.building.backlog import Backlog, Spool
from anyres_bench.building.outcomes import Job
from anyres_bench.fetching.limits import Limits

_WINDOW = 10_000  # jobs that are read as fast as it goes while none may start
_AT_ONCE = 8  # that are read before one is handed out
# Beyond the window more are read all the same, for other hosts' sake, at an easy pace.
_BEYOND, _BEYOND_S = 1000, 0.1
_LONGEST_NAP_S = 1.0


class Schedule:
    """Hands out jobs to threads.

    Args:
        jobs: all that is to be done, in order; read as needed, by one thread at a time.
        limits: what paces hosts.
        per_host: jobs of one host under way at once.
    """

    def __init__(self, jobs: Iterator[Job], limits: Limits, per_host: int) -> None:
        self._jobs = jobs
        self._limits = limits
        self._per_host = per_host
        self._changed = threading.Condition()
        self._spool = Spool()
        self._waiting: dict[str, Backlog] = {}
        self._turns: deque[str] = deque()
        self._active: Counter[str] = Counter()
        self._n_waiting = 0
        self._all_read = False
        self._next_read = 0.0
        self._stopped = False

    def take(self) -> Job | None:
        """The next job that may start, as soon as there is one; None when all are done."""
        with self._changed:
            while not self._stopped:
                job, nap_s = self._next()
                if job is not None:
                    return job
                if self._read():
                    continue
                if not self._n_waiting and not self._active.total():
                    break
                longest_s = _LONGEST_NAP_S if self._all_read else _BEYOND_S
                self._changed.wait(min(nap_s, longest_s))
            self._changed.notify_all()
            return None

    def done(self, job: Job) -> None:
        """A job that was taken has ended."""
        with self._changed:
            self._active[_host(job)] -= 1
            self._changed.notify()

    def again(self, job: Job) -> None:
        """A job that was taken is to be taken once more, after all others of its host."""
        with self._changed:
            if not self._stopped:
                self._put(job)
        self.done(job)

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._stopped = True
            self._spool.close()
            self._changed.notify_all()

    def _read(self) -> bool:
        """Read some more, because none that was read may start; False where none is due."""
        n, now = _AT_ONCE, time.monotonic()
        if self._n_waiting >= _WINDOW:
            if now < self._next_read:
                return False
            n, self._next_read = _BEYOND, now + _BEYOND_S
        before = self._n_waiting
        for job in islice(self._jobs, n):
            self._put(job)
        self._all_read = self._n_waiting == before
        return not self._all_read

    def _put(self, job: Job) -> None:
        host = _host(job)
        if host not in self._waiting:
            self._waiting[host] = Backlog(self._spool)
            self._turns.append(host)
        self._waiting[host].append(job)
        self._n_waiting += 1

    def _next(self) -> tuple[Job | None, float]:
        """A job that may start, or the seconds until one may as far as the limits go."""
        nap_s = _LONGEST_NAP_S
        for _ in range(len(self._turns)):
            host = self._turns.popleft()
            self._turns.append(host)
            if self._active[host] >= self._per_host and host:
                continue
            if host and (wait := self._limits.ready_in(host)) > 0:
                nap_s = min(nap_s, wait)
                continue
            return self._pop(host), 0.0
        return None, nap_s

    def _pop(self, host: str) -> Job:
        job = self._waiting[host].popleft()
        if not self._waiting[host]:
            del self._waiting[host]
            self._turns.remove(host)
        self._active[host] += 1
        self._n_waiting -= 1
        return job


def _host(job: Job) -> str:
    """The host that a job will ask; "" for local files and for what is not known yet."""
    try:
        return urlsplit(job.candidate.url).hostname or ""
    except ValueError:  # no URL; the fetcher will say so
        return ""
