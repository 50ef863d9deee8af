"""What the engine tells reaches the reporter of the surrounding block, and nobody else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from anyres_bench.core import reporting
from anyres_bench.core.reporting import Progress, report_to


class Recorder:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def say(self, text: str) -> None:
        self.told.append(("say", text))

    def detail(self, text: str) -> None:
        self.told.append(("detail", text))

    @contextlib.contextmanager
    def progress(self, title: str, total: int | None, done: int, unit: str) -> Iterator[Progress]:
        self.told.append((title, total, done, unit))
        yield self
        self.told.append("end")

    def update(self, n: int = 1) -> None:
        self.told.append(n)

    def note(self, text: str) -> None:
        self.told.append(text)


def test_all_that_is_told_reaches_the_reporter() -> None:
    recorder = Recorder()
    with report_to(recorder):
        reporting.say("a")
        reporting.detail("b")
        with reporting.progress("c", 3, done=1, unit="B") as bar:
            bar.update(2)
            bar.note("d")
    assert recorder.told == [("say", "a"), ("detail", "b"), ("c", 3, 1, "B"), 2, "d", "end"]


def test_nothing_is_told_outside() -> None:
    recorder = Recorder()
    with report_to(recorder):
        pass
    reporting.say("a")
    with reporting.progress("b", None) as bar:
        bar.update()
    assert not recorder.told


def test_an_item_is_done_when_the_next_is_asked_for() -> None:
    recorder = Recorder()
    with report_to(recorder):
        for item in reporting.tracked([7, 8], "t"):
            recorder.told.append(f"item {item}")
    assert recorder.told == [("t", 2, 0, "img"), "item 7", 1, "item 8", 1, "end"]
