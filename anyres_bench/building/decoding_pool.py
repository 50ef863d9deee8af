"""Worker processes that decode: few, with a memory limit and a time limit, one image at a time.

A decoder that crashes, eats memory or hangs takes its worker with it, not the run: the image is
rejected and a new worker takes over. Workers are plain child processes, so neither a `__main__`
guard nor a fork of a threaded process is needed; a worker ends when its parent is gone.
"""

from __future__ import annotations

import os
import pickle
import queue
import select
import subprocess
import sys

from anyres_bench.building.decoding_worker import READY
from anyres_bench.building.outcomes import Job, Outcome
from anyres_bench.building.steps import Site
from anyres_bench.core.errors import DatasetError, ImageError

_START_S, _END_S = 120.0, 5.0


class DecodingPool:
    """A fixed number of worker processes; any thread may call `run`.

    Args:
        site: where images go and by which rules.
        n: processes.
        memory_bytes: address space of each.
        limit_s: longest time for one image.
    """

    def __init__(self, site: Site, n: int, memory_bytes: int, limit_s: float) -> None:
        self._site = site
        self._memory_bytes = memory_bytes
        self._limit_s = limit_s
        self._idle: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()
        for _ in range(n):
            self._idle.put(None)  # started when first needed

    def run(self, job: Job) -> Outcome:
        """Do the work on a candidate in the next idle process.

        Raises:
            ImageError: `decoder-crashed` or `decode-timeout`; the worker is replaced.
            DatasetError: the files could not be written.
        """
        worker = self._idle.get()
        try:
            if worker is None:
                worker = _Worker(self._site, self._memory_bytes)
            outcome = worker.run(job, self._limit_s)
        except BaseException:
            if worker is not None:
                worker.end()
            worker = None
            raise
        finally:
            self._idle.put(worker)
        return outcome

    def close(self) -> None:
        """End all processes."""
        while not self._idle.empty():
            if worker := self._idle.get():
                worker.end()


class _Worker:
    def __init__(self, site: Site, memory_bytes: int) -> None:
        # One thread a process: many BLAS threads on few cores cost time and address space.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "anyres_bench.building.decoding_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent, which lets the image be finished
        )
        self._send((site, memory_bytes))
        self._is_ready = False

    def run(self, job: Job, limit_s: float) -> Outcome:
        """Send a job and wait for its outcome."""
        assert self._process.stdout is not None
        if not self._is_ready:  # to start is not to decode, and takes long on a busy machine
            self._is_ready = bool(select.select([self._process.stdout], [], [], _START_S)[0])
            self._process.stdout.read(len(READY))
        self._send(job)
        if not select.select([self._process.stdout], [], [], limit_s)[0]:
            raise ImageError("decode-timeout", f"decoding took longer than {limit_s:g} s")
        try:
            reply = pickle.load(self._process.stdout)
        except EOFError:
            code = self._process.wait()
            if code >= 0:
                raise DatasetError(
                    f"a worker process ended with code {code}; its message is above"
                ) from None
            raise ImageError("decoder-crashed", f"its decoder died of signal {-code}") from None
        if isinstance(reply, str):
            raise DatasetError(reply)
        assert isinstance(reply, Outcome)
        return reply

    def end(self) -> None:
        """End the process, gently if it listens."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(_END_S)

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            self._process.wait()  # `run` finds the end of its output and says why
