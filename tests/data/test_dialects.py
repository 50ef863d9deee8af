"""Protocols of other projects: where they look, and that both sides can be drawn."""

from __future__ import annotations

import random

import numpy as np
import pytest

from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.data import crop_rules
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.records import ImageRecord, Manifest

SIZES = [Size(700, 900), Size(1024, 1024), Size(640, 1500), Size(299, 400), Size(320, 320)]


def manifest(sizes=SIZES) -> Manifest:
    return Manifest(
        [
            ImageRecord(
                file_name=f"images/{i}.png",
                sha256=f"{i:064x}",
                n_bytes=1,
                height=size.height,
                width=size.width,
            )
            for i, size in enumerate(sizes)
        ]
    )


ALL = (
    "infd-p256",
    "center299",
    "pixverve-patch600",
    "codec256",
    "scalespace64-bin2",
    "adm256",
    "adm256-of160x320",
    "scaleinv128-full197-x4",
)


@pytest.mark.parametrize("name", ALL)
def test_ids_come_back_and_both_sides_are_drawn(name: str) -> None:
    protocol, images = protocol_from(name), manifest()
    assert protocol.id == name
    n = 3
    real, fake = protocol.real(images, n, 0), protocol.fake(images, n, 0)
    drawn = protocol.drawn(images, n, 0)
    assert len(fake) == len(drawn) == n
    assert len(real) >= n
    for item in (*real, *drawn):
        [seen] = item.views
        size = images[seen.image].size
        assert seen.source.fits(size)
        assert seen.view.region.box.fits(seen.view.region.canvas)
    assert protocol.fake(images, n, 0) == fake


@pytest.mark.parametrize(
    "name",
    ["infd-p300", "center0", "pixverve-patch298", "codec255", "scalespace64-bin13", "adm0"]
    + ["scaleinv198-full197-x4", "scaleinv128-full197-x0"],
)
def test_numbers_that_do_not_go_together(name: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        protocol_from(name)


def test_infd_crops_every_image_once_and_the_sides_apart() -> None:
    images = manifest()
    protocol = protocol_from("infd-p256")
    real = protocol.real(images, 3, 0)
    assert [item.group for item in real] == [0, 1, 2, 3, 4]
    assert protocol.whole
    regions = [item.views[0].view.region for item in real]
    assert [region.canvas for region in regions] == SIZES
    assert {tuple(region.size) for region in regions} == {(256, 256)}
    fakes = [item.views[0].region for item in protocol.fake(images, 5, 0)]
    assert [region.canvas for region in fakes] == SIZES
    assert fakes != regions


def test_center_is_dmd2s() -> None:
    [first, *_] = protocol_from("center299").real(manifest(), 1, 0)
    box = first.views[0].view.region.box
    assert box == crop_rules.centre(SIZES[0])
    assert box == Box(200, 300, 299, 299), "halves to even"


def test_pixverve_shares_its_places_in_one_sequence() -> None:
    images = manifest([Size(700, 900), Size(1024, 1024)])
    protocol = protocol_from("pixverve-patch600")
    real, fake = protocol.real(images, 40, 7), protocol.fake(images, 40, 7)
    drawn = random.Random(42)
    expected = [crop_rules.pixverve(Size(600, 600), drawn) for _ in range(40)]
    assert [item.views[0].view.region.box for item in real] == expected
    assert [item.views[0].region.box for item in fake] == expected
    assert [item.group for item in fake] == [i // 20 for i in range(40)]
    assert [item.views[0].image for item in real] == [i // 20 for i in range(40)]
    assert all(item.views[0].view.region.canvas == (600, 600) for item in real)


def test_codec_cells_are_hific_s_two_grids() -> None:
    """floor(h/f) floor(w/f) cells, and one less along each side half a cell further on."""
    images = manifest([Size(700, 900), Size(512, 512)])
    protocol = protocol_from("codec256")
    assert protocol.n_items(images) == (2 * 3 + 1 * 2) + (2 * 2 + 1)
    items = protocol.real(images, 1, 0)
    boxes = [item.views[0].view.region.box for item in items]
    assert boxes[:6] == [Box(y, x, 256, 256) for y in (0, 256) for x in (0, 256, 512)]
    assert boxes[6:8] == [Box(128, 128, 256, 256), Box(128, 384, 256, 256)]
    assert boxes[8:] == [Box(y, x, 256, 256) for y in (0, 256) for x in (0, 256)] + [
        Box(128, 128, 256, 256)
    ]
    assert [item.group for item in items] == [0] * 8 + [1] * 5
    assert [item.views[0].region.canvas for item in protocol.fake(images, 9, 0)][-1] == (512, 512)


def test_scalespace_bins_hold_their_scales() -> None:
    images = manifest([Size(700, 900), Size(1024, 1024)])
    items = protocol_from("scalespace64-bin2").real(images, 60, 0)
    sides = np.array([item.views[0].view.region.canvas.height for item in items])
    assert (sides >= 256).all()
    assert (sides <= 512).all()
    assert len(set(sides.tolist())) > 20


def test_adm_compares_shapes_with_squares() -> None:
    images = manifest([Size(700, 900), Size(160, 320), Size(200, 200), Size(1000, 400)])
    protocol = protocol_from("adm128-of160x320")
    assert {item.views[0].view.size for item in protocol.real(images, 1, 0)} == {(128, 128)}
    assert [item.views[0].size for item in protocol.fake(images, 1, 0)] == [(160, 320)]
    drawn = {item.group: item.views[0] for item in protocol.drawn(images, 3, 0)}
    assert sorted(drawn) == [0, 1, 3]
    assert drawn[1].view.size == (160, 320)
    with pytest.raises(DatasetError, match="there are 3"):
        protocol.drawn(images, 4, 0)


def test_scaleinv_renders_what_it_shrinks() -> None:
    [item] = protocol_from("scaleinv128-full197-x4").fake(manifest(), 1, 0)
    [view] = item.views
    assert view.rendered(Size(64, 64)).canvas == (788, 788)
    assert protocol_from("scaleinv128-full197-x4").rule.size == (128, 128)
