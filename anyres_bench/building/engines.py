"""What runs the candidates: threads that fetch and processes that decode, on this machine."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from anyres_bench.building.ledger import Outcome, Task
from anyres_bench.building.process import Site, obtain, refused, run_finish
from anyres_bench.building.schedule import Schedule
from anyres_bench.building.workers import Workers
from anyres_bench.core.errors import AnyresBenchError, DatasetError, FetchError, ImageError
from anyres_bench.core.http import Fetcher, Policy
from anyres_bench.core.limits import Limits, Rate, TokenBuckets

_TRIES_OF_PAUSED = 8  # times that a candidate is put back because its host wants to be left alone
_END_S = 2.0
_LOOK_S = 0.05
_BUSY = 0.75  # of a core


@dataclass(frozen=True)
class Effort:
    """How a run goes about its work; none of it changes what comes out."""

    threads: Annotated[int, "Most fetches under way at once."] = 32
    processes: Annotated[int, "Processes that decode; 0 means one a core."] = 0
    per_host: Annotated[int, "Fetches from one host under way at once."] = 8
    rate: Annotated[float, "Requests a second to one host; 0 means no limit."] = 16.0
    max_megabytes: Annotated[float, "Largest file that is fetched."] = 256.0
    deadline: Annotated[float, "Seconds that one fetch may take."] = 180.0
    memory: Annotated[int, "MiB of address space of each process that decodes."] = 4096
    decode_limit: Annotated[float, "Seconds that decoding one image may take."] = 120.0

    @property
    def n_processes(self) -> int:
        """Processes that decode."""
        return self.processes or os.cpu_count() or 1

    def policy(self, allow_private: bool) -> Policy:
        """How far one fetch may go."""
        return Policy(
            deadline_s=self.deadline,
            max_bytes=int(self.max_megabytes * (1 << 20)),
            allow_private=allow_private,
        )

    def buckets(self, rates: Mapping[str, Rate]) -> TokenBuckets:
        """What paces the requests of all threads; `rates` are those of hosts and APIs by name."""
        return TokenBuckets(Rate(self.rate, burst=max(1, int(self.rate / 2))), rates)


class Engine(Protocol):
    """Runs tasks in any order, and says what became of each exactly once."""

    def run(self, site: Site, tasks: Iterator[Task]) -> Generator[Outcome, None, None]:
        """Outcomes as they come; the caller commits them. Closing the iterator stops the run."""


@dataclass(frozen=True)
class LocalEngine:
    """Threads and processes on this machine."""

    effort: Effort = field(default_factory=Effort)
    policy: Policy = field(default_factory=Policy)

    def run(self, site: Site, tasks: Iterator[Task]) -> Generator[Outcome, None, None]:
        """Outcomes as they come.

        Raises:
            DatasetError: the folder cannot be written to.
        """
        limits = self.effort.buckets(site.rates)
        return run_here(self.effort, self.policy, limits, site, tasks)


def run_here(
    effort: Effort, policy: Policy, limits: Limits, site: Site, tasks: Iterator[Task]
) -> Generator[Outcome, None, None]:
    """Run tasks on this machine, paced by `limits`; outcomes as they come."""
    run = _Run(effort, Fetcher(policy, limits, threading.Event()), site, tasks)
    try:
        yield from run.outcomes()
    finally:
        run.close()


class _Run:
    """One run: its threads, processes and queues."""

    def __init__(self, effort: Effort, fetcher: Fetcher, site: Site, tasks: Iterator[Task]) -> None:
        self._site = site
        self._fetcher = fetcher
        self._stop = fetcher.stop
        self._schedule = Schedule(tasks, fetcher.limits, effort.per_host)
        memory_bytes = effort.memory << 20
        self._workers = Workers(site, effort.n_processes, memory_bytes, effort.decode_limit)
        # Where no pixel is decoded there is nothing to keep in a process of its own.
        self._inline = site.rules.measure == "header" and site.deriver is None
        self._put_back: Counter[int] = Counter()
        self._results: queue.Queue[Outcome | BaseException | None] = queue.Queue(1000)
        self._most = effort.n_processes if site.collector.local else effort.threads
        self._threads: list[threading.Thread] = []

    def outcomes(self) -> Iterator[Outcome]:
        """Start threads, as many as are of use; what they report until all have ended."""
        n_ended = 0
        load = _Load()
        self._add_threads(1)
        while n_ended < len(self._threads):
            if not load.is_high() and not n_ended:
                self._add_threads(len(self._threads))
            try:
                result = self._results.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(result, BaseException):
                raise result
            if result is None:
                n_ended += 1
            else:
                yield result

    def _add_threads(self, n: int) -> None:
        for _ in range(min(n, self._most - len(self._threads))):
            self._threads.append(threading.Thread(target=self._serve, daemon=True))
            self._threads[-1].start()

    def close(self) -> None:
        """Stop: what is under way is left to the next run."""
        self._stop.set()
        self._schedule.stop()
        end = time.monotonic() + _END_S
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))
        self._workers.close()
        self._fetcher.close()

    def _serve(self) -> None:
        end: BaseException | None = DatasetError(
            "a thread of the run died of a fault of the program, which is above; report it, and "
            "the same command goes on"
        )
        try:
            while (task := self._schedule.take()) is not None:
                self._do(task)
            end = None
        except AnyresBenchError as error:
            end = error
        except OSError as error:
            end = DatasetError(
                f"{self._site.folder} cannot be written to: {error}; the same command goes on"
            )
        finally:  # whatever happened, nobody waits for this thread
            self._report(end)

    def _do(self, task: Task) -> None:
        outcome = self._outcome(task)
        paused = outcome.reason in ("paused", "http-429") and outcome.state == "failed"
        if paused and self._put_back[task.number] < _TRIES_OF_PAUSED:
            self._put_back[task.number] += 1
            self._schedule.again(task)
            return
        self._schedule.done(task)
        if not self._stop.is_set():
            self._report(outcome)

    def _outcome(self, task: Task) -> Outcome:
        try:
            if self._site.collector.local and not self._inline:
                return self._workers.run(task)
            task = obtain(self._site, task, self._fetcher)
            return run_finish(self._site, task) if self._inline else self._workers.run(task)
        except (FetchError, ImageError) as error:
            self._site.incoming(task).unlink(missing_ok=True)
            return refused(task, error)

    def _report(self, result: Outcome | BaseException | None) -> None:
        while not self._stop.is_set():
            try:
                return self._results.put(result, timeout=0.5)
            except queue.Full:
                continue


class _Load:
    """Whether this process has a core's work already, so that more threads would be in the way.

    Threads that have something to do take the interpreter from each other dozens of times an image,
    which costs more than the images; threads that wait for slow hosts cost nothing.
    """

    def __init__(self) -> None:
        self._start()

    def is_high(self) -> bool:
        """Since the last look; high, too, while that is only a moment ago."""
        seconds, cpu_s = time.monotonic() - self._since, time.process_time() - self._cpu_s
        if seconds < _LOOK_S:
            return True
        self._start()
        return cpu_s > _BUSY * seconds

    def _start(self) -> None:
        self._since, self._cpu_s = time.monotonic(), time.process_time()
