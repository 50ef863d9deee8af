"""Histograms count every image once, in bins that say what they hold."""

from __future__ import annotations

from anyres_bench.building.histograms import Histogram, histograms, table
from anyres_bench.data.records import ImageRecord


def record(height: int, width: int, resolution: float | None = None) -> ImageRecord:
    return ImageRecord(
        file_name="a.png",
        sha256="0" * 64,
        n_bytes=1,
        height=height,
        width=width,
        effective_resolution=resolution,
    )


def test_every_image_is_in_one_bin_of_each_spread() -> None:
    sizes = [(1, 1), (8, 8000), (64, 64), (500, 333), (30_000, 20_000)]
    found = histograms(record(*size) for size in sizes)
    assert [spread.title for spread in found] == [
        "shorter side in pixels",
        "width over height",
        "megapixels",
    ]
    assert all(sum(spread.counts) == 5 for spread in found)
    assert all(sum(n for _, n in spread.rows()) == 5 for spread in found)
    assert not histograms([])


def test_resolution_is_counted_where_it_was_measured() -> None:
    measured = [record(9, 9, 1.0), record(9, 9, 0.25), record(9, 9)]
    spread = histograms(measured)[-1]
    assert spread.title.startswith("effective resolution")
    assert [row for row in spread.rows() if row[1]] == [("0.2 to 0.3", 1), ("1 and more", 1)]


def test_rows_go_from_the_first_bin_to_the_last_that_hold_something() -> None:
    spread = Histogram("t", (0, 1, 2, 3, float("inf")), (0, 4, 0, 2))
    assert spread.rows() == [("1 to 2", 4), ("2 to 3", 0), ("3 and more", 2)]
    title, *bars = spread.text().splitlines()
    assert title == "t"
    assert [line.count("#") for line in bars] == [40, 0, 20]
    assert Histogram("t", (0, 1), (0,)).text() == "t"


def test_words_of_others_are_inert() -> None:
    assert "\x1b" not in table("reasons", [("\x1b[31mred", 3)])
