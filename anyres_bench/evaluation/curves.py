"""The curve of a value against canvas size: one window, or whole canvases shrunk to one size.

A point of it is a task of the protocol `patch{window}-at{size}`, `ar1-patch{window}-at{size}`, or
`ar1-shrunk{window}-at{size}`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from anyres_bench.evaluation.wording import metric_name, metric_words
from anyres_bench.results import Result, Task, value_label

_PROTOCOL = re.compile(
    r"(?:(?:ar1-)?patch|ar1-shrunk)([1-9][0-9]{0,8})-at([1-9][0-9]{0,8})"  # window, canvas
)
_DETAIL = "effective-resolution"  # the metric whose curves saturate
# Means over pictures beside images that are the same at every size: as much at any number of them.
_AT_ANY_N = ("authpct", "copy-rate", "copying")


@dataclass(frozen=True)
class Point:
    """A value at a canvas size, and the ends of its interval; the value itself where it has none.

    Attributes:
        size: side of the canvas, px.
    """

    size: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """What all models have of one value, one window, one set of images and one seed.

    Attributes:
        scope: the tasks' id, with the size left open, see `scope_of`.
        metric: what is measured, in words.
        label: the value's name with its direction.
        lines: model -> its points, small canvases first; models in the order of their last points.
    """

    scope: str
    metric: str
    label: str
    lines: Mapping[str, Sequence[Point]]

    @property
    def task(self) -> Task:
        """A task of it, with 1 in the place of what is left open."""
        return Task.parse(self.scope.replace("-at*/", "-at1/").replace("/n*@", "/n1@"))

    @property
    def is_at_any_n(self) -> bool:
        """Whether its points are of as many pictures as there are of each size."""
        return "/n*@" in self.scope

    @property
    def sizes(self) -> list[int]:
        """All canvas sizes, px, ascending."""
        return sorted({point.size for points in self.lines.values() for point in points})

    @property
    def spans_decades(self) -> bool:
        """Whether a logarithmic axis shows more: values far apart, and nothing at or below zero."""
        points = [point for line in self.lines.values() for point in line]
        return far_apart([point.low for point in points], [point.high for point in points])


def far_apart(lows: Sequence[float], highs: Sequence[float]) -> bool:
    """Whether intervals are all above zero, and the highest ends in another decade."""
    return min(lows) > 0 and max(highs) > 10 * min(highs)


def protocol_at(window: int, size: int) -> str:
    """Id of the protocol of one point."""
    return f"patch{window}-at{size}"


def place_of(protocol: str) -> tuple[int, int] | None:
    """Window, or what the canvas is shrunk to, and canvas, px, of a point; None if it is none."""
    match = _PROTOCOL.fullmatch(protocol)
    return (int(match[1]), int(match[2])) if match else None


def scope_of(task: Task) -> str:
    """A task's id with the canvas left open; empty for one that is no point of a curve.

    Images that stand for a model are fewer at larger canvases; where that makes no difference to
    the expectation of a value, their number is open too.

    >>> scope_of(Task.parse("d:half/patch32-at64/frechet-ddof1/builtin-v1/n9@1"))
    'd:half/patch32-at*/frechet-ddof1/builtin-v1/n9@1'
    >>> scope_of(Task.parse("d:half/ar1-shrunk32-at64/authpct/builtin-v1/n9@1"))
    'd:half/ar1-shrunk32-at*/authpct/builtin-v1/n*@1'
    """
    place = place_of(task.protocol)
    if place is None:
        return ""
    scope = task.id.replace(task.protocol, task.protocol.replace(f"-at{place[1]}", "-at*"))
    if "-shrunk" in task.protocol and metric_name(task.metric) in _AT_ANY_N:
        scope = scope.replace(f"/n{task.n}@", "/n*@")
    return scope


def curves_of(results: Iterable[Result]) -> list[Curve]:
    """The curves that results are points of, one for each value that ranks."""
    groups: dict[tuple[str, str, str, int], list[tuple[Result, int]]] = defaultdict(list)
    for result in results:
        task = Task.parse(result.task)
        place = place_of(task.protocol)
        if place is not None:
            scope = scope_of(task)
            for name in result.higher_is_better:
                groups[scope, name, result.dataset.digest, result.seed].append((result, place[1]))
    return [_curve(scope, name, points) for (scope, name, _, _), points in groups.items()]


def saturations(curve: Curve) -> dict[str, float | None]:
    """Side of the canvas, px, from which each model shows no more detail; None if it still grows.

    Nothing for curves that are not of effective resolution.
    """
    if curve.task.metric != _DETAIL:
        return {}
    from anyres_bench.metrics.spectrum import saturation_size  # which loads torch

    return {
        model: saturation_size({point.size: point.value for point in line})
        for model, line in curve.lines.items()
    }


def _curve(scope: str, name: str, members: Sequence[tuple[Result, int]]) -> Curve:
    lines: dict[str, dict[int, Point]] = defaultdict(dict)
    for result, size in sorted(members, key=lambda of: of[0].n_fake):  # the most pictures count
        value, interval = result.values[name], result.intervals.get(name)
        low, high = (interval.low, interval.high) if interval else (value, value)
        lines[result.model.id][size] = Point(size, value, low, high)
    ordered = sorted(
        ((model, [points[size] for size in sorted(points)]) for model, points in lines.items()),
        key=lambda line: line[1][-1].value,
    )
    first = members[0][0]
    return Curve(scope, metric_words(first), value_label(first, name), dict(ordered))
