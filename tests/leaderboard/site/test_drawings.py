"""Plots without scripts: SVG that is the same each time, and in which text is text."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from anyres_bench.evaluation.curves import curves_of
from anyres_bench.leaderboard.site.drawings import MOST_LINES, curve_svg, plane_svg
from anyres_bench.leaderboard.site.planes import ModelPlane, PlanePoint
from tests.leaderboard.site.boards import curve

BAD = "<script>alert(1)</script>$\\frac{--&"


def text_of(svg: bytes) -> str:
    return "".join(ET.fromstring(svg).itertext())


def test_curves_are_the_same_each_time_and_hold_few_lines() -> None:
    names = tuple(f"m{i:02}" for i in range(MOST_LINES + 3))
    (found,) = curves_of(one.result for one in curve(names))
    colours = dict.fromkeys(names, "#123456")
    drawn = curve_svg(found, names, colours)
    assert drawn == curve_svg(found, names, colours)
    assert "m11" in text_of(drawn)
    assert "m12" not in text_of(drawn)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_names_are_text_and_values_of_any_size_are_drawn() -> None:
    points = [PlanePoint(BAD, 1e-9, 1e308, -1e308, 1e308), PlanePoint("b", 10.0, 1.0, 0.5, 2.0)]
    plane = ModelPlane("s", "t", "id", "x", "y", True, points)
    drawn = plane_svg(plane, {BAD: "#123456", "b": "#654321"})
    assert b"<script" not in drawn
    assert BAD in text_of(drawn)
