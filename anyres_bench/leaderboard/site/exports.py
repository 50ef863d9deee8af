"""Tables as csv, Markdown, LaTeX and JSON, nothing rounded but what people read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from anyres_bench.core.quoting import csv_cell, markdown, terminal
from anyres_bench.evaluation.cards import shared_names
from anyres_bench.leaderboard.site.entries import BoardEntry
from anyres_bench.leaderboard.site.standing import BoardTable, Placed
from anyres_bench.results import Interval, Result, cautions_of, number, value_label

UNSTATED: Final = "unknown"
COLUMNS: Final = (
    "rank",
    "model",
    "role",
    "tier",
    "value",
    "low",
    "high",
    "cautions",
    "licence",
    "training_data",
    "trained_on_reference",
    "retracted",
)


def to_board_csv(table: BoardTable) -> str:
    """One row a model and value: `COLUMNS` with the value's name, then the task beside it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS[:4], "name", *COLUMNS[4:], "task", "images", "seed"])
    for placed in table.placed:
        for name in _names(table):
            cells = _cells(placed, name)
            rest = (table.first.task, table.first.dataset.digest, table.first.seed)
            row = (*cells[:4], name, *cells[4:], *rest)
            writer.writerow([csv_cell(c) if isinstance(c, str) else c for c in row])
    return text.getvalue()


def to_board_markdown(table: BoardTable) -> str:
    """A table of pipes, with the id of the task above it."""
    head = ["rank", "model", "tier", *(value_label(table.first, name) for name in _names(table))]
    lines = [
        f"{markdown(table.title)}  ",
        f"`{terminal(table.first.task).replace('`', '')}`",
        "",
        f"| {' | '.join(map(markdown, head))} |",
        f"|{'---|' * len(head)}",
    ]
    lines += [f"| {' | '.join(map(markdown, row))} |" for row in read_rows(table)]
    return "\n".join(lines) + "\n"


def to_board_latex(table: BoardTable) -> str:
    """A `tabular` of booktabs, with the id of the task as a comment."""
    import pandas as pd

    names = [value_label(table.first, name) for name in _names(table)]
    arrows = {"↑": r"$\uparrow$", "↓": r"$\downarrow$"}
    head = ["rank", "model", "tier", *names]
    rows = [[terminal(cell) for cell in row] for row in read_rows(table)]
    frame = pd.DataFrame(rows, columns=[terminal(name) for name in head])
    text = str(frame.to_latex(index=False, escape=True))
    for arrow, command in arrows.items():
        text = text.replace(arrow, command)
    return f"% {terminal(table.first.task)}\n{text}"


def to_board_json(table: BoardTable) -> str:
    """The table with all that ranks rest on."""
    return dumps(table_values(table))


def dumps(value: object) -> str:
    """JSON of ASCII alone, in which no bracket can end a script."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def table_values(table: BoardTable) -> dict[str, Any]:
    """A table as plain values."""
    first = table.first
    return {
        "task": first.task,
        "title": table.title,
        "dataset": first.dataset.id,
        "images": first.dataset.digest,
        "seed": first.seed,
        "n_real": first.n_real,
        "n_fake": first.n_fake,
        "higher_is_better": dict(first.higher_is_better),
        "rows": [_row_values(placed) for placed in table.placed],
    }


def _row_values(placed: Placed) -> dict[str, Any]:
    entry, result, card = placed.entry, placed.entry.result, placed.entry.card
    return {
        "rank": placed.rank,
        "model": result.model.id,
        "role": entry.role or None,
        "tier": entry.tier,
        "values": dict(result.values),
        "intervals": {name: _interval(found) for name, found in result.intervals.items()},
        "ranked_against": placed.leader or None,
        "differences": _differences(placed),
        "licence": card.licence if card else None,
        "training_data": card.training_data if card else None,
        "trained_on_reference": card.trained_on_reference if card else None,
        "retracted": _retracted(entry),
        "record": result.key,
    }


def _interval(found: Interval) -> dict[str, Any]:
    return {
        "low": found.low,
        "high": found.high,
        "standard_error": found.standard_error,
        "confidence": found.confidence,
        "method": found.method,
        "cautions": list(cautions_of(found)),
    }


def _differences(placed: Placed) -> dict[str, Any] | None:
    if placed.differences is None:
        return None
    return {
        name: {"value": d.value, "low": d.low, "high": d.high, "apart": d.separated}
        for name, d in placed.differences.items()
    }


def _retracted(entry: BoardEntry) -> dict[str, str] | None:
    line = entry.retracted
    return None if line is None else {"date": line.date, "why": line.why}


def read_rows(table: BoardTable) -> Iterator[list[str]]:
    """Rows for people: rank, model, tier, and each value with its interval."""
    for placed in table.placed:
        entry = placed.entry
        role = f" ({entry.role})" if entry.role else ""
        tier = "retracted" if entry.retracted else entry.tier
        values = [value_text(entry.result, name) for name in _names(table)]
        yield [placed.rank_text, f"{entry.result.model.id}{role}", tier, *values]


def value_text(result: Result, name: str) -> str:
    """A value with its interval, four digits."""
    found = result.intervals.get(name)
    span = f" [{number(found.low)}, {number(found.high)}]" if found else ""
    return f"{number(result.values[name])}{span}"


def yes_no(said: bool | None) -> str:
    """What a card says, in a word."""
    return UNSTATED if said is None else "yes" if said else "no"


def _names(table: BoardTable) -> list[str]:
    return shared_names([placed.entry.result for placed in table.placed])


def _cells(placed: Placed, name: str) -> tuple[object, ...]:
    """The cells of `COLUMNS`."""
    entry, card = placed.entry, placed.entry.card
    found = entry.result.intervals.get(name)
    line = entry.retracted
    return (
        placed.rank_text,
        entry.result.model.id,
        entry.role,
        entry.tier,
        entry.result.values[name],
        found.low if found else "",
        found.high if found else "",
        " ".join(cautions_of(found)) if found else "",
        card.licence if card else UNSTATED,
        card.training_data if card else UNSTATED,
        yes_no(card.trained_on_reference if card else None),
        f"{line.date}: {line.why}" if line else "",
    )


EXPORTS: Final[Mapping[str, Callable[[BoardTable], str]]] = {
    ".csv": to_board_csv,
    ".md": to_board_markdown,
    ".tex": to_board_latex,
    ".json": to_board_json,
}
