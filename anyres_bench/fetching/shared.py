"""Numbers in memory that forked processes share. Linux only."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import threading
import time

from anyres_bench.fetching.limits import State

_N_SLOTS = 1 << 16  # many more than hosts that are being asked, or paused, at one time
_N_PLACES = 16  # slots that a key may have
_WIDTH = 4  # numbers of a slot: mark of the key, due, paused until, strikes


class SharedStates:
    """`States` of this process and of those that are forked from it.

    A key has the first fitting one of a few slots: its own, else an empty one, else one whose key
    waits for nothing any more. Should all of them be taken, two keys share a state, which makes
    them wait longer and never less.
    """

    def __init__(self) -> None:
        self._numbers, self.lock = _shared(_N_SLOTS * _WIDTH)

    def get(self, key: str) -> State:
        """The state of a key, known or not; nothing is changed, so it needs no lock."""
        at, is_new = self._slot(key)
        if is_new:
            return State()
        _, due, paused_until, strikes = self._numbers[at : at + _WIDTH]
        return State(due, paused_until, int(strikes))

    def put(self, key: str, state: State) -> None:
        """Keep the state of a key."""
        at, is_new = self._slot(key)
        if is_new:
            self._numbers[at] = _mark(key)
        for i, number in enumerate(state):
            self._numbers[at + 1 + i] = number

    def _slot(self, key: str) -> tuple[int, bool]:
        """Where the first number of a key's slot is, and whether it is yet to be taken for it."""
        first, mark, numbers = hash(key) % _N_SLOTS, _mark(key), self._numbers
        if numbers[first * _WIDTH] == mark:  # as a rule
            return first * _WIDTH, False
        slots = [(first + i) % _N_SLOTS * _WIDTH for i in range(_N_PLACES)]
        for wanted in (mark, 0.0):
            for at in slots:
                if numbers[at] == wanted:
                    return at, wanted != mark
        now = time.monotonic()
        for at in slots:
            if max(numbers[at + 1], numbers[at + 2]) <= now:
                return at, True
        return slots[0], False


class SharedCursor:
    """`Cursor` of this process and of those that are forked from it.

    Args:
        n_at_once: as in `Cursor`.
    """

    def __init__(self, n_at_once: int) -> None:
        self.n_at_once = n_at_once
        self._numbers, self.lock = _shared(1)
        self.last = -1

    @property
    def last(self) -> int:
        """As in `Cursor`."""
        return int(self._numbers[0])

    @last.setter
    def last(self, number: int) -> None:
        self._numbers[0] = number


def _shared(n: int) -> tuple[memoryview[float], _Lock]:
    """`n` float64 that are zero, and their lock."""
    file = os.memfd_create("anyres-bench")
    os.ftruncate(file, n * 8)
    return memoryview(mmap.mmap(file, n * 8)).cast("d"), _Lock(file)


def _mark(key: str) -> float:
    """A number that tells keys apart, never 0; the same in forked processes."""
    return float(hash(key) >> 11) + 0.5


class _Lock:
    """Keeps out threads and forked processes; one that is killed while it holds it lets go."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._of_threads = threading.Lock()

    def __enter__(self) -> None:
        self._of_threads.acquire()
        while True:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX)
                return
            except OSError as error:
                # Two processes that wait for each other, each for what another thread of the other
                # holds for a moment, are a deadlock to the system, which knows of no threads.
                if error.errno != errno.EDEADLK:
                    raise

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._of_threads.release()
