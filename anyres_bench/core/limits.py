"""Token buckets: how often each host and each API may be asked, by all workers together.

A key is a host name or the name of an API. A bucket is one number, the time from which the next
request is due (the virtual scheduling form of a token bucket), so it costs the same for any number
of workers and can sit behind a remote actor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from anyres_bench.core.errors import ConfigError

_FIRST_PAUSE_S = 5.0  # after a 429 that does not say how long; doubled with each further one


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `per_s` requests a second in the long run and `burst` at once; 0 means no limit."""

    per_s: float
    burst: int = 1

    def __post_init__(self) -> None:
        if self.per_s < 0 or self.burst < 1:
            raise ConfigError(f"{self}: per_s must be 0 (no limit) or more, burst 1 or more")

    @property
    def interval_s(self) -> float:
        """Seconds from one request to the next."""
        return 1 / self.per_s if self.per_s else 0.0


class Limits(Protocol):
    """What paces requests; one object for all workers of a run."""

    def reserve(self, key: str) -> float:
        """Take the next place in the queue of `key`; the seconds to wait until it is due."""

    def ready_in(self, key: str) -> float:
        """Seconds until a place taken now would be due; nothing is taken."""

    def paused_for(self, key: str) -> float:
        """Seconds that `key` must still be left alone; 0 when it is not paused."""

    def throttled(self, key: str, retry_after_s: float | None) -> float:
        """Pause `key` for everybody, because it said 429; the seconds of the pause."""

    def succeeded(self, key: str) -> None:
        """`key` answered: forget its strikes."""


def wait_turn(limits: Limits, key: str, sleep: Callable[[float], None]) -> None:
    """Take the next place in the queue of `key` and wait for it; a new one after a pause."""
    wait = limits.reserve(key)
    while wait > 0:
        sleep(wait)
        wait = limits.reserve(key) if limits.paused_for(key) else 0.0


@dataclass
class TokenBuckets:
    """`Limits` of one process, shared by its threads.

    Attributes:
        default: rate of every key without its own.
        rates: key -> its own rate.
        longest_pause_s: ceiling of a pause, whatever the server asks for.
        clock: seconds, monotonic.
    """

    default: Rate = field(default_factory=lambda: Rate(0))
    rates: Mapping[str, Rate] = field(default_factory=dict)
    longest_pause_s: float = 6 * 3600.0
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._paused_until: dict[str, float] = {}
        self._strikes: dict[str, int] = {}

    def reserve(self, key: str) -> float:
        """Take the next place in the queue of `key`; the seconds to wait until it is due."""
        with self._lock:
            wait = self._ready_in(key)
            self._due[key] = max(self._due.get(key, 0.0), self.clock()) + self._rate(key).interval_s
            return wait

    def ready_in(self, key: str) -> float:
        """Seconds until a place taken now would be due; nothing is taken."""
        with self._lock:
            return self._ready_in(key)

    def paused_for(self, key: str) -> float:
        """Seconds that `key` must still be left alone; 0 when it is not paused."""
        return max(self._paused_until.get(key, 0.0) - self.clock(), 0.0)

    def throttled(self, key: str, retry_after_s: float | None) -> float:
        """Pause `key` for everybody, because it said 429; the seconds of the pause.

        Without a time of the server's own the pause doubles from strike to strike. Answers to
        requests that were under way when the pause began are one strike together.
        """
        with self._lock:
            now, paused_until = self.clock(), self._paused_until.get(key, 0.0)
            if paused_until <= now:
                self._strikes[key] = self._strikes.get(key, 0) + 1
            doubled = _FIRST_PAUSE_S * 2.0 ** (self._strikes.get(key, 1) - 1)
            pause = min(doubled if retry_after_s is None else retry_after_s, self.longest_pause_s)
            self._paused_until[key] = max(paused_until, now + pause)
            # Those who wait take a new place when the pause ends: one by one, without a burst.
            rate = self._rate(key)
            self._due[key] = self._paused_until[key] + (rate.burst - 1) * rate.interval_s
            return self._paused_until[key] - now

    def succeeded(self, key: str) -> None:
        """`key` answered: forget its strikes."""
        if key in self._strikes:
            with self._lock:
                self._strikes.pop(key, None)

    def _rate(self, key: str) -> Rate:
        return self.rates.get(key, self.default)

    def _ready_in(self, key: str) -> float:
        rate, now = self._rate(key), self.clock()
        due = max(self._due.get(key, 0.0), now) - (rate.burst - 1) * rate.interval_s
        return max(due - now, 0.0)
