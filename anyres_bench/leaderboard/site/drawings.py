"""Plots that the page shows where no script runs, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from anyres_bench.core.quoting import plot
from anyres_bench.evaluation.curves import Curve
from anyres_bench.evaluation.plots import curve_figure, drawable, drawing, shortened, svg
from anyres_bench.leaderboard.site.planes import ModelPlane, PlanePoint

MOST_LINES: Final = 12  # of a plot: more cannot be told apart


def curve_svg(drawn: Curve, order: Sequence[str], colours: Mapping[str, str]) -> bytes:
    """A curve with the lines of the first models, intervals as bands.

    Args:
        drawn: which.
        order: models that are to be shown, as far as there is room.
        colours: by model.
    """
    shown = [model for model in order if model in drawn.lines][:MOST_LINES]
    with drawing():
        lines = {model: drawn.lines[model] for model in shown}
        return svg(curve_figure(replace(drawn, lines=lines), colours))


def plane_svg(plane: ModelPlane, colours: Mapping[str, str]) -> bytes:
    """Models as points, intervals of y as bars, the Pareto front as steps."""
    with drawing():
        figure = Figure(figsize=(9.2, 3.8), layout="constrained")
        axes = figure.subplots()
        for number, point in enumerate(plane.points):
            _draw(axes, point, colours[point.model], number < MOST_LINES)
        front = [point for point in plane.points if point.on_front]
        if len(front) > 1:
            x, y = drawable([p.x for p in front]), drawable([p.y for p in front])
            axes.step(x, y, where="post", color="#8a93a0", lw=1, linestyle="--", zorder=0)
        if plane.x_log:
            axes.set_xscale("log")
            # Plain numbers: powers of ten are few where costs lie close, and slow to typeset.
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(xlabel=plot(plane.x_label), ylabel=plot(plane.y_label))
        figure.legend(loc="outside right upper", fontsize=8)
        return svg(figure)


def _draw(axes: Any, point: PlanePoint, colour: str, named: bool) -> None:
    x, y, low, high = (drawable([v])[0] for v in (point.x, point.y, point.y_low, point.y_high))
    axes.vlines(x, low, high, color=colour, alpha=0.5)
    label = plot(shortened(point.model)) if named else None
    axes.plot(x, y, "o", color=colour, ms=6, label=label)
