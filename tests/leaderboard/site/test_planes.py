"""Planes of two numbers, and the front of cost and quality."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from anyres_bench.leaderboard.site.planes import (
    PlanePoint,
    consistency_planes,
    cost_planes,
    macs_per_pixel,
    with_front,
)
from anyres_bench.leaderboard.site.standing import board_tables
from tests.leaderboard.site.boards import board, entry
from tests.results.records import TASK

SMALL = st.integers(0, 5).map(float)


@given(st.lists(st.tuples(SMALL, SMALL), min_size=1, max_size=12), st.booleans())
def test_the_front_is_what_nothing_beats(places: list[tuple[float, float]], higher: bool) -> None:
    points = [PlanePoint(str(i), x, y, y, y) for i, (x, y) in enumerate(places)]

    def beats(a: PlanePoint, b: PlanePoint) -> bool:
        y_a, y_b = (a.y, b.y) if higher else (-a.y, -b.y)
        return a.x <= b.x and y_a >= y_b and (a.x, a.y) != (b.x, b.y)

    for point in with_front(points, higher):
        beaten = any(beats(other, point) for other in points)
        assert not (point.on_front and beaten)
        same = [p for p in with_front(points, higher) if (p.x, p.y) == (point.x, point.y)]
        assert beaten or any(p.on_front for p in same)


def test_cost_is_known_or_said_to_be_unknown() -> None:
    tables = board_tables(board().entries, lambda a, b: None)
    (plane,) = cost_planes(tables)
    assert [(p.model, p.x, p.on_front) for p in plane.points] == [
        ("good", 10.0, True),
        ("tied", 1000.0, False),
    ]
    assert plane.unknown == ["real", "worse", "constant"]
    assert macs_per_pixel(None) is None


def test_consistency_needs_both_numbers() -> None:
    task = TASK.replace("anyres-full64", "pair-at32and64").replace("frechet-ddof1", "consistency")
    one = entry("a", 1.0, task)
    values = {"ssim": 0.9, "detail": -1.5}
    changed = replace(one.result, values=values, intervals={}, higher_is_better={"ssim": True})
    (plane,) = consistency_planes(board_tables([replace(one, result=changed)], lambda a, b: None))
    assert [(p.x, p.y, p.y_low) for p in plane.points] == [(-1.5, 0.9, 0.9)]
    assert consistency_planes(board_tables([one], lambda a, b: None)) == []
