"""Tables as files: equal numbers in all, and nothing that anything would execute."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from anyres_bench.evaluation.pairs import Difference
from anyres_bench.leaderboard.site.exports import (
    EXPORTS,
    to_board_csv,
    to_board_json,
    to_board_latex,
    to_board_markdown,
)
from anyres_bench.leaderboard.site.standing import BoardTable, board_tables
from anyres_bench.leaderboard.submission import Card
from tests.leaderboard.site.boards import board, entry

HOSTILE = "=1+1<script>alert(1)</script>\n|`\\input{x}$%&_^~#{}\u202e\x1b[31m"


def table() -> BoardTable:
    return board_tables(board().entries, lambda a, b: {"frechet": Difference(1.0, 0.5, 1.5)})[0]


def test_csv_has_everything_unrounded() -> None:
    rows = list(csv.DictReader(io.StringIO(to_board_csv(table()))))
    assert [row["model"] for row in rows] == ["real", "good", "tied", "worse", "constant", "bad"]
    good = rows[1]
    assert (good["rank"], good["tier"], float(good["value"])) == ("1", "submitted", 1.0)
    assert (good["licence"], good["trained_on_reference"]) == ("MIT", "no")
    assert (rows[3]["licence"], rows[0]["licence"]) == ("unknown", "unknown")
    assert rows[5]["retracted"] == "2026-02-01: wrong weights"
    assert all(row["task"] == table().first.task for row in rows)


def test_negative_numbers_stay_numbers() -> None:
    text = to_board_csv(board_tables([entry("a", -2.0)], lambda a, b: None)[0])
    assert float(next(csv.DictReader(io.StringIO(text)))["value"]) == -2.0


def test_json_has_what_ranks_rest_on() -> None:
    made = json.loads(to_board_json(table()))
    worse = made["rows"][3]
    assert worse["ranked_against"] == "tied"
    assert worse["differences"]["frechet"] == {"value": 1.0, "low": 0.5, "high": 1.5, "apart": True}
    assert made["rows"][0]["trained_on_reference"] is None


def test_markdown_and_latex_have_a_row_a_model() -> None:
    lines = to_board_markdown(table()).splitlines()
    assert lines[4] == "|---|---|---|---|"
    assert lines[6].startswith("| 1 | good | submitted | 1 \\[")
    text = to_board_latex(table())
    assert text.startswith(f"% {table().first.task}\n\\begin{{tabular}}")
    assert "frechet $\\downarrow$" in text
    assert text.count("\\\\\n") == 7


@pytest.mark.parametrize("suffix", EXPORTS)
def test_text_of_others_is_inert(suffix: str) -> None:
    bad = replace(entry(HOSTILE, 1.0), card=Card(HOSTILE, HOSTILE))
    text = EXPORTS[suffix](board_tables([bad], lambda a, b: None)[0])
    if suffix in (".md", ".json"):  # which pages may take as they are
        assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    if suffix == ".csv":
        assert next(csv.DictReader(io.StringIO(text)))["model"].startswith("'=1+1")
    if suffix == ".tex":
        assert "\\input" not in text
    if suffix == ".md":
        assert len(text.splitlines()) == 6
