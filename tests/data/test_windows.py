"""Windows of resized images are the crops of Pillow's, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.data.pixels import crop, resize_uint8
from anyres_bench.data.windows import combine, resized_window, window_taps


@pytest.mark.parametrize("filter_name", ["lanczos", "bicubic", "bilinear"])
@pytest.mark.parametrize("kind", ["noise", "extremes"])
def test_squares_are_pillows(filter_name: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        side = int(rng.integers(5, 300))
        canvas = Size.square(int(rng.integers(1, side + 40)))
        pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        if kind == "extremes":  # overshoot is clipped after each pass
            pixels = np.where(pixels > 127, np.uint8(255), np.uint8(0))
        top, left = (int(rng.integers(0, canvas.height)) for _ in range(2))
        height, width = (int(rng.integers(1, canvas.height - at + 1)) for at in (top, left))
        window = Box(top, left, height, width)
        expected = crop(resize_uint8(pixels, canvas, filter_name), window)
        np.testing.assert_array_equal(resized_window(pixels, canvas, window, filter_name), expected)


def test_a_window_of_any_canvas_is_the_crop_of_the_whole() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (90, 140, 3), dtype=np.uint8)
    canvas = Size(61, 100)
    whole = resized_window(pixels, canvas, Box.whole(canvas), "lanczos")
    window = Box(13, 29, 30, 41)
    np.testing.assert_array_equal(
        resized_window(pixels, canvas, window, "lanczos"), crop(whole, window)
    )


def test_only_the_named_part_of_the_source_is_looked_at() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    canvas, window = Size.square(100), Box(40, 60, 20, 10)
    rows, columns = window_taps(Size(200, 200), canvas, window, "lanczos")
    assert 40 <= rows.high - rows.low <= 40 + 12
    part = pixels[rows.low : rows.high, columns.low : columns.high]
    got = combine(part, rows, columns)
    np.testing.assert_array_equal(got, crop(resize_uint8(pixels, canvas), window))


def test_equal_sizes_change_nothing() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    window = Box(3, 4, 20, 30)
    got = resized_window(pixels, Size(50, 50), window, "lanczos")
    np.testing.assert_array_equal(got, crop(pixels, window))


def test_windows_outside_are_refused() -> None:
    with pytest.raises(UsageError, match="does not lie inside"):
        window_taps(Size(50, 50), Size(20, 20), Box(10, 10, 11, 5), "lanczos")
