"""Results as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from anyres_bench.evaluation.results import Result


def value_label(result: Result, name: str) -> str:
    """A value's name with its direction; only published Inception features make an FID."""
    shown = "FID" if name == "frechet" and result.extractor["is_fid"] else name
    direction = result.higher_is_better.get(name)
    return shown if direction is None else f"{shown} {'↑' if direction else '↓'}"


def number(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}"


def chance_band(result: Result, name: str) -> str:
    """Where chance alone puts a value, for metrics that say so; else empty."""
    low, high = (result.values.get(f"{name}_null_{end}") for end in ("low", "high"))
    return "" if low is None or high is None else f"chance {number(low)} to {number(high)}"


def result_table(results: Sequence[Result]) -> str:
    """One line a value that ranks: its interval, and the id of its task, beside it."""
    rows = [("model", "value", "", "95 % interval", "task")]
    for result in results:
        for name in result.higher_is_better:
            interval = result.intervals.get(name)
            span = f"[{number(interval['low'])}, {number(interval['high'])}]" if interval else ""
            note = f"{span} {chance_band(result, name)}".strip()
            label, value = value_label(result, name), number(result.values[name])
            rows.append((result.model["id"], label, value, note, result.task))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
