"""What holds of every tiler that is registered: plans, listings, pixels, places, features."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys

import numpy as np
import pytest

from anyres_bench.core.errors import ConfigError, ImageError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.tilers import TILERS, load
from anyres_bench.tilers import coordinates as places
from anyres_bench.tilers.pixels import canvases, cut
from anyres_bench.tilers.plan import Plan, Tiler
from anyres_bench.tilers.stitching import sequence, stitch

NAMES = list(TILERS)
SIDES = (1, 2, 13, 14, 27, 28, 42, 70, 100, 200, 336, 337, 448, 640, 1000, 4032, 40000)


def sizes() -> list[Size]:
    """Small and large sides against each other, and sizes drawn over three decades."""
    drawn = np.exp(stream(0, "sizes").uniform((150, 2)) * np.log(9000)).astype(int)
    pairs = itertools.product(SIDES, SIDES)
    return [Size(*map(int, pair)) for pair in (*pairs, *drawn)]


def plans(tiler: Tiler, chosen: list[Size]) -> list[Plan]:
    found = []
    for size in chosen:
        try:
            found.append(tiler.plan(size))
        except ImageError:
            continue
    return found


def variants(name: str) -> list[Tiler]:
    tiler = load(name)
    return [tiler, *tiler.rivals().values()]


def numbers(tiler: Tiler, size: Size) -> list[int]:
    try:
        plan = tiler.plan(size)
    except ImageError:
        return [-1] * 11
    main = plan.main
    head = [*main.grid, *main.canvas, *main.resized, main.top, main.left]
    return [*head, len(plan.regions), plan.encoder_tokens, plan.tokens]


@pytest.mark.parametrize("name", NAMES)
def test_a_listing_is_its_plans_to_the_last_bit(name: str) -> None:
    chosen = sizes()
    array = np.array(chosen, np.int64)
    for tiler in variants(name):
        listing = tiler.listing(array[:, 0], array[:, 1])
        rest = np.stack([listing.regions, listing.encoder_tokens, listing.tokens], axis=1)
        columns = [listing.grid, listing.canvas, listing.resized, listing.offset, rest]
        got = np.concatenate(columns, axis=1)
        want = np.array([numbers(tiler, size) for size in chosen])
        wrong = np.flatnonzero((got != want).any(axis=1))
        assert not wrong.size, (chosen[wrong[0]], got[wrong[0]], want[wrong[0]])


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
def test_pictures_have_the_sizes_of_their_regions(name: str) -> None:
    for size in (Size(37, 23), Size(90, 640)):
        for plan in plans(load(name), [size]):
            image = stream(1, "image").words(3 * size.pixels).astype(np.uint8)
            pictures = cut(plan, image.reshape(*size, 3))
            assert [p.shape[:2] for p in pictures] == [r.size for r in plan.regions]
            with pytest.raises(UsageError, match="height x width"):
                canvases(plan, image.reshape(size.width, size.height, 3))


@pytest.mark.parametrize("name", NAMES)
def test_places_come_back(name: str) -> None:
    for plan in plans(load(name), [Size(37, 23), Size(999, 1400), Size(3, 500)]):
        boxes = np.array([[0, 0, *plan.image], [1, 2, 3, 3]], np.float64)
        for region in range(len(plan.regions)):
            there = places.image_to_tile(plan, boxes, region)
            assert np.allclose(places.tile_to_image(plan, there, region), boxes)
        for layer in range(len(plan.layers)):
            there = places.image_to_canvas(plan, boxes, layer)
            top, left, bottom, right = plan.layers[layer].padding
            height, width = plan.layers[layer].canvas
            assert np.allclose(there[0], [top, left, height - bottom, width - right])


@pytest.mark.parametrize("name", NAMES)
def test_tokens_are_read_where_they_lie(name: str) -> None:
    """Features that say where they are arrive at tokens whose boxes lie there."""
    for plan in plans(load(name), [Size(37, 23), Size(999, 1400), Size(1400, 311)]):
        boxes = places.token_boxes(plan)
        if not plan.grids:
            continue
        assert len(boxes) == plan.tokens
        features = [centres(plan, region) for region in range(len(plan.regions))]
        if name == "vitar":  # its tokens are fused by a network, not copied
            continue
        if any(len({r.size for r in layer.regions}) > 1 for layer in plan.layers):
            with pytest.raises(UsageError, match="no mosaic of equal maps"):
                sequence(plan, features, np.full(2, np.nan))
            continue
        tokens = sequence(plan, features, np.full(2, np.nan))
        merge = plan.grids[0].merge
        got = tokens.reshape(len(tokens), merge * merge, 2).mean(axis=1)
        want = np.stack([boxes[:, 0::2].mean(axis=1), boxes[:, 1::2].mean(axis=1)], axis=1)
        assert np.array_equal(np.isnan(got), np.isnan(want))
        if all(g.rows.n == g.rows.span for g in plan.grids):
            assert np.allclose(got, want, equal_nan=True)


def centres(plan: Plan, region: int) -> np.ndarray:
    """The centre of each patch of a region in image pixels, (rows, columns, 2)."""
    size, patch = plan.regions[region].size, plan.patch
    y, x = (np.arange(side // patch) * patch + patch / 2 for side in size)
    points = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    return places.tile_to_image(plan, points.reshape(-1, 2), region).reshape(points.shape)


@pytest.mark.parametrize("name", NAMES)
def test_features_laid_over_the_image_lie_where_they_were_made(name: str) -> None:
    for plan in plans(load(name), [Size(700, 500)]):
        features = [centres(plan, region) for region in range(len(plan.regions))]
        laid = stitch(plan, features, Size(14, 10))
        rows, columns = (np.arange(14) + 0.5) * 50, (np.arange(10) + 0.5) * 50
        want = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
        reach = plan.patch * max(700 / layer.resized.height for layer in plan.layers)
        error = np.abs(laid - want)
        assert np.nanmax(error) <= reach
        assert np.isnan(error).mean() < 0.2  # the strips at tiles' ends that no patch sees


@pytest.mark.parametrize("name", NAMES)
def test_a_point_is_seen_by_tokens_whose_box_holds_it(name: str) -> None:
    for plan in plans(load(name), [Size(480, 640)]):
        boxes = places.token_boxes(plan)
        for point in ((0.0, 0.0), (240.5, 320.5), (479.5, 639.5)):
            for index in places.tokens_at(plan, point):
                top, left, bottom, right = boxes[index]
                assert top <= point[0] < bottom
                assert left <= point[1] < right


def test_canvases_are_read_as_pairs() -> None:
    tiler = load("llava-next:pinpoints=672x336+1008x336")
    assert tiler.plan(Size(300, 1000)).canvas == Size(336, 1008)
    with pytest.raises(ConfigError, match="pairs such as"):
        load("llava-next:pinpoints=672")


def test_options_are_read_by_their_type() -> None:
    tiler = load("internvl:max_tiles=6,thumbnail=false")
    assert dataclasses.asdict(tiler) | {"name": ""} == dataclasses.asdict(
        dataclasses.replace(load("internvl"), max_tiles=6, thumbnail=False)
    ) | {"name": ""}
    assert tiler.plan(Size(10, 10)).tiler == "internvl:max_tiles=6,thumbnail=false"


@pytest.mark.parametrize(
    "spec",
    [
        "internvl:max_tile=6",
        "internvl:max_tiles=many",
        "internvl:max_tiles",
        "internvl:max_tiles=0",
        "internvl:max_tiles=1000000000",
        "internvl:merge=0",
    ],
)
def test_a_wrong_option_is_told(spec: str) -> None:
    with pytest.raises(ConfigError, match=r"max_tiles|tiles of"):
        load(spec)


@pytest.mark.parametrize(
    "spec",
    [
        "llava-next:tile=0", "llava-next:patch=-1", "llava-next:order=hw", "llava-next:unpad=ceil",
        "llava-onevision:anyres_max=0", "qwen2-vl:rounding=up", "qwen2-vl:flavour=5",
        "qwen2-vl:max_pixels=1", "siglip2-naflex:eps=1e-300", "siglip2-naflex:eps=nan",
        "pixtral:rounding=half", "navit:drop=1", "navit:drop=nan", "fastvlm:side=100",
        "fastvlm:shape=crop", "vitar:target=0", "idefics3:merge=0", "smolvlm:tile=500",
        "seed:max_stretch=nan", "seed:max_tiles=99999", "internvl:tie=area_",
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(spec: str) -> None:
    with pytest.raises(ConfigError):
        load(spec)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_without_pixels_is_refused(name: str) -> None:
    for size in (Size(0, 5), Size(5, 0), Size(-1, 7)):
        with pytest.raises(ImageError, match="no pixels"):
            load(name).plan(size)


def test_an_unknown_tiler_is_told_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="qwen2-vl"):
        load("qwen2vl")


@pytest.mark.parametrize("name", NAMES)
def test_a_region_that_is_not_there_is_refused(name: str) -> None:
    plan = load(name).plan(Size(300, 300))
    for region in (-1, len(plan.regions)):
        with pytest.raises(UsageError, match="regions"):
            places.layer_of(plan, region)


def test_plans_need_neither_torch_nor_pandas() -> None:
    code = (
        "import sys; from anyres_bench.core.geometry import Size\n"
        "from anyres_bench.tilers import TILERS, load\n"
        "for name in TILERS: load(name).plan(Size(300, 400))\n"
        "bad = {'torch', 'pandas'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
