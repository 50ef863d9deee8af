"""Token buckets: places in a queue, pauses and strikes."""

from __future__ import annotations

import threading

import pytest

from anyres_bench.core.errors import ConfigError, FetchError
from anyres_bench.fetching.limits import Rate, TokenBuckets, wait_turn


def test_buckets_by_hand() -> None:
    now = [0.0]
    buckets = TokenBuckets(Rate(2, burst=3), {"api": Rate(1)}, clock=lambda: now[0])
    assert [buckets.reserve("h") for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    assert [buckets.reserve("api") for _ in range(3)] == [0, 1, 2]
    assert buckets.ready_in("h") == 1.5
    now[0] = 100.0
    assert buckets.ready_in("h") == 0
    assert buckets.throttled("h", 7.0) == 7
    assert [buckets.reserve("h") for _ in range(2)] == [7, 7.5], "no burst after a pause"
    assert buckets.throttled("h", None) == 7, "under way when the pause began"
    now[0] = 108.0
    assert buckets.paused_for("h") == 0
    assert buckets.throttled("h", None) == 10, "the second strike"
    now[0] = 120.0
    buckets.succeeded("h")
    assert buckets.throttled("h", None) == 5, "strikes are forgotten"
    with pytest.raises(ConfigError, match="burst"):
        Rate(1, 0)


def test_without_a_limit_only_pauses_are_waited_for() -> None:
    now = [0.0]
    buckets = TokenBuckets(Rate(0), clock=lambda: now[0])
    waits: list[float] = []
    with buckets.states.lock:  # which nobody needs then
        asking = threading.Thread(target=lambda: waits.extend(map(buckets.reserve, "hhh")))
        asking.start()
        asking.join(10)
        assert waits == [0, 0, 0]
    buckets.throttled("h", 7.0)
    assert [buckets.reserve("h") for _ in range(2)] == [7, 7]
    assert buckets.reserve("h", patience_s=1.0) == 7
    now[0] = 7.0
    assert buckets.reserve("h") == 0


def test_many_strikes_are_no_overflow() -> None:
    moment = 0.0
    limits = TokenBuckets(clock=lambda: moment)
    for _ in range(2000):
        moment += 1e6
        assert 0 <= limits.throttled("a", 0.0 if moment < 1.5e9 else None) <= 6 * 3600


def test_a_turn_is_waited_for_and_a_pause_in_between_takes_a_new_place() -> None:
    now = [0.0]
    limits = TokenBuckets(Rate(1), clock=lambda: now[0])
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1:
            limits.throttled("h", 20.0)
        now[0] += seconds

    limits.reserve("h")
    wait_turn(limits, "h", sleep)
    assert slept == [1.0, 19.0]
    assert now == [20.0]


def test_a_long_pause_is_not_waited_for() -> None:
    now = [0.0]
    limits = TokenBuckets(Rate(1), clock=lambda: now[0])
    limits.throttled("h", 100.0)
    slept: list[float] = []
    with pytest.raises(FetchError, match="h asked to be left alone for 100 s") as caught:
        wait_turn(limits, "h", slept.append, patience_s=10)
    assert caught.value.reason == "paused"
    assert not slept
    now[0] = 100.0
    assert limits.ready_in("h") == 0, "no place was taken"
