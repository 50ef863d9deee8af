"""The page: whole in itself, and true to the rules of comparison."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from anyres_bench.evaluation import plots
from anyres_bench.evaluation.curves import Curve
from anyres_bench.evaluation.pairs import Difference
from anyres_bench.evaluation.render import Asked, render_report
from anyres_bench.evaluation.report_samples import samples_path
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


def test_nothing_is_loaded_from_anywhere() -> None:
    text, parsed = page([result("real", 1.0), result("constant:128", 9.0)])
    assert parsed.sources
    assert all(source.startswith("data:image/png;base64,") for source in parsed.sources)
    bare = re.sub(r"data:image/png;base64,[\w+/=]*", "", text)
    assert not re.search(r"//|url\(|@import|<script|<link", bare)
    assert "A &lt;title&gt; &amp; more" in text
    assert parsed.open == []


def test_pictures_are_png() -> None:
    for uri in page([result("real", 1.0)])[1].sources:
        Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).verify()


def test_one_task_one_card_best_first() -> None:
    other = TASK.replace("full64", "full128")
    results = [
        result("worse", 2.0),
        result("better", 1.0),
        result("elsewhere", 0.5, task=other),
        result("on other images", 0.1, digest="1" * 64),
    ]
    asked = []

    def pairing(a: Result, b: Result) -> dict[str, Difference]:
        asked.append((a.model.id, b.model.id))
        return {"frechet": Difference(1.0, 0.5, 1.5)}

    text, _ = page(results, pairing)
    assert ("worse", "better") in asked
    cards = re.findall(r'<span class="id">(d:half.*?)</span>(.*?)</table>', text, re.S)
    assert [card[0] for card in cards] == [TASK, TASK, other]
    assert cards[0][1].index("better") < cards[0][1].index("worse")
    assert "on other images" not in cards[0][1]
    assert 'class="pair apart">+1 ' in text


def test_curves_are_one_plot_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Curve] = []
    monkeypatch.setattr(
        plots, "curve_plot", lambda curve, colours: drawn.append(curve) or "data:image/png"
    )
    results = [
        result(model, value * size, task=TASK.replace("anyres-full64", f"patch32-at{size}"))
        for model, value in (("real", 1.0), ("resample:nearest@8", 7.0))
        for size in (128, 32, 64)
    ]
    page(results)
    (curve,) = drawn
    assert list(curve.lines) == ["real", "resample:nearest@8"]
    assert [point.size for point in curve.lines["real"]] == curve.sizes == [32, 64, 128]
    assert curve.label == "frechet ↓"
    assert curve.spans_decades


def test_pictures_that_are_kept_are_shown(tmp_path: Path) -> None:
    shown = result("real", 1.0)
    path = samples_path(shown.states["fake"].key)
    path.parent.mkdir(parents=True)
    Image.new("RGB", (8, 4), "red").save(path)
    text, _ = page([shown])
    assert 'alt="Samples of real"' in text
    assert "licences of these images do not permit" not in text
    bare, _ = page([replace(shown, states={"fake": FeaturesRecord({"x": 1}, 100)})])
    assert "licences of these images do not permit" in bare


def test_pictures_of_strata_are_shown_by_their_own_protocols(tmp_path: Path) -> None:
    keys = {
        f"{side}@{label}": {"side": side, "protocol": f"patch32-at{label}"}
        for side in ("real", "fake")
        for label in ("64", "128")
    }
    shown = replace(
        result("real", 1.0, task=TASK.replace("anyres-full64", "patch32-at64-128")),
        states={name: FeaturesRecord(key, 100) for name, key in keys.items()},
    )
    for key in keys.values():
        path = samples_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 4), "red").save(path)
    text, _ = page([shown])
    assert text.count('alt="Samples of real"') == text.count('alt="Samples of reference"') == 2
    at_64, at_128 = (text.index(f"d:half/patch32-at{label}<") for label in ("64", "128"))
    assert at_64 < at_128
    assert text.index('alt="Samples of reference"') < text.index('alt="Samples of real"')


def odd_records() -> list[Result]:
    other = {"values": {"o": 1.0}, "intervals": {}, "higher_is_better": {"o": True}}
    curve = TASK.replace("anyres-full64", "patch32-at64")
    ends = (1e308, -1e308, 1e-320, 0.0)
    return [
        *(_extreme(value, curve) for value in ends),
        *(_extreme(value, curve.replace("at64", "at128")) for value in ends),
        *(_extreme(value, TASK) for value in ends),
        replace(result("other", 1.0), **other),
        replace(result("other", 1.0, task=curve), **other),
        result("none", 1.0, task=curve.replace("at64", "at0")),
        result("m" * 19_000, 1.0, task=curve),
        result("\u202e\x1b[31m$\\frac$", 1.0, task=curve),
    ]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_odd_records_make_a_page() -> None:
    text, _ = page(odd_records())
    assert "patch32-at*" in text


def _extreme(value: float, task: str) -> Result:
    wide = {"frechet": interval(min(value, -value), max(value, -value) / 2)}
    return replace(result(f"m{value}", value, task=task), intervals=wide)


def test_own_pictures_are_shown_on_request_and_the_page_says_so(tmp_path: Path) -> None:
    shown = result("folder:mine", 1.0)
    path = samples_path(shown.states["fake"].key, private=True)
    path.parent.mkdir(parents=True)
    Image.new("RGB", (8, 4), "red").save(path)
    closed = render_report([shown], Asked("t", lambda a, b: None))
    assert 'alt="Samples of folder:mine"' not in closed
    assert "Not to be published" not in closed
    opened = render_report([shown], Asked("t", lambda a, b: None, show_pixels=True))
    assert 'alt="Samples of folder:mine"' in opened
    assert "Not to be published" in opened


def test_rows_of_one_rank_are_a_tie() -> None:
    results = [
        result(name, value) for name, value in (("d", 9.0), ("a", 1.0), ("b", 1.1), ("c", 5.0))
    ]

    def pairing(a: Result, b: Result) -> dict[str, Difference]:
        value = a.values["frechet"] - b.values["frechet"]
        return {"frechet": Difference(value, value - 1.5, value + 1.5)}

    text, _ = page(results, pairing)
    ranked = re.compile(r"<td>(\d*)</td>\s*<td class=\"model\">.*?(\w)(?:<span class=\"role|</td>)")
    rows = ranked.findall(text)
    assert rows == [("1", "a"), ("1", "b"), ("3", "c"), ("4", "d")]
    assert "frechet ↓ (sorted)" in text
    unknown, _ = page(results)
    assert ranked.findall(unknown)[1] == ("", "b")


def test_an_exact_zero_and_cautions_are_said() -> None:
    few = replace(interval(0.9, 1.1), cautions=("few-groups",))
    results = [result("a", 1.0), replace(result("b", 1.0), intervals={"frechet": few})]
    text, _ = page(results, lambda a, b: {"frechet": Difference(0.0, 0.0, 0.0)})
    assert "0, equal" in text
    assert "+0 <span" not in text
    assert text.count("few-groups") == 2
    assert "few-groups: fewer than 20 images" in text
