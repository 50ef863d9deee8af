"""Procedural worlds: framed and shrunk like their datasets, the same scene however it is cut."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from anyres_bench.collectors.scenes import Houses, Scenes
from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.data.houses import HOUSES
from anyres_bench.data.pixels import to_uint8
from anyres_bench.data.reading import view_pixels
from anyres_bench.data.scenes import SCENES
from anyres_bench.data.views import ImageView, View
from anyres_bench.data.worlds import World
from anyres_bench.models.contract import check_contract
from anyres_bench.models.generator import SourceSizedGenerator
from anyres_bench.models.worlds import WorldGenerator, houses, scenes

SQUARE = Size(60, 60)


@dataclasses.dataclass(frozen=True)
class Small(WorldGenerator):
    """The battery renders tiles of the native size."""

    native: Size = Size(48, 40)  # noqa: RUF009


@pytest.mark.parametrize("world", [SCENES, HOUSES], ids=lambda world: world.name)
@pytest.mark.parametrize("canvas", [Size(96, 80), Size(60, 100)])
def test_worlds_keep_the_contract_to_the_bit(world: World, canvas: Size) -> None:
    report = check_contract(Small(world, 64, 128), canvas, tolerance=0)
    assert report.off_grid_max == 0


@pytest.mark.parametrize(("collector", "factory"), [(Scenes, scenes), (Houses, houses)])
def test_the_defaults_are_those_of_the_collector(
    collector: type[Scenes], factory: Callable[[str], WorldGenerator]
) -> None:
    default = {field.name: field.default for field in dataclasses.fields(collector)}
    generator = factory("")
    assert generator.world is collector.world
    assert generator.aspects == tuple(default["aspects"])
    assert (generator.smallest, generator.largest) == (default["min_size"], default["max_size"])


def test_a_picture_is_what_the_protocol_makes_of_a_collected_scene() -> None:
    generator, region = scenes("100-200:3:2"), Region(SQUARE, 7, 20, Size(32, 32))
    source = generator.framed(5, SQUARE)
    stored = SCENES.picture(5, Region.whole(source.canvas))
    square = Box(source.top, source.left, *source.size)
    expected = view_pixels(stored, ImageView(0, False, square, View(region)))
    (got,) = to_uint8(generator.sample([5], [region]))
    np.testing.assert_array_equal(got.permute(1, 2, 0).numpy(), expected)


def test_a_canvas_lies_anywhere_in_the_smallest_frame_that_holds_it() -> None:
    source = [scenes("60-60:3:2").framed(seed, SQUARE) for seed in range(300)]
    assert {window.canvas for window in source} == {Size(60, 90), Size(90, 60)}
    assert {window.left for window in source if window.canvas.width == 90} == set(range(31))
    assert {window.left for window in source if window.canvas.width == 60} == {0}
    assert all(window.box.fits(window.canvas) for window in source)
    assert scenes("60-60:1:1").framed(3, SQUARE) == Region.whole(SQUARE)


def test_sizes_are_log_uniform_above_the_canvas() -> None:
    sides = [scenes("40-160").framed(seed, SQUARE).size.shorter for seed in range(2000)]
    logs = np.log2(np.array(sides) / 60)
    assert (min(sides), max(sides)) == (60, 160)
    assert abs(logs.mean() - np.log2(160 / 60) / 2) < 0.03
    assert scenes("40-50").framed(1, SQUARE).size == SQUARE


def test_it_can_be_told_how_large_a_picture_was_taken() -> None:
    generator, region = scenes("40-160"), Region(SQUARE, 3, 5, Size(32, 32))
    drawn = generator.framed(9, SQUARE).size.shorter
    assert isinstance(generator, SourceSizedGenerator)
    told, free = generator.sample_from([9], [region], [drawn]), generator.sample([9], [region])
    assert torch.equal(told, free)
    assert not torch.equal(told, generator.sample_from([9], [region], [drawn + 20]))


def test_a_window_stays_where_it_was_on_a_larger_canvas() -> None:
    small, large = (scenes("8-9:3:2").framed(5, Size(side, side)) for side in (60, 6000))
    assert abs(small.top / small.canvas.height - large.top / large.canvas.height) < 1 / 60
    assert abs(small.left / small.canvas.width - large.left / large.canvas.width) < 1 / 60


def test_ids_name_the_world_and_its_frames() -> None:
    assert scenes("").id.startswith("scenes:128-512:1:1,4:3,3:2:dead-leaves@")
    assert scenes("128-512:16:9").id != scenes("").id
    assert houses("").id == "houses:128-512:1:1:houses@1"
    for wrong in ("wide", "20-10", "10-20:wide"):
        with pytest.raises(UsageError, match=f"scenes:{wrong}"):
            scenes(wrong)
