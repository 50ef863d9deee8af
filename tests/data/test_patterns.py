"""Patterns along rows and columns are exact means over pixels."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.data.patterns import Cells, Courses, bars, inside, lattice


@pytest.mark.parametrize("n", [8, 24, 100, 999])
def test_means_over_pixels_are_exact(n: int) -> None:
    """Against sums over pixels sixteen times as fine, whose own means are as good as points."""
    fine, pixel = 16 * n, 1 / n
    points, centres = (np.arange(fine) + 0.5) / fine, (np.arange(n) + 0.5) / n
    covered = (points >= 0.2312) & (points <= 0.709)
    np.testing.assert_allclose(
        inside(centres, pixel, 0.2312, 0.709), covered.reshape(n, 16).mean(axis=1), atol=1 / 16
    )
    in_bars = ((points - 0.013) / 0.057) % 1 <= 0.3
    np.testing.assert_allclose(
        bars(centres, pixel, 0.057, 0.3, 0.013),
        in_bars.reshape(n, 16).mean(axis=1),
        atol=2.5 / 16 if n > 30 else 0.3,
    )
    assert bars(centres, pixel, 0.057, 0.3, 0.013).mean() == pytest.approx(in_bars.mean(), abs=5e-3)


def test_cells_fade_out_before_they_are_smaller_than_pixels() -> None:
    key, centres = np.uint64(7), (np.arange(64) + 0.5) / 64
    for size, share in ((1 / 64, 0.0), (1.5 / 64, 0.5), (2 / 64, 1.0), (9 / 64, 1.0)):
        cells = Cells.along(centres, 1 / 64, size)
        assert cells.fade == pytest.approx(share)
        values = lattice(key, cells, cells)
        assert values.shape == (64, 64)
        assert (np.abs(values) > 0).any() == (share > 0)
        assert abs(values.mean()) < 0.2


def test_every_second_course_is_shifted_by_half_a_brick() -> None:
    centres = (np.arange(200) + 0.5) / 200
    courses = Courses(0.1, 0.2, 0.1, (0.0, 0.0))
    joints, bricks = courses.draw(np.uint64(3), centres, centres, 1 / 200)
    np.testing.assert_allclose(joints[[10, 30], 1], [1, 0], atol=1e-12)
    np.testing.assert_allclose(joints[10, :160], joints[30, 20:180], atol=1e-12)
    assert len(np.unique(bricks[10])) >= 5
    assert joints.mean() == pytest.approx(0.1 + 0.9 * 0.05, abs=1e-9)
