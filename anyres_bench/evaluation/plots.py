"""Plots of a report, as PNG files in data URIs."""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FormatStrFormatter,
    LogLocator,
    NullFormatter,
    NullLocator,
)

from anyres_bench.core.files import sha256_text
from anyres_bench.core.quoting import plot
from anyres_bench.evaluation.curves import Curve
from anyres_bench.results import SizeHistogram

_INK = "#6b7580"  # legible on a light page and on a dark one
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": "#9aa3ad",
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#8a93a0",
    "grid.alpha": 0.25,
    "legend.frameon": False,
}
# Told apart by people who do not see red and green as two colours (Wong, Nature Methods 2011).
COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a828b", "#8c6d31"),
    *("#7b5ea7", "#c2334d", "#8a9a2b", "#00797d", "#e0318c", "#4454d0", "#b8860b", "#5c7f9c"),
)
_MARKERS = "osD^vPX*"
_LARGEST = 1e100
_LONGEST = 60  # characters of a label


def shortened(text: str) -> str:
    """At most 60 characters: the beginning, and the end, which tells long ids apart."""
    return text if len(text) <= _LONGEST else f"{text[:28]}...{text[-(_LONGEST - 31) :]}"


def histogram(sizes: SizeHistogram) -> str:
    """Data URI of a histogram of shorter sides; bins half an octave wide look equally wide."""
    edges, counts = list(sizes.edges), list(sizes.counts)
    with rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 2.3), layout="constrained")
        axes = figure.subplots()
        widths = [high / low for low, high in itertools.pairwise(edges)]
        lefts = [low * width**0.04 for low, width in zip(edges, widths, strict=False)]
        spans = [low * width**0.96 for low, width in zip(edges, widths, strict=False)]
        bars = [high - low for low, high in zip(lefts, spans, strict=True)]
        drawn = axes.bar(lefts, counts, bars, align="edge", color=COLOURS[0], alpha=0.85)
        axes.bar_label(drawn, [str(n) if n else "" for n in counts], fontsize=8, color=_INK)
        axes.grid(False, axis="x")
        _size_axis(axes, edges)
        axes.set(xlabel="shorter side, px", ylabel="images")
        return _uri(figure)


def colours_of(models: Iterable[str]) -> dict[str, str]:
    """A colour for each model, the same on every page unless two of a page would share one."""
    free, chosen = list(COLOURS), {}
    for model in sorted(set(models)):
        at = int(sha256_text(model)[:8], 16) % len(COLOURS)
        wanted = COLOURS[at]
        chosen[model] = wanted if wanted in free or not free else free[at % len(free)]
        if chosen[model] in free:
            free.remove(chosen[model])
    return chosen


def curve_plot(drawn: Curve, colours: Mapping[str, str]) -> str:
    """Data URI of a value against canvas size, one line a model, intervals as bands."""
    with drawing():
        return _uri(curve_figure(drawn, colours))


def curve_figure(drawn: Curve, colours: Mapping[str, str]) -> Figure:
    """A value against canvas size, one line a model, intervals as bands; within `drawing`."""
    figure = Figure(figsize=(9.2, 3.8), layout="constrained")
    axes = figure.subplots()
    for i, (model, points) in enumerate(drawn.lines.items()):
        colour, marker = colours[model], _MARKERS[i % len(_MARKERS)]
        sizes = [point.size for point in points]
        low, high = drawable([p.low for p in points]), drawable([p.high for p in points])
        axes.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0)
        values = drawable([point.value for point in points])
        axes.plot(
            sizes,
            values,
            marker,
            linestyle="-",
            color=colour,
            label=plot(shortened(model)),
            ms=5,
            lw=1.6,
        )
    _size_axis(axes, drawn.sizes)
    if drawn.spans_decades:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="canvas side, px", ylabel=plot(drawn.label))
    handles, labels = axes.get_legend_handles_labels()  # the highest line first, as it is drawn
    figure.legend(handles[::-1], labels[::-1], loc="outside right upper", fontsize=8)
    return figure


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """The style of all plots: legible on a light page and on a dark one."""
    with rc_context(_STYLE):
        yield


def svg(figure: Figure) -> bytes:
    """A figure as SVG, the same bytes each time; within `drawing`."""
    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "anyres-bench", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def drawable(values: Sequence[float]) -> list[float]:
    """Values whose differences are finite: an axis of larger ones has no ticks."""
    return [min(max(value, -_LARGEST), _LARGEST) for value in values]


def _size_axis(axes: Any, sizes: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(list(sizes)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(size) for size in sizes])


def _uri(figure: Figure) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=160, metadata={"Software": None})
    return png_uri(file.getvalue())


def png_uri(data: bytes) -> str:
    """A PNG file as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def file_uri(path: Path) -> str | None:
    """A PNG file as a data URI; None where there is no such file."""
    return png_uri(path.read_bytes()) if path.is_file() else None
