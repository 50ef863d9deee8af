"""The log of a run as one picture: what it is measured by, its losses, scores and speed."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anyres_bench.core.errors import UsageError
from anyres_bench.core.files import atomic_write
from anyres_bench.core.quoting import csv_cell
from anyres_bench.core.reporting import say

LOG, CHART, TABLE = "log.jsonl", "curves.png", "log.csv"
_BLUE, _PALE = "#0072b2", "#9ecae1"

Line = tuple[list[float], list[float]]  # thousands of images, and values


def draw_run(run: Path) -> list[Path]:
    """Draw curves.png and write log.csv into every folder of a run; returns the pictures.

    Args:
        run: folder of one stage, or of all stages.

    Raises:
        UsageError: there is no log, or none with a whole line.
    """
    folders = [path.parent for path in sorted(Path(run).glob(LOG)) + sorted(run.glob(f"*/{LOG}"))]
    drawn = [folder / CHART for folder in folders if draw(folder)]
    if not drawn:
        raise UsageError(f"{run} holds no {LOG} of a run; give the folder that `train` wrote to")
    return drawn


def draw(folder: Path) -> bool:
    """Draw curves.png of one stage and write log.csv; whether its log holds anything."""
    lines, spread = read_lines(folder / LOG)
    if not lines:
        return False
    write_table(folder)
    from matplotlib.figure import Figure

    panels = [[name] for name in lines if name.startswith("evaluation/")] + _ticks(lines)
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    width, height = 4.2 * columns, 2.7 * rows
    figure = Figure(figsize=(width, height))
    # Margins of fixed inches: a layout that measures every label takes as long as the drawing.
    figure.subplots_adjust(
        0.55 / width, 0.5 / height, 1 - 0.5 / width, 1 - 0.3 / height, 0.28, 0.42
    )
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, names in zip(all_axes, panels, strict=False):
        _panel(axes, {name: lines[name] for name in names}, spread)
    for axes in all_axes[len(panels) :]:
        axes.set_visible(False)
    with atomic_write(folder / CHART) as file:
        figure.savefig(file, format="png", dpi=100)
    return True


def read_lines(log: Path) -> tuple[dict[str, Line], dict[str, tuple[list[float], list[float]]]]:
    """What a log holds: a line a name, and the ends of the intervals of what has them.

    Names are `evaluation/SCORE` and `tick/SCORE`, and `images_per_second`.
    """
    lines: dict[str, Line] = defaultdict(lambda: ([], []))
    for entry in read_entries(log):
        values: Mapping[str, float] = {
            f"{entry['kind']}/{name}": value for name, value in entry["scores"].items()
        }
        if entry["kind"] == "tick":
            values = {**values, "images_per_second": entry["images_per_second"]}
        for name, value in values.items():
            lines[name][0].append(entry["images"] / 1000)
            lines[name][1].append(value)
    spread = {
        name: (lines.pop(f"{name}-low")[1], lines.pop(f"{name}-high")[1])
        for name in list(lines)
        if f"{name}-low" in lines and f"{name}-high" in lines
    }
    return dict(lines), spread


def write_table(folder: Path) -> None:
    """Write log.csv, one row an entry of the log, for spreadsheets and data frames."""
    rows = [
        {
            **{name: value for name, value in entry.items() if name != "scores"},
            **{f"{entry['kind']}/{name}": value for name, value in entry["scores"].items()},
        }
        for entry in read_entries(folder / LOG)
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    with atomic_write(folder / TABLE, "w") as file:
        table = csv.DictWriter(file, list(columns), lineterminator="\n")
        table.writerow({name: csv_cell(name) for name in columns})
        for row in rows:
            cells = {k: csv_cell(v) if isinstance(v, str) else v for k, v in row.items()}
            table.writerow(cells)


def read_entries(log: Path) -> list[dict[str, Any]]:
    """Whole lines of a log; a process that was killed may leave half of one.

    Others that are none of a run, as after a power cut, are said and passed over.
    """
    if not log.exists():
        return []
    text = log.read_text(encoding="utf-8", errors="replace")
    entries = [_entry(line) for line in text.splitlines(True) if line.endswith("\n")]
    if n_damaged := entries.count(None):
        say(f"passed over: {n_damaged} damaged line{'s'[: n_damaged > 1]} of {log}")
    return [entry for entry in entries if entry is not None]


def _entry(line: str) -> dict[str, Any] | None:
    """A line of a log; None for what `RunFolder` does not write."""
    try:
        entry = json.loads(line)
        numbers = [entry["images"], entry.get("seconds", 0), *entry["scores"].values()]
        if entry["kind"] == "tick":
            numbers.append(entry["images_per_second"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    sound = entry["kind"] in ("tick", "evaluation") and all(
        isinstance(number, int | float) for number in numbers
    )
    return entry if sound else None


def _ticks(lines: Mapping[str, Line]) -> list[list[str]]:
    """Names of the other panels: real and fake scores share one, all else has its own."""
    ticks = [name for name in lines if not name.startswith("evaluation/")]
    scores = [name for name in ticks if name.startswith("tick/scores-")]
    return ([scores] if scores else []) + [[name] for name in ticks if name not in scores]


def _panel(
    axes: Any, lines: Mapping[str, Line], spread: Mapping[str, tuple[Sequence[float], ...]]
) -> None:
    for (name, (kimg, values)), colour in zip(lines.items(), (_BLUE, "#d55e00"), strict=False):
        shown = name.split("/")[-1]
        axes.plot(kimg, values, color=colour, lw=1.4, marker="." if len(kimg) < 60 else "")
        axes.annotate(f"{values[-1]:.4g}", (kimg[-1], values[-1]), fontsize=8, color=colour)
        if name in spread:
            axes.fill_between(kimg, *spread[name], color=_PALE, alpha=0.5, lw=0)
        axes.plot([], [], color=colour, label=shown)
    axes.set_xlabel("thousands of images", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
