"""Text of others stays text: in a terminal, a spreadsheet, Markdown, YAML and a plot."""

from __future__ import annotations

import csv
import doctest
import io
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from anyres_bench.core import quoting

TEXTS = st.text(st.characters(codec=None), max_size=60)
STARTS = tuple("=+-@＝＋－＠")


def test_examples() -> None:
    assert doctest.testmod(quoting).failed == 0


@given(TEXTS)
def test_storable_text_can_be_stored(text: str) -> None:
    stored = quoting.storable(text)
    stored.encode("utf-8")
    assert quoting.storable(stored) == stored
    if not re.search("[\ud800-\udfff]", text):
        assert stored == text


@given(TEXTS)
def test_terminals_see_no_control(text: str) -> None:
    shown = quoting.terminal(text)
    shown.encode("utf-8")
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", shown)
    assert "\x1b" not in quoting.terminal_lines(text)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_no_cell_is_a_formula(separator: str, texts: list[str]) -> None:
    """However a spreadsheet splits the line that was written with commas."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow([quoting.csv_cell(text) for text in texts])
    for row in csv.reader(io.StringIO(file.getvalue()), delimiter=separator):
        for cell in row:
            # a comma inside a quoted cell is no separator where semicolons are, and the reverse
            assert not cell.lstrip(" \"'\n\r").startswith(STARTS) or "'" in cell


@pytest.mark.parametrize(
    "start", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", "\n@x", "＝1"]
)
def test_formulas_are_quoted(start: str) -> None:
    assert re.match(r"\s*(\\\w)*\s*'|\\", quoting.csv_cell(start))
    assert "; '=" in quoting.csv_cell(f"Ann; ={start}")


@given(TEXTS)
def test_markdown_has_no_markup(text: str) -> None:
    shown = quoting.markdown(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert not re.search(r"(?<!\\)(\\\\)*[`*_\[\]$#|~]", re.sub(r"\\[^\w\s]", "", shown))


def test_markdown_begins_nothing() -> None:
    for text in ("- a", "+ a", "1. a", "12) a", "# a", "> a", "===", "--- a"):
        assert re.match(r"(\d*\\)|&gt;", quoting.markdown(text)), text


@given(TEXTS)
def test_a_block_ends_where_it_should(text: str) -> None:
    lines = quoting.markdown_block(text).split("\n")
    fence = re.match("`+", lines[0])
    assert fence
    assert lines[-1] == fence[0]
    assert not any(fence[0] in line for line in lines[1:-1])


@given(TEXTS)
def test_yaml_is_one_string(text: str) -> None:
    assert yaml.safe_load(f"a: {quoting.yaml_scalar(text)}\nb: 1") == {
        "a": quoting.terminal(text),
        "b": 1,
    }


@given(TEXTS)
def test_plots_see_no_formula(text: str) -> None:
    assert not re.search(r"(?<!\\)\$", quoting.plot(text))


def test_long_messages_are_cut_in_the_middle() -> None:
    shown = quoting.terminal_lines("a" * 10_000 + "\x1b" + "b" * 10_000)
    assert len(shown) < 5000
    assert "characters" in shown


def test_arguments_are_utf8_where_they_can_be() -> None:
    assert quoting.from_shell("Jürgen") == "Jürgen"
    assert quoting.from_shell("half \ud83d") == "half \ufffd"
    assert quoting.from_shell("plain") == "plain"
