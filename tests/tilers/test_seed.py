"""The project's own grid: what its score prefers."""

from __future__ import annotations

import pytest

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import load
from anyres_bench.tilers.seed import Seed


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        (Size(448, 448), Size(1, 1)),
        (Size(100, 100), Size(1, 1)),  # never enlarged for the sake of tiles
        (Size(896, 896), Size(2, 2)),
        (Size(896, 1344), Size(2, 3)),
        (Size(4000, 4000), Size(3, 3)),
        (Size(448, 40_000), Size(1, 9)),  # no aspect is near: the nearest
        (Size(40_000, 448), Size(9, 1)),
    ],
)
def test_the_grid_that_fits_is_chosen(size: Size, grid: Size) -> None:
    assert Seed().plan(size).grid == grid


def test_an_image_that_fills_a_grid_scores_one() -> None:
    (_, decision) = Seed().grid(Size(896, 1344))
    assert dict(decision.values)["score"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "spec",
    ["seed:tile=100", "seed:max_tiles=0", "seed:max_stretch=0.5", "seed-content:max_tiles=3"],
)
def test_settings_that_cannot_be_are_refused(spec: str) -> None:
    with pytest.raises(ConfigError):
        load(spec)
