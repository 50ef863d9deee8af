"""Differences: when they are apart, and when there are none."""

from __future__ import annotations

from html.parser import HTMLParser

from anyres_bench.evaluation.pairs import Difference, paired
from anyres_bench.evaluation.render import Asked, render_report
from anyres_bench.results import FeaturesRecord, Result
from tests.results.records import TASK, dataset, interval, model
from tests.results.records import result as record


def result(name: str, value: float, task: str = TASK, digest: str = "0" * 64) -> Result:
    return record(
        task=task,
        model=model(name),
        values={"frechet": value},
        intervals={"frechet": interval(*sorted((0.8 * value, 1.2 * value)))},
        dataset=dataset(digest),
        states={
            "real": FeaturesRecord({"side": "real"}, 20),
            "fake": FeaturesRecord({"m": name}, 100),
        },
    )


class Page(HTMLParser):
    """Sources of everything that a browser would load, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs) -> None:
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def page(results, pairing=lambda a, b: None) -> tuple[str, Page]:
    text = render_report(results, Asked("A <title> & more", pairing))
    return text, Page(text)


def test_differences_that_hold_zero_are_not_apart() -> None:
    assert Difference(1.0, 0.5, 1.5).separated
    assert Difference(-1.0, -1.5, -0.5).separated
    assert not Difference(1.0, -0.5, 2.5).separated
    results = [result("a", 1.0), result("b", 2.0)]
    text, _ = page(results, lambda a, b: {"frechet": Difference(1.0, -0.5, 2.5)})
    assert "pair apart" not in text


def test_what_is_not_known_here_is_no_pair() -> None:
    for task in (TASK.replace("frechet-ddof1", "theirs"), TASK.replace("@1", "@7")):
        assert paired(result("a", 1.0, task=task), result("b", 2.0, task=task)) is None
