"""Signals that stop a command, raised where nothing is left locked or half-started.

Python raises KeyboardInterrupt between any two calls, so also within the locks of its own threads
and pools. A lock that is taken and not yet known to the `with` that frees it stays taken for good,
and a command that waits for its threads waits for ever.
"""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType
from typing import Any, Self

from anyres_bench.core.reporting import say

_AGAIN_S = 0.05
# What takes longer than this is interrupted all the same.
_IMPORT_S = 30.0
_LOCKS_S = 1.0
_IMPORTING = "<frozen importlib._bootstrap>"
# Packages whose Python code takes locks that other threads and processes wait for.
_LOCKING = frozenset(["concurrent", "logging", "multiprocessing", "queue", "threading", "tqdm"])


class Interrupts:
    """Signals that stop the block: none of them is lost, and what became of one is known.

    A signal raises KeyboardInterrupt wherever the program is. One that falls into a destructor or a
    callback ends that alone, so it is sent once more; one that falls into an import waits for its
    end, and one that falls into code that takes locks until that code is left, or waits for another
    thread; one that a library turns into an error of its own is known by `heard`; while the end of
    a command is told, one changes nothing. Signals that are ignored, as by `nohup`, stay ignored.
    """

    def __init__(self) -> None:
        self.heard = False
        self.ending = False
        self._first = 0.0
        self._seen: tuple[FrameType, int] | None = None
        self._before: dict[int, Any] = {}
        self._hook = sys.unraisablehook

    def __enter__(self) -> Self:
        self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._stop)
        for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before.setdefault(number, signal.signal(number, self._stop))
        sys.unraisablehook = self._hear
        return self

    def __exit__(self, *_: object) -> None:
        if self.heard:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        self._seen = None
        sys.unraisablehook = self._hook
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.ending:
            return
        if not self.heard:
            self._first = time.monotonic()
        self.heard = True
        if self._must_wait(frame, time.monotonic() - self._first):
            self._send_again()
        else:
            self._seen = None
            raise KeyboardInterrupt

    def _must_wait(self, frame: FrameType | None, waited_s: float) -> bool:
        """Whether a module is being imported, or locks are taken and none is waited for."""
        place = None
        while frame is not None:
            if frame.f_code.co_filename == _IMPORTING:
                return waited_s < _IMPORT_S  # C++ that starts then ends the process at any error
            package = str(frame.f_globals.get("__name__")).partition(".")[0]
            if place is None and package in _LOCKING:
                place = frame, frame.f_lasti
            frame = frame.f_back
        before, self._seen = self._seen, place
        return place is not None and place != before and waited_s < _LOCKS_S

    def _send_again(self) -> None:
        # An alarm and no thread's timer, whose locks the signal may have found held.
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)

    def _hear(self, lost: sys.UnraisableHookArgs) -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):
            self._send_again()  # a moment later: at once would be within this function, and as lost
        elif not isinstance(lost.exc_value, OSError | MemoryError):  # nobody waits for those
            say(f"warning: {type(lost.exc_value).__name__}: {lost.exc_value}")
