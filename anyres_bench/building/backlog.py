"""Jobs that wait for their host: few of each in memory, the others in one file without a name.

A list may hold millions of pictures of a host that asks to be left alone for hours. They are read
past, so that others are not held up, and kept until their time comes.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections import deque
from typing import IO

from anyres_bench.building.outcomes import Job

_AT_HAND = 100  # jobs of a host that stay in memory, at its queue's head, and at its end


class Spool:
    """Chunks of jobs on disk; the file goes with the process."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def put(self, jobs: list[Job]) -> tuple[int, int]:
        """Write jobs; where they are."""
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the run
        data = pickle.dumps(jobs, pickle.HIGHEST_PROTOCOL)
        start = self._file.seek(0, os.SEEK_END)
        self._file.write(data)
        return start, len(data)

    def get(self, place: tuple[int, int]) -> list[Job]:
        """The jobs at a place; what was written by this process alone is read."""
        assert self._file is not None
        self._file.seek(place[0])
        jobs = pickle.loads(self._file.read(place[1]))
        assert isinstance(jobs, list)
        return jobs

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()


class Backlog:
    """The jobs of one host, first in, first out."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._head: deque[Job] = deque()
        self._places: deque[tuple[int, int]] = deque()
        self._end: list[Job] = []
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def append(self, job: Job) -> None:
        """Put a job behind all others."""
        self._n += 1
        if len(self._head) < _AT_HAND and not self._places and not self._end:
            self._head.append(job)
            return
        self._end.append(job)
        if len(self._end) >= _AT_HAND:
            self._places.append(self._spool.put(self._end))
            self._end = []

    def popleft(self) -> Job:
        """Take the first job."""
        if not self._head:
            more = self._spool.get(self._places.popleft()) if self._places else self._end
            self._head.extend(more)
            if more is self._end:
                self._end = []
        self._n -= 1
        return self._head.popleft()
