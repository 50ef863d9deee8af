"""The smooth part of a scene."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import ConfigError, UnknownNameError
from anyres_bench.core.seeds import stream
from anyres_bench.data.landscape import PALETTES, Landscape, Style


def landscape(seed: int, style: Style | None = None) -> Landscape:
    return Landscape.draw(stream(seed, "test"), style or Style())


def test_sky_is_above_the_horizon_and_ground_below() -> None:
    for seed in range(20):
        scene = landscape(seed)
        x = np.linspace(-1, 1, 50)
        above = scene.surface(np.full(50, scene.horizon - 0.2), x)[3]
        below = scene.surface(np.full(50, 0.99), x)[3]
        assert (above < 0.3).all()
        assert (below == 1).all()


def test_ridge_lines_are_averaged_over_a_pixel() -> None:
    scene = landscape(1)
    y = np.linspace(0, 1, 2001)
    hard = scene.surface(y, np.zeros(2001))[3]
    soft = scene.surface(y, np.zeros(2001), pixel=0.05)[3]
    assert np.abs(np.diff(hard)).max() > 0.15
    assert np.abs(np.diff(soft)).max() < 0.02
    np.testing.assert_allclose(soft.mean(), hard.mean(), atol=0.01)


def test_ridges_do_not_jump() -> None:
    # One large step of a wave would show as a cliff; the lines are continuous.
    scene = landscape(3)
    x = np.linspace(-2, 2, 40_001)
    for height in (scene.horizon, scene.horizon + 0.05):
        rough = scene.surface(np.full_like(x, height), x, pixel=0.02)[3]
        assert np.abs(np.diff(rough)).max() < 0.02


def test_the_style_is_kept() -> None:
    style = Style(palettes=("dusk", "dawn"), horizon=(0.5, 0.6))
    drawn = [landscape(seed, style) for seed in range(30)]
    assert {scene.palette for scene in drawn} == {"dusk", "dawn"}
    horizons = [scene.horizon for scene in drawn]
    assert min(horizons) >= 0.5
    assert max(horizons) <= 0.6
    assert len({round(h, 6) for h in horizons}) == 30
    lone = landscape(0, Style(palettes=("winter",)))
    np.testing.assert_array_equal(lone.colours, np.asarray(PALETTES["winter"]))


def test_bad_styles() -> None:
    with pytest.raises(UnknownNameError, match="autumn"):
        Style(palettes=("autum",))
    for bad in (
        {"palettes": ()},
        {"horizon": (0.7, 0.4)},
        {"horizon": (0.0, 0.4)},
        {"largest": 0.0},
        {"contrast": -1.0},
        {"contrast": float("nan")},
    ):
        with pytest.raises(ConfigError):
            Style(**bad)  # type: ignore[arg-type]
