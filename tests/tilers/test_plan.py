"""Plans: what their numbers promise of each other."""

from __future__ import annotations

import pytest

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import load
from tests.tilers.registered import NAMES, plans, sizes, variants


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_adds_up(name: str) -> None:
    for tiler in variants(name):
        for plan in plans(tiler, sizes()[::17]):
            assert len(plan.encoder) == len(plan.regions)
            assert plan.decisions or len(plan.layers) == 1
            if plan.grids:
                assert sum(grid.tokens for grid in plan.grids) == plan.tokens
            for layer in plan.layers:
                assert min(layer.padding) >= 0, (plan.image, layer)
                assert all(region.box.fits(layer.canvas) for region in layer.regions)
                if layer.grid.pixels:
                    assert sum(r.size.pixels for r in layer.regions) == layer.canvas.pixels


@pytest.mark.parametrize("name", NAMES)
def test_an_image_without_pixels_is_refused(name: str) -> None:
    for size in (Size(0, 5), Size(5, 0), Size(-1, 7)):
        with pytest.raises(ImageError, match="no pixels"):
            load(name).plan(size)
