"""What the engine tells reaches the reporter of the surrounding block, and nobody else."""

from __future__ import annotations

from anyres_bench.core import reporting
from anyres_bench.core.reporting import report_to
from tests.reporters import Recorder


def test_all_that_is_told_reaches_the_reporter() -> None:
    recorder = Recorder()
    with report_to(recorder):
        reporting.say("a")
        reporting.detail("b")
        with reporting.progress("c", 3, done=1, unit="B") as bar:
            bar.update(2)
            bar.expect(4)
            bar.note("d")
    assert recorder.told[:2] == [("say", "a"), ("detail", "b")]
    assert recorder.told[2:] == [("c", 3, 1, "B"), 2, "of 4", "d", "end"]


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
