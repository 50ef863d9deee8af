"""The content-aware grid: where tiles are cut finer."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.tilers import load, plan_image
from anyres_bench.tilers.content import SeedContent
from anyres_bench.tilers.pixels import cut


def noise_at(image: Size, top: int, left: int, side: int) -> np.ndarray:
    """Grey but for a square of noise."""
    pixels = np.full((*image, 3), 128, np.uint8)
    noise = stream(0, "noise").words(side * side).astype(np.uint8).reshape(side, side, 1)
    pixels[top : top + side, left : left + side] = noise
    return pixels


def test_tiles_are_cut_finer_where_detail_is() -> None:
    image = Size(1800, 1800)
    pixels = noise_at(image, 1300, 200, 200)  # in the lower left tile of 2 x 2
    plan = plan_image(load("seed-content"), pixels)
    assert plan.canvas == Size(896, 896)
    coarse, fine = plan.layers[1:]
    assert [(r.top, r.left) for r in coarse.regions] == [(0, 0), (0, 448), (448, 448)]
    assert fine.canvas == Size(1792, 1792)
    assert [(r.top, r.left) for r in fine.regions] == [
        (896, 0), (896, 448), (1344, 0), (1344, 448),
    ]  # fmt: skip
    assert plan.tokens == (1 + 3 + 4) * 256
    pictures = cut(plan, pixels)
    strongest = max(range(len(pictures)), key=lambda k: pictures[k].std())
    assert plan.regions[strongest].canvas == fine.canvas


def test_an_image_without_detail_or_without_more_pixels_is_not_cut_finer() -> None:
    tiler = SeedContent()
    assert len(plan_image(tiler, np.full((1800, 1800, 3), 7, np.uint8)).regions) == 5
    small = noise_at(Size(800, 800), 0, 0, 800)
    assert len(plan_image(tiler, small).regions) == 5


def test_any_map_may_be_given_and_the_budget_holds() -> None:
    tiler, image = SeedContent(max_tiles=7, depth=2), Size(4000, 4000)
    detail = np.zeros((4, 4))
    detail[0, 3] = 1.0
    plan = tiler.plan(image, detail)
    assert len(plan.regions) == 1 + 7
    assert all(r.left >= 896 and r.top < 896 for r in plan.layers[2].regions)
    deeper = SeedContent(max_tiles=10, depth=2).plan(image, detail)
    assert [len(layer.regions) for layer in deeper.layers] == [1, 3, 3, 4]
    assert deeper.layers[3].canvas == Size(3584, 3584)
    assert tiler.plan(image).regions == tiler.plan(image, np.zeros((1, 1))).regions


@pytest.mark.parametrize("detail", [[], [[-1.0]], [[np.nan]], [1.0]])
def test_a_map_that_is_none_is_refused(detail: list) -> None:
    with pytest.raises(UsageError, match="detail map"):
        SeedContent().plan(Size(900, 900), np.array(detail))


def test_equal_detail_is_cut_from_the_top_left() -> None:
    plan = SeedContent(max_tiles=7).plan(Size(4000, 4000), np.ones((2, 2)))
    assert {(r.top // 896, r.left // 896) for r in plan.layers[2].regions} == {(0, 0)}
