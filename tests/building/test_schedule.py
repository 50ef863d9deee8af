"""Who may start next: no host waits for another's pause, and none is asked too much at once."""

from __future__ import annotations

import threading
import time

from anyres_bench.building.backlog import Backlog, Spool
from anyres_bench.building.outcomes import Job
from anyres_bench.building.schedule import Schedule
from anyres_bench.fetching.limits import Rate, TokenBuckets
from tests.building.rogues import candidate


def jobs(*hosts: str) -> list[Job]:
    return [Job(i, candidate(f"http://{host}/{i}", key=f"{i}")) for i, host in enumerate(hosts)]


def host(job: Job) -> str:
    return job.candidate.url.split("/")[2]


def test_hosts_take_turns() -> None:
    schedule = Schedule(iter(jobs("a", "a", "a", "b", "b", "c")), TokenBuckets(), 8)
    taken = [schedule.take() for _ in range(6)]
    assert [host(job) for job in taken if job] == ["a", "b", "c", "a", "b", "a"]
    for job in taken:
        assert job is not None
        schedule.done(job)
    assert schedule.take() is None


def test_few_of_one_host_at_once() -> None:
    schedule = Schedule(iter(jobs("a", "a", "a")), TokenBuckets(), 2)
    first, second = schedule.take(), schedule.take()
    assert first
    assert second
    waiting: list[Job | None] = []
    thread = threading.Thread(target=lambda: waiting.append(schedule.take()))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive(), "two are under way"
    schedule.done(first)
    thread.join(5)
    assert waiting[0]


def test_a_paused_host_holds_up_no_other() -> None:
    limits = TokenBuckets()
    limits.throttled("a", 0.3)
    schedule = Schedule(iter(jobs("a", "a", "b", "b")), limits, 8)
    start = time.monotonic()
    order = []
    for _ in range(4):
        job = schedule.take()
        assert job
        order.append((host(job), time.monotonic() - start))
    assert [name for name, _ in order] == ["b", "b", "a", "a"]
    assert order[1][1] < 0.25 < 0.29 < order[2][1]


def test_whatever_number_of_a_paused_host_comes_first() -> None:
    limits = TokenBuckets()
    limits.throttled("a", 3600)
    listed = jobs(*["a"] * 11_000, *["b"] * 3)
    schedule = Schedule(iter(listed), limits, 10_000)
    assert [host(job) for _ in range(3) if (job := schedule.take())] == ["b"] * 3
    schedule.stop()
    assert schedule.take() is None
    schedule.again(listed[0])


def test_a_backlog_is_first_in_first_out() -> None:
    spool = Spool()
    one, two = Backlog(spool), Backlog(spool)
    listed = jobs(*"a" * 1000)
    taken = []
    for i, job in enumerate(listed):
        one.append(job)
        two.append(listed[-1 - i])
        if i % 3 == 0:
            taken.append(one.popleft())
    taken += [one.popleft() for _ in range(len(one))]
    assert taken == listed
    assert [two.popleft() for _ in range(len(two))] == listed[::-1]
    assert len(one) == len(two) == 0
    spool.close()


def test_rates_are_kept_without_holding_threads() -> None:
    limits = TokenBuckets(Rate(20))
    schedule = Schedule(iter(jobs("a", "a", "a")), limits, 8)
    start = time.monotonic()
    for _ in range(3):
        job = schedule.take()
        assert job
        limits.reserve("a")  # as the fetcher does
    assert time.monotonic() - start >= 0.09


def test_again_comes_last_and_ends_nothing_early() -> None:
    schedule = Schedule(iter(jobs("a", "a")), TokenBuckets(), 8)
    first = schedule.take()
    assert first
    schedule.again(first)
    second, third = schedule.take(), schedule.take()
    assert second
    assert third is first
    for job in (second, third):
        schedule.done(job)
    assert schedule.take() is None


def test_what_has_no_host_is_not_paced() -> None:
    listed = [Job(i, candidate(url, key=f"{i}")) for i, url in enumerate(["x", "http://[", "y"])]
    schedule = Schedule(iter(listed), TokenBuckets(Rate(0.001)), 1)
    assert [schedule.take() for _ in range(3)] == listed


def test_stop_wakes_everybody() -> None:
    limits = TokenBuckets()
    limits.throttled("a", 60)
    schedule = Schedule(iter(jobs("a")), limits, 1)
    threads = [threading.Thread(target=schedule.take) for _ in range(3)]
    for thread in threads:
        thread.start()
    schedule.stop()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
