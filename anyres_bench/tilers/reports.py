"""What the workbench found, as text for a terminal, csv and JSON."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyres_bench.core.errors import ImageError, UsageError
from anyres_bench.core.files import atomic_write
from anyres_bench.core.geometry import Size
from anyres_bench.core.quoting import csv_cell, terminal
from anyres_bench.core.reporting import say, tracked
from anyres_bench.tilers.budget import solve
from anyres_bench.tilers.explain import explain
from anyres_bench.tilers.legibility import Detail
from anyres_bench.tilers.plan import Tiler
from anyres_bench.tilers.targets import Target, read_target
from anyres_bench.tilers.workbench import Models, Row, Summary, record, row, summary
from anyres_bench.tilers.workbench import tilers as tilers_of

_BUSY = "tiling", "tiler"  # of progress
_BAR = 30  # characters of a histogram's longest bar
_COSTS = ("encoder FLOP", "prefill FLOP", "KV bytes")
_IMAGE_HEAD = (
    *("tiler", "canvas", "resized", "tiles", "encoder", "tokens", "padding", "waste", "scale"),
    *("distortion", "kept", "again", "at cuts", *_COSTS),
)
_FOLDER_HEAD = (
    *("tiler", "images", "refused", "tokens: least", "median", "most", "all"),
    *("packed", "over context", *_COSTS),
)
_DETAIL_HEAD = (
    *("tiler", "tokens", "smallest legible capital, px", "95 %"),
    *("dots miscounted", "95 %", "lines off, px", "95 %"),
)
_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Report:
    """All tilers on one image, or on many.

    Attributes:
        tilers: in order.
        target: what they were shown.
        rows: one a tiler where there is one image.
        summaries: one a tiler where there are several.
        records: the same as plain values, for csv and JSON.
        heading: what is to be said of the tilers' settings.
    """

    tilers: tuple[Tiler, ...]
    target: Target
    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    records: tuple[Mapping[str, Any], ...]
    heading: str = ""

    def text(self) -> str:
        """Tables for a terminal."""
        heading = f"{self.heading}\n" if self.heading else ""
        if self.rows:
            return heading + _image_text(self.rows)
        parts = [_folder_table(self.summaries), *map(_folder_detail, self.summaries)]
        return heading + "\n\n".join(parts)

    def explained(self) -> str:
        """Why the first image becomes what it becomes, tiler by tiler."""
        return explained(self.tilers, self.target)

    def json(self) -> str:
        """Everything as a JSON list, one object a tiler."""
        return json.dumps(self.records, indent=2)

    def write_csv(self, path: Path) -> None:
        """One line a tiler; lists are left to JSON.

        Raises:
            UsageError: there is a file already; CSV has no room to say whose it is.
        """
        if os.path.lexists(path):
            raise UsageError(f"{path} is there already; move it away, or write to another place")
        flat = [
            {k: v for k, v in r.items() if not isinstance(v, list | dict)} for r in self.records
        ]
        with atomic_write(path, "w") as file:
            writer = csv.DictWriter(file, list(flat[0]))
            writer.writeheader()
            for line in flat:
                writer.writerow({k: _cell(v) for k, v in line.items()})


def report(tilers: Iterable[Tiler], target: Target, models: Models, pages: int = 0) -> Report:
    """All tilers on all images of a target.

    Args:
        tilers: one after the other.
        target: one image, or many.
        models: what the tokens are for.
        pages: documents of the image's size to read through each tiler; 0 for none.

    Raises:
        UsageError: documents are asked for and there are several images, or it is too small.
    """
    if pages and len(target.images) != 1:
        raise UsageError("documents are drawn at one size; name one image or one size")
    chosen = tuple(tilers)
    if len(target.images) == 1:
        [(_, size)] = target.images
        rows = tuple(row(tiler, size, models, pages) for tiler in tracked(chosen, *_BUSY))
        return Report(chosen, target, rows, (), tuple(record(item) for item in rows))
    summaries = tuple(summary(tiler, target.images, models) for tiler in tracked(chosen, *_BUSY))
    return Report(chosen, target, (), summaries, tuple(_plain(item) for item in summaries))


def report_on(
    text: str, names: Iterable[str], models: Models, budget: int | None, pages: int
) -> Report:
    """The report on what a text names; files that are left out are said.

    Args:
        text: see `read_target`.
        names: of tilers, with options; all of them by default.
        models: what the tokens are for.
        budget: tokens an image, for which the tilers' settings are sought; None leaves them.
        pages: see `report`.

    Raises:
        UsageError, ImageError, DatasetError: there is nothing to show to the tilers.
        UnknownNameError, ConfigError: a tiler or its option is not known.
    """
    chosen, target, heading = tilers_of(names), read_target(text), ""
    for name, reason in target.left_out:
        say(f"left out: {name}: {reason}")
    if budget is not None:
        chosen, heading = within(chosen, target, budget)
    return dataclasses.replace(report(chosen, target, models, pages), heading=heading)


def within(tilers: Sequence[Tiler], target: Target, budget: int) -> tuple[list[Tiler], str]:
    """The tilers with settings for a budget of tokens, and what to say of those that have none."""
    sizes = [size for _, size in target.images]
    kept, lines = [], [f"largest settings within {budget:,} tokens an image:"]
    for tiler in tilers:
        solution = solve(tiler, sizes, budget)
        if solution.tiler is None:
            lines.append(f"  {tiler.name}: none; its smallest take {solution.tokens:,}")
            continue
        kept.append(solution.tiler)
        lines.append(f"  {solution.tiler.name}: at most {solution.tokens:,}")
    return kept, "\n".join(lines)


def explained(tilers: Sequence[Tiler], target: Target) -> str:
    """Why the first image becomes what it becomes, tiler by tiler."""
    texts = []
    for tiler in tilers:
        try:
            texts.append(explain(tiler.plan(target.images[0][1])))
        except ImageError as error:
            texts.append(f"{tiler.name} on {target.images[0][1]} (height x width): {error}")
    return "\n\n".join(["", *texts])


def _image_text(rows: Sequence[Row]) -> str:
    texts = [_table([_IMAGE_HEAD, *(_image_cells(item) for item in rows if item.card)])]
    if any(item.detail for item in rows):
        read = [(item.tiler, item.detail) for item in rows if item.detail]
        texts += ["", _table([_DETAIL_HEAD, *(_detail_cells(*pair) for pair in read)]), ""]
    texts += [f"{item.tiler} refuses it: {item.refused}" for item in rows if item.refused]
    for item in rows:
        texts += [f"trap: {item.tiler}: {trap.name}: {trap.text}" for trap in item.traps]
    return "\n".join(texts)


def _image_cells(item: Row) -> tuple[str, ...]:
    c = item.card
    assert c is not None
    grid = f"{c.grid}+{c.pictures - c.grid.pixels}" if c.pictures > c.grid.pixels else str(c.grid)
    shares = (c.padding, c.waste), (c.kept, c.duplicated, c.at_cuts)
    return (
        item.tiler,
        str(c.canvas),
        str(c.resized),
        grid,
        f"{c.encoder_tokens:,}",
        f"{c.tokens:,}",
        *(f"{x:.1%}" for x in shares[0]),
        f"{c.scale:.2f}",
        f"{c.distortion:.3f}",
        *(f"{x:.1%}" for x in shares[1]),
        *(_big(x) for x in (c.encoder_flops, c.prefill_flops, c.kv_bytes)),
    )


def _detail_cells(tiler: str, detail: Detail) -> tuple[str, ...]:
    least, most = min(detail.accuracy), max(detail.accuracy)
    text = detail.legible
    if text.value <= least:
        legible = f"{least} or less"
    else:
        legible = f"{text.value:.1f}" if math.isfinite(text.value) else f"over {most}"
    return (
        tiler,
        f"{detail.tokens:,}",
        legible,
        f"{text.low:.1f} to {text.high:.1f}"
        if math.isfinite(text.high)
        else f"from {text.low:.1f}",
        f"{detail.counting.value:.1%}",
        f"{detail.counting.low:.1%} to {detail.counting.high:.1%}",
        f"{detail.lines.value:.2f}",
        f"{detail.lines.low:.2f} to {detail.lines.high:.2f}",
    )


def _folder_table(summaries: Iterable[Summary]) -> str:
    return _table([_FOLDER_HEAD, *(_folder_cells(item) for item in summaries)])


def _folder_cells(item: Summary) -> tuple[str, ...]:
    t = item.tokens
    counts = (t[0], t[len(t) // 2], t[-1], t.sum()) if len(t) else ("", "", "", 0)
    costs = (item.encoder_flops, item.prefill_flops, item.kv_bytes)
    return (
        item.tiler,
        f"{item.n:,}",
        f"{item.refused:,}",
        *(f"{n:,}" if n != "" else "" for n in counts),
        f"{item.packing:.1%}",
        f"{item.over_context:,}",
        *(_big(x) for x in costs),
    )


def _folder_detail(item: Summary) -> str:
    lines = [f"{item.tiler}: tokens an image"]
    most = max(item.histogram.values(), default=1)
    for low, n in item.histogram.items():
        bar = "#" * max(round(_BAR * n / most), 1)
        lines.append(f"  {low:>7,} to {max(2 * low - 1, 0):<7,} {n:>7,}  {bar}")
    lines.append(f"  most tokens for their pixels, {len(item.worst)} of {item.n:,}:")
    lines += [
        f"    {c.tokens:>7,} tokens  {c.image!s:>11}  waste {c.waste:6.1%}  {terminal(name)}"
        for name, c in item.worst
    ]
    return "\n".join(lines)


def _plain(item: Summary) -> dict[str, Any]:
    t = item.tokens
    worst = [
        {"name": name, "image": str(c.image), "tokens": c.tokens, "waste": c.waste}
        for name, c in item.worst
    ]
    return {
        "tiler": item.tiler,
        "images": item.n,
        "refused": item.refused,
        "tokens_least": int(t[0]) if len(t) else None,
        "tokens_median": int(t[len(t) // 2]) if len(t) else None,
        "tokens_most": int(t[-1]) if len(t) else None,
        "tokens_all": int(t.sum()),
        "packing": item.packing,
        "over_context": item.over_context,
        "encoder_flops": item.encoder_flops,
        "prefill_flops": item.prefill_flops,
        "kv_bytes": item.kv_bytes,
        "histogram": {str(low): n for low, n in item.histogram.items()},
        "worst": worst,
    }


def _table(lines: Sequence[Sequence[str]]) -> str:
    """Columns side by side, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not i else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _big(x: float) -> str:
    """Three digits and a unit.

    >>> _big(6.52e12)
    '6.52 T'
    """
    for size, unit in _UNITS:
        if x >= size:
            return f"{x / size:.3g} {unit}"
    return f"{x:.3g}"


def _cell(value: Any) -> Any:
    return csv_cell(value) if isinstance(value, str | Size) else value
