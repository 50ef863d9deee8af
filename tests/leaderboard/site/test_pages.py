"""Pages without a script: whole, escaped, with what is unknown shown as unknown."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from anyres_bench.evaluation.plots import colours_of
from anyres_bench.leaderboard.site.entries import Board, Refusal
from anyres_bench.leaderboard.site.pages import SiteContent, pages
from anyres_bench.leaderboard.site.payload import model_values
from anyres_bench.leaderboard.site.standing import board_tables
from anyres_bench.leaderboard.submission import Card
from anyres_bench.results.claims import published_claims
from tests.leaderboard.site.boards import board, entry, retraction

BAD = "\"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}</style>'\u202e"


def made(of: Board) -> dict[str, str]:
    colours = colours_of(one.result.model.id for one in of.entries)
    tables = board_tables(of.entries, lambda a, b: None)
    models = model_values(of.entries, colours)
    return pages(
        SiteContent(
            "A <title>", of, tables, models, colours, {}, {"consistency": [], "cost": []}, False
        )
    )


class Tags(HTMLParser):
    """Tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_first_page_stands_without_scripts() -> None:
    text = made(board())["index.html"]
    assert "A &lt;title&gt;" in text
    names = re.findall(r'<td class="model">.*?</span>([a-z]+)', text)
    assert names[:6] == ["real", "good", "tied", "worse", "constant", "bad"]
    assert "retracted 2026-02-01: wrong weights" in text
    assert "Unknown: no record here says what rendering costs." in text


def test_every_table_has_a_page_and_files() -> None:
    found = made(board())
    tables = board_tables(board().entries, lambda a, b: None)
    for table in tables:
        assert table.first.task in found[f"tasks/{table.slug}.html"]
        assert f"tables/{table.slug}.csv" in found["index.html"]


def test_claims_keep_to_their_page() -> None:
    found = made(board())
    text = found["claims.html"]
    assert text.count("<tr>") >= len(published_claims())
    assert "None: no result here is of a task that a claim is known to be." in text
    assert '<span class="soft">unknown</span>' in text
    assert "Anycost-GAN" not in found["index.html"]


def test_a_claim_stands_beside_a_result_of_its_task() -> None:
    claim = next(claim for claim in published_claims() if claim.task)
    text = made(Board((entry("ours", claim.value + 0.01, claim.task),)))["claims.html"]
    assert "+0.01" in text
    assert "None: no result" not in text


def test_the_log_shows_retractions_and_what_was_left_out() -> None:
    log = (retraction(),)
    text = made(replace(board(), log=log, refused=(Refusal("evil", ("digests: other",)),)))
    assert "wrong weights" in text["log.html"]
    assert "digests: other" in text["log.html"]


def test_text_of_others_is_text_on_every_page() -> None:
    one = entry(BAD, 1.0)
    card = Card(BAD, BAD, None, link="javascript:alert(1)", contact=BAD, notes=BAD)
    bad = replace(one, card=card, retracted=None)
    refused = (Refusal(BAD, (BAD,)),)
    log = (replace(retraction(BAD), model=BAD),)
    for text in made(Board((bad,), refused, (BAD,), log)).values():
        assert "\u202e" not in text
        tags = Tags(text).tags
        sources = [of.get("src") for tag, of in tags if tag == "script"]
        assert all(source and source.startswith("assets/") for source in sources)
        assert not [of for _, of in tags if any(name.startswith("on") for name in of)]
        assert not [of for _, of in tags if str(of.get("href")).startswith("javascript")]
        assert not [of for tag, of in tags if tag == "img"]
        assert "49" not in re.sub(r"[0-9a-f]{8,}", "", text.split("<main")[1].split("</h1>")[0])
