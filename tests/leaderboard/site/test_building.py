"""A site as a folder: whole, replaced only where it is ours, and complete in itself."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from urllib.parse import unquote

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.files import sha256_bytes
from anyres_bench.leaderboard.site.building import build_site, check_replaceable
from tests.leaderboard.site.boards import board


class Links(HTMLParser):
    """Where a page leads and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in ("src", "href") and value]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("s") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANYRES_BENCH_CACHE", str(out.parent / "cache"))
        built = build_site(board(), out, "title")
    assert (built.n_tables, built.n_models) == (3, 8)
    assert built.n_files == len([path for path in out.rglob("*") if path.is_file()])
    return out


def test_everything_that_pages_name_is_there(site: Path) -> None:
    for page in site.rglob("*.html"):
        for link in Links(page.read_text()).links:
            if not link.startswith(("#", "data:")):
                assert (page.parent / unquote(link).split("#")[0]).is_file(), (page, link)


def test_data_are_an_assignment_of_json(site: Path) -> None:
    text = (site / "assets" / "data.js").read_text(encoding="ascii")
    assert text.startswith("window.BOARD = {")
    assert len(json.loads(text.removeprefix("window.BOARD = ").rstrip(";\n"))["tasks"]) == 3


@pytest.mark.slow
def test_the_same_board_makes_the_same_bytes(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(site.parent / "cache"))
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    build_site(board(), site, "title")
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before
    assert [path.name for path in site.parent.iterdir() if path.name.startswith(".")] == []


def test_what_is_not_ours_stays(site: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    check_replaceable(tmp_path / "mine")
    (tmp_path / "mine" / "notes.txt").write_text("x")
    os.symlink(site, tmp_path / "link")
    for out in (tmp_path / "mine", tmp_path / "link", site / "index.html"):
        with pytest.raises(UsageError, match="nothing was replaced"):
            check_replaceable(out)
    added = site / "mine.txt"
    added.write_text("x")
    with pytest.raises(UsageError):
        check_replaceable(site)
    added.unlink()
    check_replaceable(site)


def test_vendored_files_are_those_of_their_packages() -> None:
    folder = resources.files("anyres_bench.leaderboard.site") / "vendor"
    listed = json.loads((folder / "vendored.json").read_text())
    names = {name for package in listed.values() for name in package["files"]}
    for package in listed.values():
        for name, of in package["files"].items():
            assert sha256_bytes((folder / name).read_bytes()) == of["sha256"], name
    for licence in ("uPlot-LICENSE.txt", "img-comparison-slider-LICENSE.txt"):
        assert "Permission is hereby granted" in (folder / licence).read_text()
    there = {file.name for file in folder.iterdir()}
    assert there - names == {"vendored.json", "img-comparison-slider-LICENSE.txt"}
