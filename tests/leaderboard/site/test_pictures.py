"""Pictures of a site: made anew, where the licence permits, and numbered."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from anyres_bench.evaluation.report_samples import samples_path
from anyres_bench.leaderboard.committed import CommittedSystem, committed_records
from anyres_bench.leaderboard.site.entries import BoardEntry
from anyres_bench.leaderboard.site.pictures import picture_rows
from anyres_bench.leaderboard.submission import Card
from tests.leaderboard.site.boards import entry, ours, retraction


def row(path: Path, n: int = 3, items: str = "", side: int = 8) -> bytes:
    notes = PngInfo()
    notes.add_text("Comment", "<script>alert(1)</script>")
    if items:
        notes.add_text("items", items)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.arange(side * side * n * 3, dtype=np.uint64).reshape(side, side * n, 3) % 251
    Image.fromarray(pixels.astype(np.uint8)).save(path, pnginfo=notes)
    return path.read_bytes()


def submitted(folder: Path, licence: str = "MIT") -> BoardEntry:
    return replace(entry("a", 1.0), folder=folder, card=Card(licence, "x"))


def test_pixels_stay_and_nothing_else(tmp_path: Path) -> None:
    data = row(tmp_path / "samples" / "anyres-full64.png", items="0,2,5")
    (found,) = picture_rows([submitted(tmp_path)])
    assert (found.who, found.items, found.aspect) == ("a", (0, 2, 5), 1.0)
    assert b"script" in data
    assert b"script" not in found.png
    one, other = (np.asarray(Image.open(io.BytesIO(each))) for each in (data, found.png))
    assert np.array_equal(one, other)
    assert "/" not in found.name


@pytest.mark.parametrize("licence", ["unknown", "proprietary", "CC-BY-ND-4.0", ""])
def test_no_pixels_without_a_licence_for_them(tmp_path: Path, licence: str) -> None:
    row(tmp_path / "samples" / "anyres-full64.png")
    assert not list(picture_rows([submitted(tmp_path, licence)]))


@pytest.mark.parametrize("items", ["0,1,2,3,4,5,6", "<b>", "0,1"])
def test_numbers_that_do_not_fit(tmp_path: Path, items: str) -> None:
    row(tmp_path / "samples" / "anyres-full64.png", items=items)
    found = [one.items for one in picture_rows([submitted(tmp_path)])]
    assert found in ([], [(0, 1, 2)], [(0, 1)])


def test_what_is_no_picture_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "samples" / "anyres-full64.png"
    path.parent.mkdir()
    path.write_bytes(b"\x89PNG\r\n\x1a\n<svg onload=alert(1)>")
    assert not list(picture_rows([submitted(tmp_path)]))
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert not list(picture_rows([submitted(tmp_path)]))


def test_own_ones_come_from_the_cache_with_the_reals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    mine = ours("mine", 1.0)
    for side in ("real", "fake"):
        row(samples_path(mine.result.states[side].key))
    assert [one.who for one in picture_rows([mine])] == ["", "mine"]
    gone = replace(mine, retracted=retraction())
    assert not list(picture_rows([gone]))


def test_pictures_of_the_embedded_benchmark_come_with_the_package() -> None:
    """Where the cache has none, as on every machine that did not render them."""
    real = committed_records(CommittedSystem("real", "real"))
    (record,) = [one for text, one in real.items() if "/patch32-at128/frechet" in text]
    rows = list(picture_rows([BoardEntry(record, "re-rendered")]))
    assert {one.who for one in rows} == {"", "real"}
    assert all(one.items and one.aspect == 1.0 for one in rows)
