"""One process' run of jobs: threads that fetch, and processes that decode for them."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator

from anyres_bench.building.decoding_pool import DecodingPool
from anyres_bench.building.outcomes import Job, Outcome
from anyres_bench.building.pauses import Pause, TellingLimits
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.schedule import Schedule
from anyres_bench.building.steps import Site, faulted, fetch, refused
from anyres_bench.core.errors import AnyresBenchError, DatasetError, ImageError
from anyres_bench.fetching.http import Fetcher, Policy
from anyres_bench.fetching.limits import Limits

_TRIES_OF_PAUSED = 8  # times that a candidate is put back because its host wants to be left alone
_END_S = 2.0
_LOOK_S = 0.05
_BUNDLE_S = 0.02
_LEAST_S = 1e-6
_BUSY = 0.75  # of what a process may count on


def run_threads(
    resources: ResourceLimits, policy: Policy, limits: Limits, site: Site, jobs: Iterator[Job]
) -> Generator[Outcome | Pause, None, None]:
    """Run jobs in this process, paced by `limits`; outcomes as they come, and long pauses."""
    run = ThreadedRun(resources, Fetcher(policy, limits, threading.Event()), site, jobs)
    try:
        for bundle in run.bundles():
            yield from bundle
    finally:
        run.close()


class ThreadedRun:
    """One run: its threads, processes and queues.

    Args:
        resources: how many of them.
        fetcher: fetches for all threads.
        site: where images go and by which rules.
        jobs: what is to be done.
        n_cores: how much of the machine this process may count on, at most one core.
    """

    def __init__(
        self,
        resources: ResourceLimits,
        fetcher: Fetcher,
        site: Site,
        jobs: Iterator[Job],
        n_cores: float = 1.0,
    ) -> None:
        self._site = site
        self._n_cores = n_cores
        self._fetcher = fetcher
        fetcher.limits = TellingLimits(fetcher.limits, self._report)
        self._stop = fetcher.stop
        self._schedule = Schedule(jobs, fetcher.limits, resources.per_host)
        memory_bytes = resources.memory << 20
        self._decoders = DecodingPool(
            site, resources.n_processes, memory_bytes, resources.decode_limit
        )
        self._put_back: Counter[int] = Counter()
        self._results: queue.Queue[Outcome | Pause | BaseException | None] = queue.Queue(1000)
        self._most = resources.n_processes if site.collector.local else resources.threads
        self._threads: list[threading.Thread] = []

    def bundles(self) -> Iterator[list[Outcome | Pause]]:
        """Start threads, as many as are of use; what they report until all have ended.

        Outcomes come some at a time, because to wake somebody for each costs as much as to fetch.
        """
        n_ended = 0
        load = _Load(self._n_cores)
        self._add_threads(1)
        while n_ended < len(self._threads):
            if not n_ended:
                self._add_threads(load.more(len(self._threads)))
            bundle: list[Outcome | Pause] = []
            for result in self._reported():
                if isinstance(result, Outcome | Pause):
                    bundle.append(result)
                elif result is None:
                    n_ended += 1
                else:
                    yield bundle
                    raise result
            if bundle:
                yield bundle

    def _reported(self) -> Iterator[Outcome | Pause | BaseException | None]:
        """What threads have reported a moment after the first of them has."""
        try:
            yield self._results.get(timeout=_LOOK_S)
            time.sleep(_BUNDLE_S)
            while True:
                yield self._results.get_nowait()
        except queue.Empty:
            return

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
        self._decoders.close()
        self._fetcher.close()

    def _serve(self) -> None:
        end: BaseException | None = DatasetError(
            "a thread of the run died of a fault of the program, which is above; report it, and "
            "the same command goes on"
        )
        try:
            while (job := self._schedule.take()) is not None:
                self._do(job)
            end = None
        except AnyresBenchError as error:
            end = error
        except OSError as error:
            end = DatasetError(
                f"{self._site.folder} cannot be written to: {error}; once it can, the same "
                "command goes on"
            )
        finally:  # whatever happened, nobody waits for this thread
            self._report(end)

    def _do(self, job: Job) -> None:
        outcome = self._outcome_whatever_comes(job)
        paused = outcome.reason in ("paused", "http-429") and outcome.state == "failed"
        if paused and self._put_back[job.number] < _TRIES_OF_PAUSED:
            self._put_back[job.number] += 1
            self._schedule.again(job)
            return
        self._schedule.done(job)
        if not self._stop.is_set():
            self._report(outcome)

    def _outcome_whatever_comes(self, job: Job) -> Outcome:
        """Its outcome; what nobody thought of is this candidate's fate, not the run's."""
        try:
            return self._outcome(job)
        except (AnyresBenchError, OSError):
            raise
        except Exception as error:  # noqa: BLE001
            self._site.incoming(job).unlink(missing_ok=True)
            return faulted(job, error)

    def _outcome(self, job: Job) -> Outcome:
        done: Job | Outcome = job
        if not (self._site.collector.local and self._site.decodes):
            done = fetch(self._site, job, self._fetcher)
        if isinstance(done, Outcome):
            return done
        try:
            return self._decoders.run(done)
        except ImageError as error:
            self._site.incoming(job).unlink(missing_ok=True)
            return refused(done, error)

    def _report(self, result: Outcome | Pause | BaseException | None) -> None:
        while not self._stop.is_set():
            try:
                return self._results.put(result, timeout=0.5)
            except queue.Full:
                continue


class _Load:
    """How much of its cores this process uses, and so how many more threads would be of use.

    Threads that have something to do take the interpreter from each other dozens of times an image,
    which costs more than the images; threads that wait for slow hosts cost nothing.
    """

    def __init__(self, n_cores: float) -> None:
        self._enough = _BUSY * n_cores
        self._since, self._cpu_s = time.monotonic(), time.process_time()

    def more(self, n: int) -> int:
        """How many to add to `n`, at most as many again; none while the last look is just past."""
        now, cpu_s = time.monotonic(), time.process_time()
        seconds, used_s = now - self._since, cpu_s - self._cpu_s
        if seconds < _LOOK_S:
            return 0
        self._since, self._cpu_s = now, cpu_s
        return round(n * min(max(self._enough * seconds / max(used_s, _LEAST_S) - 1, 0.0), 1.0))
