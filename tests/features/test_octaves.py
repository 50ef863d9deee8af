"""Planes, filters, octaves and blocks of a picture."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.geometry import Size
from anyres_bench.features.contract import pictures
from anyres_bench.features.octaves import BANDS, blocks, halve, look, octaves, planes


def test_planes_turn_colours_without_stretching_them() -> None:
    image = pictures(1, Size(32, 40))[0].numpy()
    turned = planes(image)
    length = np.square(image.astype(np.float64)).sum(0)
    np.testing.assert_allclose(np.square(turned).sum(0), length, rtol=1e-5)


def test_filters_of_a_ramp_and_of_a_stripe_pattern() -> None:
    y, x = np.mgrid[:20, :30].astype(np.float32)
    ramp = dict(zip(BANDS, look(3 * x + y).magnitude, strict=True))
    expected = dict.fromkeys(BANDS, 0.0) | {"sd": 3.0, "ds": 1.0}
    assert ramp == pytest.approx(expected, abs=1e-5)
    stripes = look(10 * (-1) ** x)
    assert dict(zip(BANDS, stripes.magnitude, strict=True)) == pytest.approx(
        dict.fromkeys(BANDS, 0.0) | {"se": 10.0}, abs=1e-5
    )
    np.testing.assert_allclose(stripes.rms, stripes.magnitude, atol=1e-5)
    assert look(x + y).diagonal == pytest.approx(1)
    assert look(x - y).diagonal == pytest.approx(-1)
    dots = np.zeros((41, 41), np.float32)
    dots[::4, ::4] = 9
    assert look(dots).polarity * look(-dots).polarity < 0


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    plane = planes(pictures(1, Size(67, 50))[0].numpy())[0]
    whole = look(plane)
    monkeypatch.setattr("anyres_bench.features.octaves._CHUNK_PIXELS", 150)
    pieces = look(plane)
    np.testing.assert_allclose(pieces.magnitude, whole.magnitude, rtol=1e-5)
    np.testing.assert_array_equal(pieces.slope, whole.slope)


def test_halving_keeps_smooth_pictures_and_their_places() -> None:
    y, x = np.mgrid[:18, :25].astype(np.float32)
    half = halve(2 * x + y)
    assert half.shape == (9, 13)
    np.testing.assert_allclose(half[1:-1, 1:-2], (2 * x + y)[2:-2:2, 2:-3:2] + 1.5, atol=1e-4)
    assert [octave.slope.shape for octave in octaves(2 * x + y, 3)] == [(16, 23), (7, 11), (3, 5)]


def test_blocks_are_means_of_parts() -> None:
    plane = np.arange(48, dtype=np.float32).reshape(6, 8)
    np.testing.assert_allclose(blocks(plane, 2), [[9.5, 13.5], [33.5, 37.5]])
    np.testing.assert_array_equal(blocks(plane[:2, :2], 4)[0], [0, 0, 1, 1])
