"""The `ar1` protocols: ladders, shapes, windows that all sides share."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from anyres_bench.core.errors import DatasetError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.ar1 import ASPECTS, EXAMPLES, canvas_of, ladder
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.views import largest_of_shape
from tests.data.test_protocols import PHOTOS, manifest, only


def test_the_ladder_is_exact() -> None:
    assert list(ladder(64, 512)) == [64, 91, 128, 181, 256, 362, 512]
    assert list(ladder(64, 511)) == [64, 91, 128, 181, 256, 362]
    assert list(ladder(48, 400, octaves=True)) == [48, 96, 192, 384]
    far = list(ladder(3, 1 << 40))
    assert far[::2] == [3 << k for k in range(len(far[::2]))]
    for k, size in enumerate(far):  # no size is further from the root than half a pixel
        assert (2 * size - 1) ** 2 <= 4 * 9 * 2**k < (2 * size + 1) ** 2


@pytest.mark.parametrize("aspect", ASPECTS)
@pytest.mark.parametrize("n_pixels", [4096, 1_000_000, 250_000])
def test_shapes_have_their_ratio_and_their_pixels(aspect: str, n_pixels: int) -> None:
    width, height = map(int, aspect.split("x"))
    canvas = canvas_of(aspect, n_pixels)
    assert abs(canvas.height - (n_pixels * height / width) ** 0.5) <= 0.5
    assert abs(canvas.width - (n_pixels * width / height) ** 0.5) <= 0.5
    turned = canvas_of(f"{height}x{width}", n_pixels)
    assert turned == Size(canvas.width, canvas.height)


@pytest.mark.parametrize("image", [Size(600, 800), Size(801, 600), Size(37, 1000), Size(64, 64)])
@pytest.mark.parametrize("shape", [Size(9, 16), Size(3, 1), Size(64, 64), Size(750, 1333)])
def test_the_largest_part_of_a_shape_fits_and_is_never_enlarged(image: Size, shape: Size) -> None:
    part = largest_of_shape(image, shape)
    assert part.height == image.height or part.width == image.width
    assert part.height <= image.height
    assert part.width <= image.width
    exact = min(image.height / shape.height, image.width / shape.width)
    assert abs(part.height - exact * shape.height) <= 0.5
    assert abs(part.width - exact * shape.width) <= 0.5
    if shape.height <= image.height and shape.width <= image.width:
        assert part.height >= shape.height
        assert part.width >= shape.width


NAMES = ("ar1-patch32-at64", "ar1-patch32-native", "ar1-patch32-ar4x3-0.004mp")


@pytest.mark.parametrize("name", NAMES)
def test_windows_lie_inside_and_nothing_is_enlarged(name: str) -> None:
    protocol = protocol_from(name)
    for items in (protocol.real(PHOTOS, 40, 1), protocol.drawn(PHOTOS, 40, 1)):
        for view in only(items):
            image, region = PHOTOS[view.image].size, view.view.region
            assert not view.flip
            assert view.source.fits(image)
            assert region.box.fits(region.canvas)
            assert region.size == Size(32, 32)
            assert region.canvas.height <= view.source.height
            assert region.canvas.width <= view.source.width


@pytest.mark.parametrize("name", NAMES)
def test_each_image_is_shown_once_before_any_again(name: str) -> None:
    protocol = protocol_from(name)
    n_large = len(protocol.survivors(PHOTOS))
    counts = Counter(view.image for view in only(protocol.real(PHOTOS, 2 * n_large, 3)))
    assert set(counts.values()) == {2}
    first = [view.image for view in only(protocol.real(PHOTOS, n_large, 3))]
    assert len(set(first)) == n_large


def test_all_sides_look_at_the_same_windows() -> None:
    """Window i depends on the seed and on i, not on the images, the side or how many there are."""
    protocol = protocol_from("ar1-patch32-at64")
    real, drawn, fake = (
        [view.region for view in views]
        for views in (
            [seen.view for seen in only(protocol.real(PHOTOS, 30, 5))],
            [seen.view for seen in only(protocol.drawn(PHOTOS, 30, 5))],
            only(protocol.fake(PHOTOS, 30, 5)),
        )
    )
    assert real == drawn == fake
    others = manifest((64, 64), (90, 70))
    assert [seen.view.region for seen in only(protocol.real(others, 10, 5))] == real[:10]
    assert [seen.view.region for seen in only(protocol.real(PHOTOS, 30, 6))] != real


def test_the_windows_of_an_id_never_change() -> None:
    regions = [seen.view.region for seen in only(protocol_from(EXAMPLES[0]).real(BIG, 4, 0))]
    assert [(region.top, region.left) for region in regions] == FROZEN


def test_windows_cover_a_canvas_evenly() -> None:
    regions = [v.region for v in only(protocol_from("ar1-patch32-at95").fake(BIG, 64, 0))]
    tops = np.array([region.top for region in regions])
    assert np.bincount(tops // 8).tolist() == [8] * 8


def test_native_canvases_are_those_of_the_real_images() -> None:
    protocol = protocol_from("ar1-patch32-native")
    reals = only(protocol.real(PHOTOS, 12, 0))
    fakes = only(protocol.fake(PHOTOS, 12, 0))
    for seen, fake in zip(reals, fakes, strict=True):
        assert fake.region.canvas == PHOTOS[seen.image].size == seen.source.size
    assert len({fake.region.canvas for fake in fakes}) == len(PHOTOS)


def test_survivors_are_of_each_size_and_shape() -> None:
    sizes = protocol_from("ar1-patch32-min32max128").strata
    assert [len(of.survivors(PHOTOS)) for of in sizes.values()] == [6, 6, 5, 2, 2]
    wide, tall = (protocol_from(f"ar1-patch32-ar{a}-0.03mp") for a in ("3x1", "1x3"))
    assert wide.rule.needs == Size(100, 300)
    assert [PHOTOS[i].size for i in wide.survivors(PHOTOS)] == [(300, 400), (500, 360)]
    with pytest.raises(DatasetError, match=r"of 300x100 px \(height x width\) or more; 1 of 2"):
        tall.survivors(manifest((300, 400), (200, 400)))


def test_strata_are_protocols_of_their_own_and_never_pooled() -> None:
    sizes = protocol_from("ar1-patch32-min32max64")
    assert {label: of.id for label, of in sizes.strata.items()} == {
        "32": "ar1-patch32-at32",
        "45": "ar1-patch32-at45",
        "64": "ar1-patch32-at64",
    }
    assert list(protocol_from("ar1-patch32-min32max64-octaves").strata) == ["32", "64"]
    assert list(protocol_from("ar1-patch32-aspects-0.01mp").strata) == list(ASPECTS)
    for draw in (sizes.real, sizes.fake, sizes.drawn):
        with pytest.raises(UsageError, match="several canvases; name one, such as ar1-patch32-at"):
            draw(PHOTOS, 3, 0)


@pytest.mark.parametrize("name", [*EXAMPLES, *NAMES, "ar1-patch32-min45max90-octaves"])
def test_ids_are_read_back(name: str) -> None:
    protocol = protocol_from(name)
    assert protocol.id == name
    assert protocol_from(name) == protocol


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ar1-patch64-at32", "must hold a window of 64"),
        ("ar1-patch64-min64max500", "write max362 or 512"),
        ("ar1-patch64-min64max70", "write max91"),
        ("ar1-patch64-min32max128", "must hold a window of 64"),
        ("ar1-patch64-ar32x18-1mp", "write ar16x9"),
        ("ar1-patch64-ar3x1-0.01mp", "canvas is 58x173 and must hold"),
        ("ar1-patch64-aspects-0.01mp", "must hold"),
    ],
)
def test_numbers_that_do_not_go_together(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        protocol_from(text)


BIG = manifest(*[(300, 400)] * 4)
FROZEN = [(169, 173), (46, 7), (129, 77), (86, 104)]


@pytest.mark.parametrize("shape", ["ar16x9-1mp", "ar3x1-0.25mp", "aspects-1mp", "native"])
def test_a_shape_without_its_window_is_of_64_px(shape: str) -> None:
    names = {f"ar1-patch64-{shape}", f"ar1-{shape}"} | ({shape} - {"native"})
    assert {protocol_from(name).id for name in names} == {f"ar1-patch64-{shape}"}


def test_native_alone_is_no_protocol() -> None:
    """A dataset may be called so, which `native/anyres-full64/frechet` begins with."""
    with pytest.raises(UnknownNameError, match="ar1-patch64-native"):
        protocol_from("native")
