"""Cards: what a page shows of one task, rows best first, each with what limits its trust."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anyres_bench.evaluation.headlines import Limit, Pairing, remarks, role_of
from anyres_bench.evaluation.pairs import Difference
from anyres_bench.evaluation.wording import UNITS, metric_name, title_of
from anyres_bench.results import (
    Result,
    Task,
    cautions_of,
    chance_band,
    explained,
    number,
    tied_ranks,
    value_label,
)


@dataclass(frozen=True)
class Cell:
    """A number in a table: the text, and where its interval lies between the column's ends."""

    text: str
    low: str
    high: str
    chance: str
    left: float
    width: float
    at: float
    difference: Difference | None
    cautions: str


@dataclass(frozen=True)
class CardRow:
    """A result in its card.

    Attributes:
        model: its id.
        role: of a control, see `role_of`; empty for a model.
        rank: ties share one; empty where it is not known.
        cells: a value each.
        tier: how far the number is trusted, and what else stands below the model; mostly empty.
    """

    model: str
    role: str
    rank: str
    cells: Sequence[Cell]
    tier: str = ""


@dataclass(frozen=True)
class TaskCard:
    """All of one task, one set of images and one seed.

    Attributes:
        title: in words.
        task: its id.
        unit: what to know of the value's scale; mostly empty.
        remarks: what to know before reading.
        labels: names of the values with their direction.
        rows: best first.
        notes: meanings of the cautions in it.
        compared: numbers of images, seed, set of images.
    """

    title: str
    task: str
    unit: str
    remarks: Sequence[str]
    labels: Sequence[str]
    rows: Sequence[CardRow]
    notes: Sequence[str]
    compared: str


@dataclass(frozen=True)
class Standing:
    """A result at its place.

    Attributes:
        rank: ties share one; empty where it is not known.
        differences: by value, to the result that it is held against; None where not known.
        tier: see `CardRow`.
        role: of a control.
    """

    result: Result
    rank: str
    role: str
    differences: Mapping[str, Difference] | None = None
    tier: str = ""


def standings(group: Sequence[Result], pairing: Pairing) -> list[Standing]:
    """Results of one task with their ranks; differences are to the result above.

    Args:
        group: best first.
        pairing: paired differences of two results, the first minus the second.
    """
    names = shared_names(group)
    pair = functools.cache(lambda upper, lower: pairing(group[lower], group[upper]))
    above = [None, *(pair(i, i + 1) for i in range(len(group) - 1))]
    ranks = tied_ranks(len(group), lambda upper, lower: _apart(pair(upper, lower), names))
    return [
        Standing(result, str(rank or ""), role_of(result.model.id), pairs)
        for result, pairs, rank in zip(group, above, ranks, strict=True)
    ]


def shared_names(group: Sequence[Result]) -> list[str]:
    """The values that rank, as far as all have them; a record of others may have other ones."""
    return [n for n in group[0].higher_is_better if all(n in r.values for r in group)]


def card_of(stood: Sequence[Standing], limit: Limit) -> TaskCard:
    """The card of results of one task, in their order.

    Args:
        stood: at least one.
        limit: a Fréchet distance at infinitely many images, for remarks.
    """
    group = [standing.result for standing in stood]
    first, names = group[0], shared_names(group)
    spans = {name: _span(group, name) for name in names}
    intervals = (r.intervals[name] for r in group for name in names if name in r.intervals)
    return TaskCard(
        title=title_of(first),
        task=first.task,
        unit=UNITS.get(metric_name(Task.parse(first.task).metric), ""),
        remarks=remarks(group, limit),
        labels=[value_label(first, name) for name in names],
        rows=[_row(standing, names, spans) for standing in stood],
        notes=explained(caution for interval in intervals for caution in cautions_of(interval)),
        compared=f"{first.n_real} real, {first.n_fake} fake, seed {first.seed}, images "
        f"{first.dataset.digest[:12]}",
    )


def _row(
    standing: Standing, names: Sequence[str], spans: Mapping[str, tuple[float, float]]
) -> CardRow:
    result, pairs = standing.result, standing.differences or {}
    cells = [_cell(result, name, spans[name], pairs.get(name)) for name in names]
    return CardRow(result.model.id, standing.role, standing.rank, cells, standing.tier)


def _apart(pairs: Mapping[str, Difference] | None, names: Sequence[str]) -> bool | None:
    """Whether two results are told apart by their first value; None if that is not known here."""
    difference = (pairs or {}).get(names[0]) if names else None
    return difference.separated if difference else None


def _span(group: Sequence[Result], name: str) -> tuple[float, float]:
    ends = [result.values[name] for result in group]
    for result in group:
        if interval := result.intervals.get(name):
            ends += [interval.low, interval.high]
    return min(ends), max(ends)


def _cell(
    result: Result, name: str, span: tuple[float, float], difference: Difference | None
) -> Cell:
    value = result.values[name]
    interval = result.intervals.get(name)
    low, high = (interval.low, interval.high) if interval else (value, value)
    room = (span[1] - span[0]) or 1.0
    left, right, at = (100 * (x - span[0]) / room for x in (low, high, value))
    return Cell(
        text=number(value),
        low=number(low) if interval else "",
        high=number(high) if interval else "",
        chance=chance_band(result, name),
        left=left,
        width=right - left,
        at=at,
        difference=difference,
        cautions=", ".join(cautions_of(interval)) if interval else "",
    )
