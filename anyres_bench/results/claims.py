"""Claims: numbers that papers and repositories state, with their source, as they state them.

A claim is no result: it has no features, no interval and often no protocol that could be run again.
It stands beside a result only where its protocol is known to be that result's task.

>>> claims = published_claims()
>>> [claim.value for claim in claims if claim.system == "AnyRes-GAN" and claim.size == "1024"]
[4.06]
"""

from __future__ import annotations

import csv
import functools
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from importlib import resources
from typing import Final

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.quoting import csv_cell
from anyres_bench.core.registry import nearest
from anyres_bench.results.record import Result
from anyres_bench.results.task import Task

CONFIDENCE: Final = {
    "A": "read in the paper or the repository itself",
    "B": "read on a page of others about it",
    "C": "recollection; read nowhere",
}
_FILE = "published.csv"


@dataclass(frozen=True)
class Claim:
    """One published number.

    Attributes:
        system: as the source calls it.
        dataset: as the source calls it.
        metric: as the source calls it.
        size: of the canvas, px, as the source states it; empty where it does not.
        value: as stated.
        unit: of the value; empty for numbers without.
        protocol: what the source says of how it was measured.
        source: where it was read.
        confidence: a key of `CONFIDENCE`.
        task: id of the task that the protocol is known to be; empty where it is not known.
    """

    system: str
    dataset: str
    metric: str
    size: str
    value: float
    unit: str
    protocol: str
    source: str
    confidence: str
    task: str


@dataclass(frozen=True)
class ClaimComparison:
    """A claim beside a result of its very task.

    Attributes:
        name: of the result's value.
        difference: the result's value minus the claim's.
        within: whether the claim lies in the result's interval; None where it has no interval.
    """

    claim: Claim
    result: Result
    name: str
    difference: float
    within: bool | None


def read_claims(text: str) -> tuple[Claim, ...]:
    """Claims of CSV whose header names the fields of `Claim`.

    Raises:
        DataError: a column is missing or unknown, or a row is no claim.
    """
    names = [field.name for field in fields(Claim)]
    reader = csv.DictReader(text.splitlines())
    if sorted(reader.fieldnames or ()) != sorted(names):
        found = ", ".join(reader.fieldnames or ()) or "none"
        raise DataError(f"claims have the columns {found}; expected {', '.join(names)}")
    return tuple(_claim(number, row) for number, row in enumerate(reader, 2))


def _claim(line: int, row: dict[str, str]) -> Claim:
    try:
        if None in row or None in row.values():
            raise ValueError("has more or fewer cells than the header")
        value = float(row["value"])
        if not math.isfinite(value):
            raise ValueError(f"has the value {value}")
        if row["confidence"] not in CONFIDENCE:
            known = ", ".join(CONFIDENCE)
            raise ValueError(f"has the confidence {row['confidence']!r}, expected one of {known}")
        if row["task"] and Task.parse(row["task"]).id != row["task"]:
            raise ValueError(f"spells its task in another way than {Task.parse(row['task']).id}")
        text = {name: cell for name, cell in row.items() if name != "value"}
        return Claim(value=value, **text)
    except (ValueError, UsageError) as error:
        raise DataError(f"line {line} of the claims: {error}") from error


@functools.cache
def published_claims() -> tuple[Claim, ...]:
    """The claims that come with the package."""
    file = resources.files("anyres_bench.results") / _FILE
    return read_claims(file.read_text(encoding="utf-8"))


def claims_of(dataset: str | None, system: str | None) -> list[Claim]:
    """The published claims of a dataset and a system, of all where None.

    Raises:
        UsageError: there are none; the message has the nearest names.
    """
    found = list(published_claims())
    for kind, wanted in (("dataset", dataset), ("system", system)):
        known = {getattr(claim, kind) for claim in found}
        if wanted is not None and wanted not in known:
            of = "" if len(found) == len(published_claims()) else f" on {dataset}"
            raise UsageError(
                f"no claim of {kind} {wanted!r}{of}; {nearest(wanted, known)} "
                "`anyres-bench leaderboard claims` lists all"
            )
        found = [claim for claim in found if wanted in (None, getattr(claim, kind))]
    return found


def beside(claims: Iterable[Claim], results: Iterable[Result]) -> list[ClaimComparison]:
    """Every pair of a claim and a result whose tasks are one, of whatever model.

    Which model reproduces which system is for the reader to say: both names are there.
    """
    by_task: dict[str, list[Claim]] = {}
    for claim in claims:
        if claim.task:
            by_task.setdefault(claim.task, []).append(claim)
    return [
        _comparison(claim, result) for result in results for claim in by_task.get(result.task, ())
    ]


def claim_table(claims: Sequence[Claim], as_csv: bool = False) -> str:
    """Claims for a terminal, or as CSV with all columns."""
    if as_csv:
        names = [field.name for field in fields(Claim)]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([csv_cell(getattr(claim, name)) for name in names] for claim in claims)
        return text.getvalue().rstrip()
    rows = [("system", "dataset", "metric", "size", "value", "", "source")]
    rows += [
        (
            c.system,
            c.dataset,
            c.metric,
            c.size,
            f"{c.value:g} {c.unit}".rstrip(),
            c.confidence,
            c.source,
        )
        for c in claims
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _comparison(claim: Claim, result: Result) -> ClaimComparison:
    name = next(iter(result.higher_is_better))
    interval = result.intervals.get(name)
    within = None if interval is None else interval.low <= claim.value <= interval.high
    return ClaimComparison(claim, result, name, result.values[name] - claim.value, within)
