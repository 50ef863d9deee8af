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
from anyres_bench.leaderboard.site.planes import ModelPlane
from anyres_bench.leaderboard.site.standing import BoardTable, Placed
from anyres_bench.results import Task, number
from anyres_bench.results.claims import CONFIDENCE, Claim, beside, published_claims

_MOST_STATIC_ROWS: Final = 400  # of the table that stands on the first page without a script


@dataclass(frozen=True)
class SiteContent:
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
    planes: Mapping[str, Sequence[tuple[ModelPlane, str]]]
    has_pictures: bool

    @property
    def first_curve(self) -> tuple[str, str] | None:
        """Id of a task whose curve stands on the first page, and the curve's file."""
        shown = (table for table in self.tables if table.slug in self.curves)
        found = next(shown, None)
        return None if found is None else (found.first.task, self.curves[found.slug])


def pages(site: SiteContent) -> dict[str, str]:
    """Name of a file -> its text."""
    environment = environment_of("anyres_bench.leaderboard.site", "anyres_bench.evaluation")
    environment.filters["number"] = number
    environment.filters["yes_no"] = yes_no
    common: dict[str, Any] = {
        "up": "",
        "site": site,
        "colours": site.colours,
        "version": __version__,
        "suffixes": list(EXPORTS),
        "tiers": TIER_WORDS,
    }
    made: dict[str, dict[str, Any]] = {
        "index.html": {"card": _card(site.tables[0])},
        "claims.html": _claims(site.board),
        "log.html": {},
        "models.html": {},
    }
    for table in site.tables:
        made[f"tasks/{table.slug}.html"] = {"table": table, "card": _card(table), "up": "../"}
    return {name: _rendered(environment, name, common | own) for name, own in made.items()}


def _rendered(environment: jinja2.Environment, name: str, values: Mapping[str, Any]) -> str:
    template = "task.html.j2" if name.startswith("tasks/") else f"{name}.j2"
    return environment.get_template(template).render(values)


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
    distances = all(Task.parse(task).metric.startswith("frechet") for task in columns)
    return {"columns": columns, "rows": rows, "lower_is_better": distances}
