"""Pictures painted from back to front: covers blend, masks and edges keep their area."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.painting import Mask, Painting, disc, grain, octaves, plain, wedge
from anyres_bench.data.worlds import Grid

LIGHT = np.array([1.0, 0.5, 0.25])
EVERYWHERE = (-1.0, -5.0, 2.0, 5.0)


def grid(height: int = 64, width: int = 96) -> Grid:
    return Grid.of(Region.whole(Size(height, width)))


def picture(height: int = 64, width: int = 96) -> Painting:
    return Painting(grid(height, width), LIGHT)


def test_light_falls_on_paint_and_not_on_what_shines() -> None:
    made = picture()
    made.paint(EVERYWHERE, plain((0.8, 0.8, 0.8)))
    np.testing.assert_allclose(made.rgb[:, 5, 7], [0.8, 0.4, 0.2])
    made.shine(EVERYWHERE, np.array([0.8, 0.8, 0.8]))
    np.testing.assert_allclose(made.rgb[:, 5, 7], 0.8)
    made.shade(EVERYWHERE, 0.5)
    np.testing.assert_allclose(made.rgb, 0.4)


@pytest.mark.parametrize("box", [(0.1, -0.3, 0.37, 0.412), (0.25, 0.0, 0.5, 0.5)])
def test_a_rectangle_covers_its_area_at_any_size(box: tuple[float, float, float, float]) -> None:
    top, left, bottom, right = box
    for height in (10, 33, 128):
        made = picture(height, 2 * height)
        made.shine(box, np.ones(3))
        area = made.rgb[0].sum() / height**2
        assert area == pytest.approx((bottom - top) * (right - left), abs=1e-9)


def test_what_lies_outside_changes_nothing() -> None:
    made = picture()
    for box in ((1.5, 0.0, 1.9, 0.1), (0.2, 3.0, 0.4, 3.1), (0.5, 0.1, 0.5, 0.2)):
        made.shine(box, np.ones(3))
    assert not made.rgb.any()


@pytest.mark.parametrize(
    ("mask", "area"),
    [(disc(0.5, 0.1, 0.3), np.pi * 0.09), (wedge((0.2, 0.0), (0.1, 0.3), 0.8), 0.6 * 0.4)],
    ids=["disc", "wedge"],
)
def test_masks_cover_their_area_between_nothing_and_all(mask: Mask, area: float) -> None:
    made = picture(200, 300)
    top, bottom = (0.0, 1.0) if area > 0.25 else (0.2, 0.8)
    made.paint((top, -0.7, bottom, 0.7), plain((1, 1, 1)), mask)
    cover = made.rgb[0]
    assert (cover.min(), cover.max()) == (0, 1)
    assert cover.sum() / 200**2 == pytest.approx(area, rel=0.01)


def test_grain_keeps_its_mean_and_a_window_is_a_crop() -> None:
    material = grain((0.5, 0.4, 0.3), 0.05, (0.2, 0.3), np.uint64(9))
    whole = material(grid(128, 128))
    np.testing.assert_allclose(whole.mean(axis=(1, 2)), [0.5, 0.4, 0.3], rtol=0.05)
    part = grid(128, 128).part(slice(30, 50), slice(7, 90))
    np.testing.assert_array_equal(material(part), whole[:, 30:50, 7:90])


def test_finer_pixels_have_more_octaves() -> None:
    key = np.uint64(4)
    spread = [octaves(grid(side, side), (0.25, 0.25), key).std() for side in (8, 32, 128)]
    assert spread[0] < spread[1] < spread[2]
    assert not octaves(grid(4, 4), (0.01, 0.01), key).any(), "cells below a pixel fade out"
