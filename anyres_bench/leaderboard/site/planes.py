"""Two numbers of a model against each other: consistency and detail, quality and cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from anyres_bench.evaluation.wording import metric_name
from anyres_bench.leaderboard.site.standing import BoardTable
from anyres_bench.results import CostRecord, Result, value_label

CONSISTENCY: Final = "consistency"


@dataclass(frozen=True)
class PlanePoint:
    """A model in a plane.

    Attributes:
        model: its id.
        x, y: where.
        y_low, y_high: ends of the interval of y; y itself where it has none.
        on_front: whether no other model is better in both.
    """

    model: str
    x: float
    y: float
    y_low: float
    y_high: float
    on_front: bool = False


@dataclass(frozen=True)
class ModelPlane:
    """Models by two numbers.

    Attributes:
        slug: of the table that y is from.
        title: in words.
        task: id of y's task.
        x_label, y_label: names of the numbers.
        x_log: whether x spans decades.
        points: a model each.
        unknown: models of the table whose x is not known.
    """

    slug: str
    title: str
    task: str
    x_label: str
    y_label: str
    x_log: bool
    points: Sequence[PlanePoint]
    unknown: Sequence[str] = ()


def consistency_planes(tables: Iterable[BoardTable]) -> list[ModelPlane]:
    """Agreement of two sizes against the detail that the larger one adds, a plane a task."""
    planes = []
    for table in tables:
        if metric_name(table.task.metric) != CONSISTENCY:
            continue
        results = [p.entry.result for p in table.placed if p.entry.retracted is None]
        shown = [result for result in results if {"ssim", "detail"} <= result.values.keys()]
        if not shown:
            continue
        points = [_point(result, result.values["detail"], "ssim") for result in shown]
        label = value_label(shown[0], "ssim")
        what = "detail less that of real images"
        planes.append(
            ModelPlane(table.slug, table.title, table.first.task, what, label, False, points)
        )
    return planes


def cost_planes(tables: Iterable[BoardTable]) -> list[ModelPlane]:
    """The value that ranks against multiplications per pixel, a plane a task, with its front."""
    planes = []
    for table in tables:
        results = [p.entry.result for p in table.placed if p.entry.retracted is None]
        name, higher = next(iter(table.first.higher_is_better.items()))
        named = [result for result in results if name in result.values]
        points = [
            _point(result, cost, name)
            for result in named
            if (cost := macs_per_pixel(result.model.cost)) is not None
        ]
        if not points:
            continue
        unknown = [r.model.id for r in named if macs_per_pixel(r.model.cost) is None]
        planes.append(
            ModelPlane(
                table.slug,
                table.title,
                table.first.task,
                "multiplications per pixel",
                value_label(table.first, name),
                True,
                with_front(points, higher),
                unknown,
            )
        )
    return planes


def macs_per_pixel(cost: CostRecord | None) -> float | None:
    """Multiplications per pixel of the window that was rendered; None where there are none."""
    if cost is None or cost.macs <= 0 or min(cost.window) <= 0:
        return None
    return cost.macs / (cost.window[0] * cost.window[1])


def with_front(points: Sequence[PlanePoint], higher: bool) -> list[PlanePoint]:
    """Points by x; those that no other beats in both are on the Pareto front.

    Args:
        points: x is a cost.
        higher: whether a higher y is better.
    """
    best: float | None = None
    done = []
    for point in sorted(points, key=lambda p: (p.x, -p.y if higher else p.y)):
        ahead = best is None or (point.y > best if higher else point.y < best)
        best = point.y if ahead else best
        ends = (point.x, point.y, point.y_low, point.y_high)
        done.append(PlanePoint(point.model, *ends, on_front=ahead))
    return done


def _point(result: Result, x: float, name: str) -> PlanePoint:
    y, found = result.values[name], result.intervals.get(name)
    low, high = (found.low, found.high) if found else (y, y)
    return PlanePoint(result.model.id, x, y, low, high)
