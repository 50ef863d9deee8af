"""Results as tables: text for a terminal, a frame of pandas, CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from anyres_bench.core.quoting import csv_cell, terminal
from anyres_bench.results.record import UNKNOWN, Interval, Result
from anyres_bench.results.task import Task

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "model",
    "name",
    "value",
    "low",
    "high",
    "standard_error",
    "confidence",
    "method",
    "cautions",
    "higher_is_better",
    "dataset",
    "protocol",
    "metric",
    "extractor",
    "n",
    "version",
    "seed",
    "n_real",
    "n_fake",
    "dataset_digest",
)

CAUTIONS = {
    "few-groups": "fewer than 20 images or latents that are independent, counted as if of equal "
    "size",
    "near-bound": "so near the end of what the value can be, or of no difference, that few images "
    "decide: mostly too wide, too short where a few outliers hold or miss many images",
    "several-windows": "images have several windows each, whose shared part fd-infinity does not "
    "extrapolate: mostly too short; fd-infinity-groups does",
    "earlier-method": "found by an earlier version, whose intervals were too short near the bounds "
    "of a value, among few images and where one image had most of the windows",
}
_EARLIER = ("delete-a-group jackknife", "balanced half-samples", UNKNOWN)


def cautions_of(interval: Interval) -> tuple[str, ...]:
    """Names of what makes an interval less sure than it says; `CAUTIONS` has their meanings."""
    return (*interval.cautions, *(["earlier-method"] if interval.method in _EARLIER else []))


def explained(names: Iterable[str]) -> list[str]:
    """A line for each caution, each once; names of later versions stand alone."""
    return [f"{name}: {CAUTIONS.get(name, 'not known here')}" for name in dict.fromkeys(names)]


def value_label(result: Result, name: str) -> str:
    """A value's name with its direction; only published Inception features make an FID."""
    shown = "FID" if name == "frechet" and result.extractor.is_fid else name
    direction = result.higher_is_better.get(name)
    return shown if direction is None else f"{shown} {'↑' if direction else '↓'}"


def number(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}"


def ends(low: float, high: float) -> tuple[str, str]:
    """The ends of an interval; one that the digits of the other would not show is 0.

    >>> ends(2.681e-12, 0.8293)
    ('0', '0.8293')
    """
    least = 1e-4 * max(abs(low), abs(high))
    one, other = (number(end if abs(end) > least else 0.0) for end in (low, high))
    return one, other


def chance_band(result: Result, name: str) -> str:
    """Where chance alone puts a value, for metrics that say so; else empty."""
    low, high = (result.values.get(f"{name}_null_{end}") for end in ("low", "high"))
    return "" if low is None or high is None else f"chance {number(low)} to {number(high)}"


def result_table(results: Sequence[Result], kept: Collection[str] = ()) -> str:
    """One line a value that ranks or has an interval, what limits it, and the id of its task.

    What the names of cautions mean stands below.

    Args:
        results: what is shown.
        kept: ids of tasks whose results were there before; they are marked.
    """
    rows = [("model", "value", "", "95 % interval", "task")]
    for result in results:
        for name in dict.fromkeys([*result.higher_is_better, *result.intervals]):
            notes = (_span(result, name), _marks(result, name), chance_band(result, name))
            note = terminal(" ".join(filter(None, notes)))
            label, value = terminal(value_label(result, name)), number(result.values[name])
            task = terminal(result.task) + ("  (kept)" if result.task in kept else "")
            rows.append((terminal(result.model.id), label, value, note, task))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    intervals = (of for result in results for of in result.intervals.values())
    meanings = explained(name for of in intervals for name in cautions_of(of))
    return "\n".join(lines + [terminal(meaning) for meaning in meanings])


def to_frame(results: Iterable[Result]) -> pd.DataFrame:
    """One row a value that ranks, nothing rounded; the columns are `COLUMNS`."""
    import pandas as pd

    return pd.DataFrame(list(_rows(results)), columns=list(COLUMNS))


def to_csv(results: Iterable[Result]) -> str:
    """The frame as CSV; no cell is a formula for a spreadsheet."""
    frame = to_frame(results)
    frame = frame.map(lambda cell: csv_cell(cell) if isinstance(cell, str) else cell)
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return text


def to_latex(results: Iterable[Result]) -> str:
    """A `tabular` with the lines of `result_table`: model, value, interval and task.

    One line a row: what is no visible character is spelled out.
    """
    import pandas as pd

    rows = [
        (
            result.model.id,
            name,
            number(result.values[name]),
            " ".join(filter(None, (_span(result, name), _marks(result, name)))),
            result.task,
        )
        for result in results
        for name in result.higher_is_better
    ]
    cells = [[terminal(cell) for cell in row] for row in rows]
    frame = pd.DataFrame(cells, columns=["model", "value", "", "interval", "task"])
    text: str = frame.to_latex(index=False, escape=True)
    return text


def _span(result: Result, name: str) -> str:
    interval = result.intervals.get(name)
    return f"[{', '.join(ends(interval.low, interval.high))}]" if interval else ""


def _marks(result: Result, name: str) -> str:
    interval = result.intervals.get(name)
    marks = ", ".join(cautions_of(interval)) if interval else ""
    return f"({marks})" if marks else ""


def _rows(results: Iterable[Result]) -> Iterator[tuple[Any, ...]]:
    for result in results:
        task = Task.parse(result.task)
        for name, higher in result.higher_is_better.items():
            found = result.intervals.get(name)
            yield (
                result.model.id,
                name,
                result.values[name],
                *((found.low, found.high, found.standard_error) if found else (None,) * 3),
                *((found.confidence, found.method) if found else (None,) * 2),
                " ".join(cautions_of(found)) if found else None,
                higher,
                task.dataset,
                task.protocol,
                task.metric,
                task.extractor,
                task.n,
                task.version,
                result.seed,
                result.n_real,
                result.n_fake,
                result.dataset.digest,
            )
