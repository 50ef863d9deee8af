"""What procedural worlds share: grids of any window, hashed cells, pictures of 8 bits."""

from __future__ import annotations

import numpy as np

from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.data.worlds import Floats, Grid, World, cell_uniforms


def test_pixels_lie_in_heights_of_the_canvas() -> None:
    grid = Grid.of(Region.whole(Size(4, 6)))
    np.testing.assert_allclose(grid.y, [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(grid.x, [-0.625, -0.375, -0.125, 0.125, 0.375, 0.625])
    assert grid.pixel == 0.25


def test_a_window_has_the_very_pixels_of_the_canvas() -> None:
    whole = Region.whole(Size(97, 61))
    part = Grid.of(whole.crop(Box(13, 7, 20, 30)))
    expected = Grid.of(whole).part(slice(13, 33), slice(7, 37))
    np.testing.assert_array_equal(part.y, expected.y)
    np.testing.assert_array_equal(part.x, expected.x)
    assert part.pixel == expected.pixel


def test_uniforms_are_uniform_and_of_their_cell_alone() -> None:
    row, column = (index.ravel() for index in np.mgrid[-50:50, -50:50])
    numbers = cell_uniforms(np.uint64(5), row, column, 2)
    assert numbers.shape == (8, 10_000)
    assert 0 < numbers.min() < 0.001
    assert 0.999 < numbers.max() < 1
    np.testing.assert_allclose(numbers.mean(axis=1), 0.5, atol=0.012)  # 4 standard errors
    np.testing.assert_allclose(numbers.var(axis=1), 1 / 12, atol=0.004)
    together = np.corrcoef(numbers)
    assert np.abs(together - np.eye(8)).max() < 0.05
    order = np.random.default_rng(0).permutation(10_000)[:100]
    alone = cell_uniforms(np.uint64(5), row[order], column[order], 2)
    np.testing.assert_array_equal(alone, numbers[:, order])
    other = cell_uniforms(np.uint64(6), row, column, 2)
    assert abs(np.corrcoef(numbers[0], other[0])[0, 1]) < 0.05


def test_hashed_numbers_never_change() -> None:
    numbers = cell_uniforms(np.uint64(1), np.array([0, 3]), np.array([0, -2]), 1)
    assert (numbers * 65536).tolist() == [
        [23745.5, 63255.5],
        [35074.5, 38345.5],
        [11756.5, 53842.5],
        [37130.5, 33264.5],
    ]


def test_a_picture_rounds_to_the_nearest_level() -> None:
    levels = np.arange(256).reshape(16, 16)

    def render(seed: int, region: Region) -> Floats:
        values = (levels + 0.49 * (-1) ** levels) / 127.5 - 1
        return np.stack([values, 2 * values, values - 9]).astype(np.float32)

    picture = World("w", "w@1", ("1:1",), render).picture(0, Region.whole(Size(16, 16)))
    assert (picture.shape, picture.dtype) == ((16, 16, 3), np.uint8)
    np.testing.assert_array_equal(picture[..., 0], levels)
    assert (picture[..., 1].min(), picture[..., 1].max()) == (0, 255)
    assert not picture[..., 2].any()
