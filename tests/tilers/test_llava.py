"""LLaVA's canvases as options."""

from __future__ import annotations

import pytest

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import load
from anyres_bench.tilers.llava import effective_and_wasted, grid_pinpoints, v16_pinpoints


def test_canvases_are_read_as_pairs() -> None:
    tiler = load("llava-next:pinpoints=672x336+1008x336")
    assert tiler.plan(Size(300, 1000)).canvas == Size(336, 1008)
    with pytest.raises(ConfigError, match="pairs such as"):
        load("llava-next:pinpoints=672")


def test_the_published_canvases() -> None:
    assert v16_pinpoints(336) == (
        (336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008),
    )  # fmt: skip
    assert len(set(grid_pinpoints(384, 6))) == 36
    assert max(grid_pinpoints(384, 6)) == (6 * 384, 6 * 384)


def test_the_canvas_keeps_most_of_the_image_and_wastes_least() -> None:
    for size in (Size(300, 1000), Size(1000, 300), Size(900, 901), Size(20, 20)):
        tiler = load("llava-next")
        kept, wasted = effective_and_wasted(size, tiler.plan(size).canvas)
        for canvas in tiler.canvases:
            other = effective_and_wasted(size, canvas)
            assert (other[0], -other[1]) <= (kept, -wasted)
        assert kept <= size.pixels


@pytest.mark.parametrize("options", ["tile=13", "patch=400", "tile=0"])
def test_a_tile_holds_a_patch(options: str) -> None:
    with pytest.raises(ConfigError, match="a tile must hold a patch"):
        load(f"llava-next:{options}")
