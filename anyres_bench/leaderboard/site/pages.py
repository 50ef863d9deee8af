"""The pages of a site, each whole without a script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jinja2

from anyres_bench import __version__
from anyres_bench.evaluation.cards import Standing, TaskCard, card_of
from anyres_bench.evaluation.render import environment_of
from anyres_bench.leaderboard.site.entries import REPORTED, TIER_WORDS, Board
from anyres_bench.leaderboard.site.exports import EXPORTS, yes_no
from anyres_bench.leaderboard.site.planes import Plane
from anyres_bench.leaderboard.site.standing import BoardTable, Placed
from anyres_bench.results import number
from anyres_bench.results.claims import CONFIDENCE, Claim, beside, published_claims

_MOST_STATIC_ROWS: Final = 400  # of the table that stands on the first page without a script


@dataclass(frozen=True)
class Site:
    """What pages are made of.

    Attributes:
        title: of the site.
        board: what stands on it.
        tables: in the order in which they are offered; the first is shown first.
        models: what is known of each.
        colours: by model.
        curves: slug of a table -> file of its curve.
        planes: kind -> (plane, its file).
        has_pictures: whether there are any.
    """

    title: str
    board: Board
    tables: Sequence[BoardTable]
    models: Sequence[Mapping[str, Any]]
    colours: Mapping[str, str]
    curves: Mapping[str, str]
    planes: Mapping[str, Sequence[tuple[Plane, str]]]
    has_pictures: bool


def pages(site: Site) -> dict[str, str]:
    """Name of a file -> its text."""
    environment = environment_of("anyres_bench.leaderboard.site", "anyres_bench.evaluation")
    environment.filters["number"] = number
    environment.filters["yes_no"] = yes_no
    common = {
        "site": site,
        "colours": site.colours,
        "version": __version__,
        "suffixes": list(EXPORTS),
        "tiers": TIER_WORDS,
    }
    made = {
        "index.html": _page(environment, "index.html.j2", common, card=_card(site.tables[0])),
        "claims.html": _page(environment, "claims.html.j2", common, **_claims(site.board)),
        "log.html": _page(environment, "log.html.j2", common),
        "models.html": _page(environment, "models.html.j2", common),
    }
    for table in site.tables:
        made[f"tasks/{table.slug}.html"] = _page(
            environment, "task.html.j2", common, table=table, card=_card(table)
        )
    return made


def _page(
    environment: jinja2.Environment, template: str, common: Mapping[str, Any], **own: Any
) -> str:
    up = "../" if template == "task.html.j2" else ""
    return environment.get_template(template).render({**common, **own, "up": up})


def _card(table: BoardTable) -> TaskCard:
    stood = [_standing(placed) for placed in table.placed[:_MOST_STATIC_ROWS]]
    return card_of(stood, lambda result: None)


def _standing(placed: Placed) -> Standing:
    entry = placed.entry
    tier = entry.tier
    if entry.retracted is not None:
        tier = f"retracted {entry.retracted.date}: {entry.retracted.why}"
    return Standing(entry.result, placed.rank_text, entry.role, placed.differences, tier)


def _claims(board: Board) -> dict[str, Any]:
    """Claims, those whose task is known as a table of systems, and those beside results."""
    claims = published_claims()
    results = [entry.result for entry in board.entries if entry.retracted is None]
    known = [claim for claim in claims if claim.task]
    return {
        "claims": claims,
        "matrix": _matrix(known),
        "beside": beside(known, results),
        "confidence": CONFIDENCE,
        "reported": TIER_WORDS[REPORTED],
    }


def _matrix(known: Iterable[Claim]) -> dict[str, Any]:
    """Systems x tasks; None where nobody is known to have stated it."""
    stated: dict[str, dict[str, Claim]] = {}
    columns: dict[str, str] = {}
    for claim in known:
        stated.setdefault(claim.system, {}).setdefault(claim.task, claim)
        columns.setdefault(claim.task, f"{claim.dataset}, {claim.metric}, {claim.size}")
    rows = {system: [of.get(task) for task in columns] for system, of in stated.items()}
    return {"columns": columns, "rows": rows}
