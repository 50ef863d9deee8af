"""Token buckets: how often each host and each API may be asked, by all workers together.

A key is a host name or the name of an API. A bucket is one number, the time from which the next
request is due (the virtual scheduling form of a token bucket), so it costs the same for any number
of workers and can sit behind a remote actor.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from anyres_bench.core.errors import ConfigError, FetchError

_MOST_DOUBLINGS = 32  # by then any pause is at its ceiling
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

    def reserve(self, key: str, patience_s: float = math.inf) -> float:
        """Take the next place in the queue of `key`; the seconds to wait until it is due.

        No place is taken while `key` must be left alone for more than `patience_s`; those are the
        seconds then.
        """

    def ready_in(self, key: str) -> float:
        """Seconds until a place taken now would be due; nothing is taken."""

    def paused_for(self, key: str) -> float:
        """Seconds that `key` must still be left alone; 0 when it is not paused."""

    def throttled(self, key: str, retry_after_s: float | None) -> float:
        """Pause `key` for everybody, because it said 429; the seconds of the pause."""

    def succeeded(self, key: str) -> None:
        """`key` answered: forget its strikes."""


def wait_turn(
    limits: Limits, key: str, sleep: Callable[[float], None], patience_s: float = math.inf
) -> None:
    """Take the next place in the queue of `key` and wait for it; a new one after a pause.

    Raises:
        FetchError: `paused`, for more than `patience_s`.
    """
    wait = limits.reserve(key, patience_s)
    while wait > 0:
        if wait > patience_s and (paused := limits.paused_for(key)) > patience_s:
            raise FetchError("paused", f"{key} asked to be left alone for {paused:.0f} s")
        sleep(wait)
        wait = limits.reserve(key, patience_s) if limits.paused_for(key) else 0.0


class State(NamedTuple):
    """What is known of a key: when its next request is due, until when it is paused, its strikes.

    Times are those of the buckets' clock, in seconds.
    """

    due: float = 0.0
    paused_until: float = 0.0
    strikes: int = 0


class States(Protocol):
    """Where the states of keys are kept; `lock` is held while one is changed."""

    @property
    def lock(self) -> AbstractContextManager[object]:
        """Keeps all others out."""

    def get(self, key: str) -> State:
        """The state of a key, known or not."""

    def put(self, key: str, state: State) -> None:
        """Keep the state of a key."""


class ThreadStates:
    """`States` of one process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._states: dict[str, State] = {}

    def get(self, key: str) -> State:
        """The state of a key, known or not."""
        return self._states.get(key, State())

    def put(self, key: str, state: State) -> None:
        """Keep the state of a key."""
        self._states[key] = state


@dataclass
class TokenBuckets:
    """`Limits` of all who share its `states`.

    Attributes:
        default: rate of every key without its own.
        rates: key -> its own rate.
        longest_pause_s: ceiling of a pause, whatever the server asks for.
        clock: seconds, monotonic.
        states: where the state of each key is kept.
    """

    default: Rate = field(default_factory=lambda: Rate(0))
    rates: Mapping[str, Rate] = field(default_factory=dict)
    longest_pause_s: float = 6 * 3600.0
    clock: Callable[[], float] = time.monotonic
    states: States = field(default_factory=ThreadStates)

    def reserve(self, key: str, patience_s: float = math.inf) -> float:
        """Take the next place in the queue of `key`; the seconds to wait until it is due.

        No place is taken while `key` must be left alone for more than `patience_s`; those are the
        seconds then.
        """
        interval_s = self._rate(key).interval_s
        if not interval_s and not self.ready_in(key):
            return 0.0  # there is no queue, so no place to take, and no lock to wait for
        with self.states.lock:
            state, now = self.states.get(key), self.clock()
            if state.paused_until - now > patience_s:
                return state.paused_until - now
            due = max(state.due, now) + interval_s
            self.states.put(key, state._replace(due=due))
            return self._wait(key, state, now)

    def ready_in(self, key: str) -> float:
        """Seconds until a place taken now would be due; nothing is taken."""
        return self._wait(key, self.states.get(key), self.clock())  # may be over at once: no lock

    def paused_for(self, key: str) -> float:
        """Seconds that `key` must still be left alone; 0 when it is not paused."""
        with self.states.lock:
            return max(self.states.get(key).paused_until - self.clock(), 0.0)

    def throttled(self, key: str, retry_after_s: float | None) -> float:
        """Pause `key` for everybody, because it said 429; the seconds of the pause.

        Without a time of the server's own the pause doubles from strike to strike. Answers to
        requests that were under way when the pause began are one strike together.
        """
        with self.states.lock:
            now, (_, paused_until, strikes) = self.clock(), self.states.get(key)
            if paused_until <= now:
                strikes += 1
            doubled = _FIRST_PAUSE_S * 2.0 ** min(max(strikes, 1) - 1, _MOST_DOUBLINGS)
            pause = min(doubled if retry_after_s is None else retry_after_s, self.longest_pause_s)
            paused_until = max(paused_until, now + pause)
            # Those who wait take a new place when the pause ends: one by one, without a burst.
            self.states.put(
                key, State(paused_until + self._head_start_s(key), paused_until, strikes)
            )
            return paused_until - now

    def succeeded(self, key: str) -> None:
        """`key` answered: forget its strikes."""
        if self.states.get(key).strikes:
            with self.states.lock:
                self.states.put(key, self.states.get(key)._replace(strikes=0))

    def _rate(self, key: str) -> Rate:
        return self.rates.get(key, self.default)

    def _head_start_s(self, key: str) -> float:
        """How much earlier than when it is due a request may start, which makes a burst."""
        rate = self._rate(key)
        return (rate.burst - 1) * rate.interval_s

    def _wait(self, key: str, state: State, now: float) -> float:
        return max(state.due - self._head_start_s(key) - now, 0.0)
