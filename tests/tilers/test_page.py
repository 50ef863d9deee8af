"""The page of an image: its JavaScript plans are the Python plans, and it works in a browser."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import TILERS, load
from anyres_bench.tilers.explain import LARGEST_ASPECT, MUCH, traps
from anyres_bench.tilers.page import KINDS, most_detailed, picture_of, read_picture, write_page
from anyres_bench.tilers.targets import read_target
from anyres_bench.tilers.workbench import tilers
from tests import browser

ROOT = Path(__file__).resolve().parents[2]
PLANS = ROOT / "anyres_bench" / "tilers" / "templates" / "plans.js"
CONTEXT = 3000
OPTIONS = (
    *("internvl:tie=blocks", "internvl:tie=first,max_tiles=40", "internvl:thumbnail=false"),
    *("llava-next:merge=spatial", "llava-next:merge=flat", "llava-next:merge=maxpool2x2"),
    *("llava-next:base=false,anyres_max=2", "qwen2-vl:rounding=half-up"),
    *("qwen2-vl-utils:max_pixels=15680", "pixtral:rounding=half-even", "fastvlm:shape=squash"),
    *("navit:max_tokens=500,drop=0.3", "vitar:target=7", "idefics3:split=false"),
    *("idefics3:longest_edge=8000", "seed:max_tiles=20,max_stretch=1.2"),
)
DRAWN = [name for name in TILERS if type(load(name)).__name__ in KINDS]


@pytest.fixture(scope="module")
def node() -> Any:
    if shutil.which("node") is None:
        pytest.skip("needs node")
    script = Path(__file__).with_name("plans_in_node.js")
    process = subprocess.Popen(
        ["node", script, PLANS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert tuple(json.loads(process.stdout.readline())) == KINDS
    yield process
    process.communicate(timeout=20)


def sizes() -> list[tuple[int, int]]:
    rng = np.random.default_rng(0)
    drawn = np.exp(rng.uniform(0, np.log(40_000), (300, 2))).astype(int).tolist()
    edges = (1, 2, 13, 14, 27, 28, 42, 70, 98, 112, 336, 384, 448, 896, 1344, 2016, 40_000)
    return [(a, b) for a, b in drawn] + [(a, b) for a in edges for b in edges]


@pytest.mark.parametrize("spec", [*DRAWN, *OPTIONS])
def test_the_pages_plans_are_the_tilers_plans(node: Any, spec: str) -> None:
    tiler: Any = load(spec)
    options = {f.name: getattr(tiler, f.name) for f in dataclasses.fields(tiler)}
    limits = {"aspect": LARGEST_ASPECT, "factor": MUCH, "context": CONTEXT}
    question = {"kind": type(tiler).__name__, "options": options, "sizes": sizes()}
    node.stdin.write(json.dumps({**question, "limits": limits}) + "\n")
    node.stdin.flush()
    answers = json.loads(node.stdout.readline())
    height, width = np.array(sizes()).T
    want = tiler.listing(height, width)
    columns = (want.grid, want.canvas, want.resized, want.offset)
    rest = (want.regions, want.encoder_tokens, want.tokens)
    numbers = np.column_stack([*columns, *rest]).tolist()
    for (h, w), row, answer in zip(sizes(), numbers, answers, strict=True):
        assert (answer is None) == (row[-1] < 0), (h, w)
        if answer is not None:
            assert answer[0] == row, (h, w)
    for (h, w), answer in list(zip(sizes(), answers, strict=True))[::7]:
        if answer is not None:
            found = traps(tiler.plan(Size(h, w)), CONTEXT)
            assert answer[1] == [trap.name for trap in found], (h, w)


def image(path: Path) -> Path:
    rng = np.random.default_rng(1)
    pixels = np.full((300, 480, 3), 120, np.uint8)
    pixels[192:288, 288:384] = rng.integers(0, 256, (96, 96, 3))
    Image.fromarray(pixels).save(path)
    return path


def test_the_probe_starts_where_most_is_to_be_seen(tmp_path: Path) -> None:
    picture = read_picture(image(tmp_path / "a.png"))
    y, x = most_detailed(picture.pixels)
    assert 192 <= y * 300 <= 288
    assert 288 <= x * 480 <= 384


def test_pages_carry_no_text_of_a_file_as_markup(tmp_path: Path) -> None:
    name = "<script>alert(1)<\\script>.png"
    file = image(tmp_path / name)
    write_page(tmp_path / "p.html", read_picture(file), tilers(["internvl"]), "qwen2-7b")
    text = (tmp_path / "p.html").read_text()
    assert "<script>alert" not in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text


def test_a_page_is_of_one_image(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    with pytest.raises(UsageError, match="name an image"):
        picture_of(str(tmp_path), read_target(str(tmp_path)))
    assert picture_of("5000x20", read_target("5000x20")).pixels.shape == (1024, 20, 3)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_the_page_in_a_browser(tmp_path: Path, width: int, scheme: Any) -> None:
    file = image(tmp_path / "a.png")
    write_page(tmp_path / "p.html", read_picture(file), tilers(), "vicuna-7b")
    with browser.page(tmp_path / "p.html", width=width, scheme=scheme) as tab:
        tab.wait_for_selector(".card")
        assert tokens(tab) == planned(Size(300, 480))
        tab.fill("#height-number", "31")
        tab.fill("#width-number", "8000")
        tab.press("#width-number", "Tab")
        tab.wait_for_function("document.getElementById('size').textContent.startsWith('31 × 8000')")
        assert tokens(tab) == planned(Size(31, 8000))
        assert "aspect over 200" in tab.inner_text("[data-tiler='internvl']")
        assert "refuses this size" in tab.inner_text("[data-tiler='qwen2-vl']")
        tab.focus("#aspect")
        before = tab.inner_text("#size")
        for _ in range(5):
            tab.keyboard.press("ArrowLeft")
        tab.wait_for_function("t => document.getElementById('size').textContent !== t", arg=before)
        tab.focus("#reset")
        tab.keyboard.press("Enter")
        tab.wait_for_function("document.getElementById('size').textContent.startsWith('300 × 480')")
        assert tokens(tab) == planned(Size(300, 480))
        tab.focus("#probe-y")
        square = tab.evaluate("document.getElementById('square').style.top")
        tab.keyboard.press("ArrowUp")
        tab.keyboard.press("Home")
        tab.wait_for_function("t => document.getElementById('square').style.top !== t", arg=square)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.serious_violations(tab) == []


def tokens(tab: Any) -> dict[str, str]:
    cards = tab.query_selector_all(".card")
    found = {card.get_attribute("data-tiler"): card.query_selector(".tokens") for card in cards}
    return {name: node.inner_text() if node else "refused" for name, node in found.items()}


def planned(size: Size) -> dict[str, str]:
    sides = np.array([size])
    found = {}
    for name in DRAWN:
        [n] = load(name).listing(sides[:, 0], sides[:, 1]).tokens
        found[name] = "refused" if n < 0 else f"{n:,} tokens"
    return found
