"""What forked processes share: the same buckets as in one process, whoever asks or dies."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection

import pytest

from anyres_bench.fetching import shared
from anyres_bench.fetching.limits import Rate, State, TokenBuckets

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is shared on Linux alone")
FORK = multiprocessing.get_context("fork") if sys.platform == "linux" else None


def test_the_same_as_in_one_process() -> None:
    rng, now = random.Random(0), [1000.0]
    rates = {"api": Rate(1)}
    alone, together = (
        TokenBuckets(Rate(2, burst=3), rates, clock=lambda: now[0], **states)
        for states in ({}, {"states": shared.SharedStates()})
    )
    for _ in range(3000):
        now[0] += rng.choice([0.0, 0.1, 5.0])
        key = rng.choice(["api", *"abcdef"])
        name, arguments = rng.choice(
            [
                ("reserve", ()),
                ("reserve", (3.0,)),
                ("ready_in", ()),
                ("paused_for", ()),
                ("throttled", (None,)),
                ("throttled", (7.0,)),
                ("succeeded", ()),
            ]
        )
        answers = [getattr(buckets, name)(key, *arguments) for buckets in (alone, together)]
        assert answers[0] == answers[1], name


def _take_places(pipe: Connection, buckets: TokenBuckets, n: int) -> None:
    pipe.send([time.monotonic() + buckets.reserve("host") for _ in range(n)])


def test_processes_stand_in_one_queue() -> None:
    assert FORK
    buckets = TokenBuckets(Rate(1), states=shared.SharedStates())
    ends = []
    for _ in range(4):
        ours, theirs = FORK.Pipe()
        FORK.Process(target=_take_places, args=(theirs, buckets, 50)).start()
        ends.append(ours)
    due = sorted(moment for end in ends for moment in end.recv())
    assert [round(moment - due[0]) for moment in due] == list(range(200)), "a place for each"
    buckets.throttled("host", 60.0)
    assert buckets.reserve("host", 1.0) > 50, "and those who come later see a pause"


def test_crowded_keys_wait_longer_and_never_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_N_SLOTS", 32)
    states = shared.SharedStates()
    end = time.monotonic() + 1000
    with states.lock:
        for i in range(200):
            key = f"host{i}"
            states.put(key, State(end + i, end + i, 1))
            assert states.get(key).paused_until >= end + i
        assert all(states.get(f"host{i}").paused_until >= end for i in range(200))


def test_slots_of_those_who_wait_no_more_are_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_N_SLOTS", 32)
    states, past = shared.SharedStates(), time.monotonic() - 1
    for i in range(200):
        states.put(f"old{i}", State(past, past, 1))
    states.put("new", State(past + 100, past + 100, 3))
    assert states.get("new") == State(past + 100, past + 100, 3)
    before = bytes(states._numbers)
    assert states.get("never") == State()
    assert bytes(states._numbers) == before, "who only looks, without the lock, changes nothing"


def test_who_dies_with_the_lock_lets_go_of_it() -> None:
    states = shared.SharedStates()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        states.lock.__enter__()
        os.write(write, b"!")
        time.sleep(60)
        os._exit(0)
    os.read(read, 1)
    start = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    with states.lock:
        assert time.monotonic() - start < 5
    os.waitpid(pid, 0)


def _hold_both(first: shared.SharedStates, second: shared.SharedStates, n: int) -> None:
    failed = []

    def hold(states: shared.SharedStates) -> None:
        try:
            for _ in range(n):
                with states.lock:
                    os.sched_yield()
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=hold, args=(states,)) for states in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(len(failed))


def test_threads_that_wait_for_two_locks_are_no_deadlock() -> None:
    """To the kernel they are: A has one and waits for the other, B has that and waits for this."""
    assert FORK
    locks = (shared.SharedStates(), shared.SharedStates())
    processes = [FORK.Process(target=_hold_both, args=(*locks, 5_000)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
