"""What the page's scripts read: numbers and text, each thing once, as one assignment in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from anyres_bench.core.quoting import terminal
from anyres_bench.evaluation.cards import shared_names
from anyres_bench.evaluation.curves import place_of, scope_of
from anyres_bench.evaluation.headlines import ranking, remarks
from anyres_bench.evaluation.wording import UNITS, metric_name, metric_words
from anyres_bench.leaderboard.site.entries import TIER_WORDS, BoardEntry
from anyres_bench.leaderboard.site.exports import UNSTATED
from anyres_bench.leaderboard.site.pictures import PictureRow
from anyres_bench.leaderboard.site.planes import ModelPlane, macs_per_pixel
from anyres_bench.leaderboard.site.standing import BoardTable, Placed
from anyres_bench.leaderboard.submission import Card
from anyres_bench.results import CAUTIONS, Result, Task, cautions_of, value_label

_BETWEEN = re.compile(r"min([0-9]+)max([0-9]+)")
_ONE = re.compile(r"(?:-at|full|up)([0-9]+)")


def canvas_span(protocol: str) -> tuple[int, int] | None:
    """Smallest and largest canvas side of a protocol, px; 0 for as large as images are.

    >>> canvas_span("anyres-patch64-min64max0"), canvas_span("patch32-at128"), canvas_span("mine")
    ((64, 0), (128, 128), None)
    """
    if match := _BETWEEN.search(protocol):
        return int(match[1]), int(match[2])
    sizes = [int(text) for text in _ONE.findall(protocol)]
    sizes += [int(text) for text in re.findall(r"(?<=[0-9]and)([0-9]+)", protocol)]
    return (min(sizes), max(sizes)) if sizes else None


def payload(
    tables: Sequence[BoardTable],
    models: Sequence[Mapping[str, Any]],
    planes: Mapping[str, Sequence[ModelPlane]],
    pictures: Iterable[PictureRow],
) -> dict[str, Any]:
    """All of it as plain values.

    Args:
        tables: in the order in which they are offered.
        models: what `model_values` gives.
        planes: kind -> planes.
        pictures: rows whose files lie in `pictures/`.
    """
    index = {model["id"]: number for number, model in enumerate(models)}
    found = {
        "tiers": TIER_WORDS,
        "cautions": CAUTIONS,
        "models": models,
        "tasks": [_table_values(table, index) for table in tables],
        "planes": {
            kind: [_plane_values(plane, index) for plane in of] for kind, of in planes.items()
        },
        "pictures": _picture_values(pictures, index),
    }
    plain: dict[str, Any] = _visible(found)
    return plain


def _visible(value: Any) -> Any:
    """The value with characters that are not visible spelled out in all of its text."""
    if isinstance(value, str):
        return terminal(value)
    if isinstance(value, Mapping):
        return {key: _visible(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_visible(inner) for inner in value]
    return value


def model_values(entries: Sequence[BoardEntry], colours: Mapping[str, str]) -> list[dict[str, Any]]:
    """What is known of each model, once."""
    cards: dict[str, Card] = {}
    known: dict[str, BoardEntry] = {}
    for entry in entries:
        known.setdefault(entry.result.model.id, entry)
        if entry.card is not None:
            cards.setdefault(entry.result.model.id, entry.card)
    return [_model(entry, cards.get(name), colours[name]) for name, entry in known.items()]


def _model(entry: BoardEntry, card: Card | None, colour: str) -> dict[str, Any]:
    model = entry.result.model
    cost = model.cost
    return {
        "id": model.id,
        "colour": colour,
        "role": entry.role,
        "licence": card.licence if card else UNSTATED,
        "training": card.training_data if card else UNSTATED,
        "onReference": card.trained_on_reference if card else None,
        "link": safe_link(card.link) if card else "",
        "contact": card.contact if card else "",
        "notes": card.notes if card else "",
        "macsPerPixel": macs_per_pixel(cost),
        "parameters": cost.parameters if cost else None,
        "secondsPerMegapixel": cost.seconds_per_megapixel if cost else None,
    }


def safe_link(text: str) -> str:
    """An address of the web; empty for anything else, which is no link."""
    fits = re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[\x21-\x7e]*)?", text)
    return text if fits and not set(text) & set("\"'<>\\`") else ""


def _table_values(table: BoardTable, index: Mapping[str, int]) -> dict[str, Any]:
    first, task = table.first, table.task
    place, span = place_of(task.protocol), canvas_span(task.protocol)
    results = [placed.entry.result for placed in table.placed]
    names = shared_names(results)
    curve = scope_of(task)
    return {
        "slug": table.slug,
        "id": first.task,
        "title": table.title,
        "group": metric_words(first),
        "unit": UNITS.get(metric_name(task.metric), ""),
        "images": first.dataset.digest,
        "seed": first.seed,
        "remarks": remarks(results, lambda result: None),
        "curve": f"{curve} {first.dataset.digest} {first.seed}" if curve else "",
        "size": place[1] if place else None,
        "canvas": list(span) if span else None,
        "names": names,
        "labels": [value_label(first, name) for name in names],
        "higher": ranking(first)[1],
        "rows": [_row_values(placed, names, index) for placed in table.placed],
    }


def _row_values(placed: Placed, names: Sequence[str], index: Mapping[str, int]) -> dict[str, Any]:
    entry, result = placed.entry, placed.entry.result
    line = entry.retracted
    found = (placed.differences or {}).get(names[0]) if names else None
    return {
        "m": index[result.model.id],
        "tier": entry.tier,
        "rank": placed.rank_text,
        "gone": f"{line.date}: {line.why}" if line else "",
        "against": index[placed.leader] if placed.leader else None,
        "difference": [found.value, found.low, found.high] if found else None,
        "values": [_value(result, name) for name in names],
    }


def _value(result: Result, name: str) -> list[Any]:
    """Value, ends of its interval, and the names of what limits it."""
    found = result.intervals.get(name)
    if found is None:
        return [result.values[name], None, None, ""]
    return [result.values[name], found.low, found.high, ", ".join(cautions_of(found))]


def _plane_values(plane: ModelPlane, index: Mapping[str, int]) -> dict[str, Any]:
    return {
        "slug": plane.slug,
        "title": plane.title,
        "task": plane.task,
        "x": plane.x_label,
        "y": plane.y_label,
        "xLog": plane.x_log,
        "points": [[index[p.model], p.x, p.y, p.y_low, p.y_high, p.on_front] for p in plane.points],
        "unknown": [index[model] for model in plane.unknown],
    }


def _picture_values(
    pictures: Iterable[PictureRow], index: Mapping[str, int]
) -> list[dict[str, Any]]:
    scopes: dict[str, dict[str, Any]] = {}
    for row in pictures:
        place = canvas_span(Task.parse(f"{row.scope.split(' ')[0]}/x/x/n1@1").protocol)
        scope = scopes.setdefault(
            row.scope,
            {"scope": row.scope, "title": row.title, "canvas": place, "rows": []},
        )
        scope["rows"].append(
            {
                "m": index.get(row.who, -1),
                "file": f"pictures/{row.name}",
                "items": list(row.items),
                "aspect": row.aspect,
            }
        )
    return list(scopes.values())
