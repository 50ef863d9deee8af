"""Cards: what a page shows of one task, rows best first, each with what limits its trust."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anyres_bench.evaluation.curves import far_apart
from anyres_bench.evaluation.headlines import Limit, Pairing, n_shared, remarks, role_in
from anyres_bench.evaluation.pairs import Difference
from anyres_bench.evaluation.wording import UNITS, metric_name, title_of
from anyres_bench.results import (
    Result,
    Task,
    cautions_of,
    chance_band,
    ends,
    explained,
    number,
    tied_ranks,
    value_label,
)


@dataclass(frozen=True)
class Cell:
    """A number in a table: the text, and where its interval lies between the column's ends, %."""

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
        role: see `role_in`; empty for a model that is ranked.
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
        notes: what else to know of it: scale of the bars, meanings of the cautions.
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
        rank: ties share one; empty where it is not known, and for what is not to be ranked.
        differences: by value, to the result that it is held against; None where not known.
        tier: see `CardRow`.
        role: see `role_in`.
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
    ranked = [i for i, result in enumerate(group) if not n_shared(result)]

    def apart(upper: int, lower: int) -> bool | None:
        return _apart(pair(ranked[upper], ranked[lower]), names)

    ranks = dict(zip(ranked, tied_ranks(len(ranked), apart), strict=True))
    return [
        Standing(result, str(ranks.get(i) or ""), role_in(result), pairs)
        for i, (result, pairs) in enumerate(zip(group, above, strict=True))
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
    scales = {name: _scale(group, name) for name in names}
    intervals = (r.intervals[name] for r in group for name in names if name in r.intervals)
    return TaskCard(
        title=title_of(first),
        task=first.task,
        unit=UNITS.get(metric_name(Task.parse(first.task).metric), ""),
        remarks=remarks(group, limit),
        labels=[value_label(first, name) for name in names],
        rows=[_row(standing, names, scales) for standing in stood],
        notes=[
            *(["The bars are logarithmic."] if any(s.is_log for s in scales.values()) else []),
            *explained(caution for interval in intervals for caution in cautions_of(interval)),
        ],
        compared=f"{first.n_real} real, {first.n_fake} fake, seed {first.seed}, images "
        f"{first.dataset.digest[:12]}",
    )


def _row(standing: Standing, names: Sequence[str], scales: Mapping[str, _Scale]) -> CardRow:
    result, pairs = standing.result, standing.differences or {}
    cells = [_cell(result, name, scales[name], pairs.get(name)) for name in names]
    return CardRow(result.model.id, standing.role, standing.rank, cells, standing.tier)


def _apart(pairs: Mapping[str, Difference] | None, names: Sequence[str]) -> bool | None:
    """Whether two results are told apart by their first value; None if that is not known here."""
    difference = (pairs or {}).get(names[0]) if names else None
    return difference.separated if difference else None


@dataclass(frozen=True)
class _Scale:
    """The ends of a column's bars."""

    low: float
    high: float
    is_log: bool

    def place(self, value: float) -> float:
        """Where a value lies between the ends, %."""
        low, high, at = (math.log(x) if self.is_log else x for x in (self.low, self.high, value))
        return 100 * (at - low) / ((high - low) or 1.0)


def _scale(group: Sequence[Result], name: str) -> _Scale:
    spans = [_ends(result, name) for result in group]
    lows, highs = [low for low, _ in spans], [high for _, high in spans]
    values = [result.values[name] for result in group]
    least = lows + values  # a value may lie outside of its interval
    return _Scale(min(least), max(highs + values), far_apart(least, highs))


def _ends(result: Result, name: str) -> tuple[float, float]:
    """The interval of a value; the value itself where it has none."""
    interval = result.intervals.get(name)
    return (interval.low, interval.high) if interval else (result.values[name],) * 2


def _cell(result: Result, name: str, scale: _Scale, difference: Difference | None) -> Cell:
    interval = result.intervals.get(name)
    low, high = _ends(result, name)
    left = scale.place(low)
    low_text, high_text = ends(low, high) if interval else ("", "")
    return Cell(
        text=number(result.values[name]),
        low=low_text,
        high=high_text,
        chance=chance_band(result, name),
        left=left,
        width=scale.place(high) - left,
        at=scale.place(result.values[name]),
        difference=difference,
        cautions=", ".join(cautions_of(interval)) if interval else "",
    )
