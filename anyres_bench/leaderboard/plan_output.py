"""A plan as text for a terminal, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

from anyres_bench.core.quoting import csv_cell, one_line_each
from anyres_bench.leaderboard.paper import paper_table
from anyres_bench.leaderboard.plan import Need, PlannedCell, TablePlan, columns, missing, ready
from anyres_bench.results.claims import CONFIDENCE

_HEAD = (
    *("system", "dataset", "title", "published", "confidence", "source", "protocol_as_stated"),
    *("task", "missing", "hours", "command", "note"),
)


def plan_text(plan: TablePlan) -> str:
    """Three parts: the table as published, what it needs, and how each cell is measured."""
    lines = [
        *_published(plan),
        "",
        "what it needs",
        *(line for need in plan.needs for line in _need(need)),
        "",
        "how each number is measured",
        *(line for one in plan.cells for line in _cell(one)),
        "",
        *_summary(plan),
    ]
    return one_line_each(lines)


def _published(plan: TablePlan) -> Iterator[str]:
    cells = [one.cell for one in plan.cells]
    heads = columns(cells)
    by_place = {(cell.system, cell.dataset, cell.title): cell.value for cell in cells}
    systems = list(dict.fromkeys(cell.system for cell in cells))
    known = sum(cell.claim is not None for cell in cells)
    yield f"the published table: {known} numbers are known, {len(cells) - known} are not"
    rows = [["dataset", "", *systems]]
    for dataset, title in heads:
        name = paper_table().datasets[dataset].title if dataset else ""
        values = [by_place.get((system, dataset, title), "-") for system in systems]
        rows.append([name, title, *values])
    yield from _aligned(rows)
    used = sorted({cell.claim.confidence for cell in cells if cell.claim})
    yield from (f"{key}: {CONFIDENCE[key]}" for key in used)
    yield "unknown: no source states it; -: the paper is not known to have it"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(map(str.ljust, row, widths)).rstrip()


def _need(need: Need) -> Iterator[str]:
    size = f"{need.n_bytes / 1e9:,.2f} GB" if need.n_bytes else "of unknown size"
    if need.here:
        yield f"  {need.kind} {need.name}: here, {need.where}"
        return
    yield f"  {need.kind} {need.name}: missing, {size}, {need.licence}"
    where = f" ({need.state})" if need.address else ""
    yield f"    get      {need.address or 'no address is known'}{where}"
    yield from (f"    then     {command}" for command in need.commands)
    yield f"    put it   {need.where}"
    if need.note:
        yield f"    note     {need.note}"


def _cell(one: PlannedCell) -> Iterator[str]:
    cell = one.cell
    dataset = paper_table().datasets[cell.dataset].title if cell.dataset else "dataset unknown"
    yield f"  {cell.system}, {dataset}, {cell.title}: {cell.value}"
    yield f"    task     {cell.task.id if cell.task else 'not known'}"
    if cell.claim is not None:
        yield f"    stated   {cell.claim.protocol}; {cell.claim.source} ({cell.claim.confidence})"
    yield f"    missing  {', '.join(one.missing) or 'nothing'}"
    yield f"    time     {_hours(one.hours)}"
    if one.command:
        yield f"    run      {one.command}"
    if one.note:
        yield f"    note     {one.note}"


def _hours(hours: float | None) -> str:
    if hours is None:
        return "not known: nobody has measured it"
    return f"about {hours:,.1f} h" if hours < 100 else f"about {hours:,.0f} h"


def _summary(plan: TablePlan) -> Iterator[str]:
    absent, now = list(missing(plan)), ready(plan)
    reading = sum(plan.reading.values())
    unknown = sum(one.hours is None for one in plan.cells)
    yield f"time     {_hours(plan.hours)} in all, of which {_hours(reading)} for the references;"
    yield f"         {unknown} cells are of unknown cost and not in it"
    yield f"         hours are of {plan.probed_on};"
    yield (
        "         reckoned from costs measured elsewhere, at "
        f"{1 / plan.speed:.2g} times the speed there. `evaluate --dry-run` times a cell itself, "
        "with all threads, once its parts are here"
    )
    yield f"missing  {len(absent)} of {len(plan.needs)} things"
    yield f"ready    {len(now)} of {len(plan.cells)} cells: leaderboard reproduce paper runs them"


def plan_rows(plan: TablePlan) -> list[dict[str, Any]]:
    """A mapping a cell, of plain values; what is unknown is None."""
    rows = []
    for one in plan.cells:
        cell, claim = one.cell, one.cell.claim
        values = (
            cell.system,
            cell.dataset or None,
            cell.title,
            claim.value if claim else None,
            claim.confidence if claim else None,
            claim.source if claim else None,
            claim.protocol if claim else None,
            cell.task.id if cell.task else None,
            list(one.missing),
            one.hours,
            one.command or None,
            one.note or None,
        )
        rows.append(dict(zip(_HEAD, values, strict=True)))
    return rows


def plan_csv(plan: TablePlan) -> str:
    """A line a cell; what is unknown is "unknown"."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEAD)
    for row in plan_rows(plan):
        writer.writerow([csv_cell(_cell_text(value)) for value in row.values()])
    return text.getvalue().rstrip("\n")


def _cell_text(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, list):
        return " ".join(value)
    return f"{value:.4g}" if isinstance(value, float) and math.isfinite(value) else str(value)


def plan_json(plan: TablePlan) -> dict[str, Any]:
    """Everything of a plan as plain values."""
    return {
        "cells": plan_rows(plan),
        "needs": [dict(vars(need), commands=list(need.commands)) for need in plan.needs],
        "reference_hours": dict(plan.reading),
        "hours": plan.hours,
        "device": plan.device,
        "speed": plan.speed,
        "probed_on": plan.probed_on,
    }
