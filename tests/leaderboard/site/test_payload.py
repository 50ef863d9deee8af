"""What scripts read: numbers as they are, models once, links that are links."""

from __future__ import annotations

import json

import pytest

from anyres_bench.evaluation.plots import colours_of
from anyres_bench.leaderboard.site.exports import dumps
from anyres_bench.leaderboard.site.payload import canvas_span, model_values, payload, safe_link
from anyres_bench.leaderboard.site.standing import board_tables
from tests.leaderboard.site.boards import board


@pytest.mark.parametrize(
    ("protocol", "span"),
    [
        ("anyres-full256-noflip", (256, 256)),
        ("ar1-patch64-min64max512-octaves", (64, 512)),
        ("pair-at128and256", (128, 256)),
        ("overlap64by8-at512", (512, 512)),
        ("theirs", None),
    ],
)
def test_canvases_of_protocols(protocol: str, span: tuple[int, int] | None) -> None:
    assert canvas_span(protocol) == span


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("https://example.org/a?b=c#d", True),
        ("javascript:alert(1)", False),
        ("https://example.org/\" onclick='x'", False),
        (" https://example.org", False),
        ("data:text/html,x", False),
        ("https://exam ple.org", False),
        ("//example.org", False),
    ],
)
def test_links(text: str, link: bool) -> None:
    assert safe_link(text) == (text if link else "")


def test_every_row_names_its_model() -> None:
    entries = board().entries
    models = model_values(entries, colours_of(e.result.model.id for e in entries))
    made = payload(board_tables(entries, lambda a, b: None), models, {}, ())
    assert json.loads(dumps(made)) == json.loads(json.dumps(made))
    task = made["tasks"][0]
    rows = [(models[row["m"]]["id"], row["rank"], row["values"][0][0]) for row in task["rows"]]
    assert rows[1] == ("good", "1", 1.0)
    assert task["rows"][-1]["gone"] == "2026-02-01: wrong weights"
    assert {t["curve"] for t in made["tasks"] if t["size"]} == {
        f"d:half/patch32-at*/frechet-ddof1/builtin-v1/n100@1 {'0' * 64} 0"
    }
    assert models[0]["licence"] == "unknown"
