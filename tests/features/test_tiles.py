"""Tiles and a thumbnail through another extractor."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.resize import resize
from anyres_bench.features.contract import check_contract, pictures
from anyres_bench.features.extractor import extractor_from
from anyres_bench.features.tiles import RESIZES


def test_the_contract_of_extractors() -> None:
    check_contract(extractor_from("tiles:32:builtin"), (Size(32, 32), Size(70, 45)))


def test_an_image_of_one_tile_is_its_own_thumbnail() -> None:
    base, tiled = extractor_from("builtin"), extractor_from("tiles:48:builtin")
    images = pictures(2, Size(48, 48))
    assert torch.equal(tiled(images), torch.cat([base(images), base(images)], dim=1))
    assert tiled.dim == 2 * base.dim
    assert tiled.id == f"tiles:48:{base.id}"


def test_the_mean_is_over_tiles_that_see_every_pixel() -> None:
    base, tiled = extractor_from("builtin"), extractor_from("tiles:32:builtin")
    images = pictures(1, Size(32, 80))
    corners = (0, 32, 48)
    parts = torch.stack([base(images[..., x : x + 32].contiguous()) for x in corners])
    assert torch.allclose(tiled(images)[:, : base.dim], parts.mean(0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("spec", ["tiles:builtin", "tiles:0:builtin", "tiles:32:tiles:32:builtin"])
def test_what_is_no_side_and_extractor_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match=r"tiles:SIDE\[-RESIZE\]:EXTRACTOR"):
        extractor_from(spec)


@pytest.mark.parametrize("mode", RESIZES)
def test_every_resize_can_be_named(mode: str) -> None:
    images, base = pictures(2, Size(70, 45)), extractor_from("builtin")
    tiled = extractor_from(f"tiles:32-{mode}:builtin")
    assert tiled.id == f"tiles:32{'' if mode == RESIZES[0] else f'-{mode}'}:{base.id}"
    small = resize(images, Size(32, 32), mode).round().clamp(0, 255).to(torch.uint8)
    assert torch.equal(tiled(images)[:, base.dim :], base(small))


def test_an_unknown_resize_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"no resize 'clear'; .*clean"):
        extractor_from("tiles:32-clear:builtin")


def test_small_images_and_unknown_extractors_are_refused() -> None:
    with pytest.raises(UsageError, match="64 px and more; got 40x90"):
        extractor_from("tiles:64:builtin")(pictures(1, Size(40, 90)))
    with pytest.raises(UnknownNameError, match="builtin"):
        extractor_from("tiles:64:buildin")
