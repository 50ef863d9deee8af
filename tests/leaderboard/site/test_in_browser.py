"""The site in a real browser: sort, filter, link, copies, zoom, slider; hostile text stays text."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from anyres_bench.leaderboard.site.building import build_site
from anyres_bench.leaderboard.site.entries import Board, BoardEntry, Refusal
from anyres_bench.leaderboard.submission import Card
from tests import browser
from tests.leaderboard.site.boards import board, costing, entry, ours, retraction
from tests.results.records import TASK

pytestmark = pytest.mark.slow

PAIR = TASK.replace("anyres-full64", "pair-at32and64").replace("frechet-ddof1", "consistency")
BAD = (
    '"\'><script>window.hit=1;alert(1)</script><img src=x onerror="window.hit=2;alert(2)">'
    "<svg onload=alert(3)>{{7*7}}${alert(4)}</style></script><b>\u202e\x1b[31m=1+1"
)


def pictures(folder: Path, level: int, protocol: str) -> None:
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    pixels = np.full((16, 48, 3), level, np.uint8)
    pixels[4:8, ::4] = 255
    Image.fromarray(pixels).save(folder / "samples" / f"{protocol}.png")


def consistency(name: str, ssim: float, detail: float) -> BoardEntry:
    one = entry(name, 1.0, PAIR)
    values = {"ssim": ssim, "detail": detail}
    changed = replace(one.result, values=values, intervals={}, higher_is_better={"ssim": True})
    return replace(one, result=changed)


def rich(folder: Path) -> Board:
    """The board of all kinds, with pictures of two models and a plane."""
    for level, name in enumerate(("good", "tied")):
        pictures(folder / name, 60 * level, "anyres-full64")
    entries = [
        replace(one, folder=folder / one.result.model.id)
        if one.result.model.id in ("good", "tied")
        else one
        for one in board().entries
    ]
    planes = [consistency("good", 0.9, -0.5), consistency("worse", 0.4, 0.1)]
    return Board((*entries, *planes), (Refusal("evil", ("digests: x",)),), (), (retraction(),))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANYRES_BENCH_CACHE", str(folder / "cache"))
        build_site(rich(folder / "s"), folder / "out", "A board")
    return folder / "out"


def open_page(site: Path, name: str = "index.html", **options: Any) -> Any:
    return browser.page(site / name, own_policy=True, **options)


def names(tab: Any) -> list[str]:
    cells = tab.query_selector_all("#table tbody td.model")
    return [cell.evaluate("node => node.childNodes[1].textContent") for cell in cells]


def test_sorting_leaves_controls_where_they_are(site: Path) -> None:
    with open_page(site) as tab:
        assert names(tab) == ["real", "good", "tied", "worse", "constant", "bad"]
        assert tab.get_attribute("th[data-sort='0']", "aria-sort") == "ascending"
        tab.click("th[data-sort='0'] button")
        tab.keyboard.press("Enter")  # the heading keeps the focus
        assert names(tab) == ["real", "worse", "tied", "good", "constant", "bad"]
        assert tab.get_attribute("th[data-sort='0']", "aria-sort") == "descending"
        tab.click("th[data-sort='licence'] button")
        assert tab.get_attribute("th[data-sort='licence']", "aria-sort") == "ascending"
        assert names(tab) == ["real", "good", "tied", "worse", "constant", "bad"]
        ranks = [node.inner_text() for node in tab.query_selector_all("#table td.rank")]
        assert ranks == ["", "1", "?", "3", "", ""]


def test_filters(site: Path) -> None:
    with open_page(site) as tab:
        tab.select_option("#licence", "unknown")
        assert names(tab) == ["real", "worse", "constant"]
        assert "1 of 3 models" in tab.inner_text("#said")
        tab.click("button[type='reset']")
        tab.select_option("#reference", "no")
        assert names(tab) == ["real", "good", "tied", "constant", "bad"]
        tab.fill("#find", "TIE")
        assert names(tab) == ["real", "tied", "constant"]
        tab.click("button[type='reset']")
        assert tab.input_value("#find") == ""
        tab.select_option("#tier", "submitted")
        assert len(names(tab)) == 6
        n_tasks = len(tab.query_selector_all("#task option"))
        tab.select_option("#largest", "32")
        few = [node.inner_text() for node in tab.query_selector_all("#task option")]
        assert len(few) < n_tasks
        assert any("at32" in text for text in few)


def test_a_link_restores_the_view(site: Path) -> None:
    with open_page(site) as tab:
        slug = tab.eval_on_selector_all("#task option", "all => all.map(o => o.value)")[-1]
        tab.select_option("#task", slug)
        tab.click("th[data-sort='model'] button")
        tab.fill("#find", "o")
        tab.evaluate(
            "n => { const e = document.getElementById('zoom'); e.value = n; "
            "e.dispatchEvent(new Event('input')); }",
            "4",
        )
        shown, fragment = names(tab), tab.evaluate("location.hash")
    with open_page(site, fragment=fragment) as tab:
        assert tab.input_value("#task") == slug
        assert tab.input_value("#find") == "o"
        assert tab.input_value("#zoom") == "4"
        assert names(tab) == shown
        assert tab.get_attribute("th[data-sort='model']", "aria-sort") == "ascending"
        tab.evaluate("location.hash = ''")
        tab.wait_for_function("document.getElementById('find').value === ''")
    with open_page(site, fragment="#task=none&sort=x:y&shown=%7B&one=?&zoom=-&x=%00") as tab:
        assert len(names(tab)) == 6


def copied(tab: Any, button: str) -> str:
    tab.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    tab.click(button)
    tab.wait_for_function("window.copied !== undefined")
    return str(tab.evaluate("window.copied"))


def test_copies_are_the_files(site: Path) -> None:
    with open_page(site) as tab:
        slug = tab.input_value("#task")
        latex = (site / "tables" / f"{slug}.tex").read_text()
        assert copied(tab, "#copy-latex") == latex
        want = list(csv.DictReader(io.StringIO((site / "tables" / f"{slug}.csv").read_text())))
        found = list(csv.DictReader(io.StringIO(copied(tab, "#copy-csv"))))
    numbers = ("value", "low", "high")
    for row in (*want, *found):
        row.update({name: float(row[name]) for name in numbers if row[name]})
    assert found == want


def test_charts_draw_what_is_ticked(site: Path) -> None:
    with open_page(site) as tab:
        tab.select_option(
            "#task",
            next(
                value
                for value in tab.eval_on_selector_all(
                    "#task option", "all => all.map(o => o.value)"
                )
                if "at64" in value and "pair" not in value
            ),
        )
        assert tab.is_visible("#plot canvas")
        assert tab.inner_text("#legend").split() == ["a", "b"]
        tab.uncheck("input[aria-label='Draw a in the charts']")
        assert tab.inner_text("#legend").split() == ["b"]
        assert "shown=" in tab.evaluate("location.hash")
        assert tab.is_visible("#consistency-plot canvas")
        assert tab.is_visible("#cost-plot canvas")
        assert "worse" in tab.inner_text("#cost-unknown")


def test_zoom_and_slider(site: Path) -> None:
    with open_page(site) as tab:
        assert tab.input_value("#left") == "good"
        tab.select_option("#left", "tied")
        tab.focus("#zoom")
        for _ in range(4):
            tab.keyboard.press("ArrowRight")
        zoomed = tab.eval_on_selector_all(
            "#viewer .pic i", "all => all.map(i => i.offsetWidth / i.parentElement.offsetWidth)"
        )
        assert len(zoomed) == 4
        assert all(abs(ratio - 3) < 0.05 for ratio in zoomed)
        moved = "all => new Set(all.map(i => i.style.length + getComputedStyle(i).left)).size"
        before = tab.eval_on_selector("#pic-left .pic i", "i => getComputedStyle(i).left")
        tab.focus("#pan-x")
        tab.keyboard.press("End")
        after = tab.eval_on_selector("#pic-left .pic i", "i => getComputedStyle(i).left")
        assert before != after
        assert tab.eval_on_selector_all("#slider .pic i", moved) == 1
        tab.focus("#slider")
        value = tab.get_attribute("#slider", "aria-valuenow")
        tab.keyboard.down("ArrowRight")  # it moves as long as the key is held
        tab.wait_for_function(
            "v => document.getElementById('slider').getAttribute('aria-valuenow') !== v", arg=value
        )
        tab.keyboard.up("ArrowRight")
        tab.select_option("#item", "2")
        assert "item=2" in tab.evaluate("location.hash")
        assert "Picture 2 of tied" in tab.get_attribute("#pic-left .pic", "aria-label")
        tab.click("#tiles button:has-text('tied')")
        assert tab.input_value("#right") == "tied"


def test_why_two_numbers_are_not_comparable(site: Path) -> None:
    with open_page(site) as tab:
        values = tab.eval_on_selector_all("#one option", "all => all.map(o => o.value)")
        tab.select_option("#one", values[0])
        tab.select_option("#other", values[0])
        assert tab.inner_text("#verdict").startswith("Comparable")
        tab.select_option("#other", next(value for value in values if "pair" in value))
        assert "differ in protocol, metric" in tab.inner_text("#verdict")
        assert len(tab.query_selector_all("#parts tr.differs")) == 2


@pytest.mark.parametrize("name", ["index.html", "claims.html", "log.html", "models.html"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_for_everybody(site: Path, name: str, width: int, scheme: Literal["light", "dark"]) -> None:
    with open_page(site, name, width=width, scheme=scheme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.serious_violations(tab) == []


def test_without_scripts(site: Path) -> None:
    with open_page(site, scripts=False) as tab:
        assert tab.locator("#static table tr").count() == 7
        assert tab.locator("#choose").is_hidden()
        assert tab.locator("img.curve").count() == 3
        assert tab.locator("p.bare").first.is_visible()
    with open_page(site) as tab:
        assert tab.locator("p.bare").first.is_hidden()


def test_many_models_and_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    entries = [
        entry(f"model-{m:03}", 1.0 + (m * 7919 % 200), TASK.replace("full64", f"full{64 + t}"))
        for m in range(200)
        for t in range(25)
    ]
    build_site(Board(tuple(entries)), tmp_path / "out", "many")
    with open_page(tmp_path / "out") as tab:
        assert len(names(tab)) == 200
        tab.click("th[data-sort='model'] button")
        assert names(tab)[:2] == ["model-000", "model-001"]
        tab.fill("#find", "model-19")
        assert len(names(tab)) == 10


def hostile_board(folder: Path) -> Board:
    """Every field that others write, full of what might run."""
    card = Card(BAD, BAD, None, link="javascript:alert(5)", contact=BAD, notes=BAD)
    ids = TASK.replace("d:half", BAD.replace("/", "")).replace("builtin-v1", "<i>x")
    one = entry(BAD, 1.0, ids, card=card, folder=folder)
    known = 'a\\b"<img src=x onerror=alert(6)>'
    other = {"values": {known: 2.0}, "higher_is_better": {known: True}, "intervals": {}}
    two = costing(entry("two" + BAD, 2.0, card=replace(card, licence="MIT")), 100)
    gone = entry("gone", 3.0, retracted=replace(retraction(BAD), model=BAD))
    odd = entry("odd", 1.0, ids.replace("anyres-full64", "patch32-at64"))
    lines = [entry(BAD, 1.0, ids.replace("anyres-full64", f"patch32-at{s}")) for s in (32, 64)]
    return Board(
        (
            one,
            two,
            gone,
            ours("real", 0.1),
            *lines,
            replace(odd, result=replace(odd.result, **other)),
        ),
        (Refusal(BAD, (BAD, "x" * 100_000)),),
        (BAD,),
        (replace(retraction(BAD), model=BAD),),
    )


def test_hostile_text_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    build_site(hostile_board(tmp_path / "s"), tmp_path / "out", BAD)
    for own_policy in (True, False):  # neither wall alone
        out = tmp_path / "out"
        for path in [*sorted(out.glob("*.html")), sorted((out / "tasks").iterdir())[0]]:
            with browser.page(path, own_policy=own_policy, inside=tmp_path / "out") as tab:
                if path.name == "index.html":
                    for value in tab.eval_on_selector_all(
                        "#task option", "a => a.map(o => o.value)"
                    ):
                        tab.select_option("#task", value)
                    copied(tab, "#copy-latex")
                assert tab.evaluate("window.hit") is None
                assert tab.locator("main script, main img[src='x'], main b b").count() == 0
                assert "<script>" in tab.content() or "&lt;script&gt;" in tab.content()
    fragment = "#find=" + "%3Cimg src=x onerror=alert(7)%3E" + "&shown=[1,{}]&task=__proto__"
    with open_page(tmp_path / "out", fragment=fragment) as tab:
        assert tab.evaluate("window.hit") is None
