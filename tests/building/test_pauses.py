"""A run that waits for a host says so, and goes on with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pauses import Pause, TellingLimits
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.urls import Urls
from anyres_bench.core.reporting import report_to
from anyres_bench.fetching.limits import TokenBuckets
from tests.reporters import Recorder
from tests.servers import ImageHost, photo, send, serve


class _Stopping(Recorder):
    """Stops the run once it is told that it waits, as somebody at a terminal would."""

    def say(self, text: str) -> None:
        super().say(text)
        raise KeyboardInterrupt


@pytest.mark.parametrize("processes", [1, 2])
def test_an_hour_that_a_host_asks_for_is_told(tmp_path: Path, processes: int) -> None:
    with serve(ImageHost(files={"/good.jpg": photo(1)})) as host:
        host.routes["/busy.jpg"] = lambda h: send(h, b"", 429, Retry_After="3600")
        (tmp_path / "list.txt").write_text(f"{host.url('/busy.jpg')}\n{host.url('/b.jpg')}\n")
        resources = ResourceLimits(processes=processes, threads=2, rate=0.0)
        engine = LocalEngine(resources, resources.policy(allow_private=True))
        rules = Rules(measure="header")
        order = Order(Urls(tmp_path / "list.txt"), tmp_path / "out", "t", rules)
        recorder = _Stopping()
        with report_to(recorder), pytest.raises(KeyboardInterrupt):
            build(order, engine)
    assert recorder.said == [
        "127.0.0.1 asked to be left alone for 60 minutes; the run waits for it, and goes on with "
        "what others have meanwhile. It may be stopped: the same command goes on"
    ]


def test_a_pause_is_told_once() -> None:
    told: list[Pause] = []
    clock = [0.0]
    limits = TellingLimits(TokenBuckets(clock=lambda: clock[0]), told.append)
    assert limits.throttled("a", 30.0) == 30
    assert not told, "it is over before anybody wonders"
    limits.throttled("a", 600.0)
    limits.throttled("a", 610.0)
    assert told == [Pause("a", 600.0)]
    clock[0] = 700.0
    limits.throttled("a", 120.0)
    limits.throttled("b", 90.0)
    assert told[1:] == [Pause("a", 120.0), Pause("b", 90.0)]


def test_the_limits_are_those_that_are_told_of() -> None:
    inner = TokenBuckets()
    limits = TellingLimits(inner, lambda pause: None)
    limits.throttled("a", 100.0)
    for ask in (limits, inner):
        assert 99 < ask.paused_for("a") <= 100
        assert 99 < ask.ready_in("a") <= 100
        assert 9 < ask.reserve("a", 9.0) <= 100
        assert ask.reserve("b") == 0
    limits.succeeded("a")
    assert inner.states.get("a").strikes == 0
