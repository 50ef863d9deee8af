"""Assemblies: they cover every pixel once, from windows that depend on the canvas alone."""

from __future__ import annotations

import itertools

import pytest
import torch

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Region, Size, tiles
from anyres_bench.reference.patches import Tiling

TILINGS = [
    Tiling(16),
    Tiling(16, margin=3),
    Tiling(16, margin=7),
    Tiling(16, "official"),
    Tiling(16, margin=3, turn=True),
    Tiling(16, "official", turn=True),
]
CANVASES = [Size(16, 16), Size(17, 53), Size(40, 9), Size(100, 64), Size(5, 3)]


@pytest.mark.parametrize("tiling", TILINGS)
@pytest.mark.parametrize("canvas", CANVASES)
def test_each_pixel_comes_from_one_window_the_same_in_any_region(
    tiling: Tiling, canvas: Size
) -> None:
    whole = origins(tiling, Region.whole(canvas))
    assert int(whole.min()) >= 0
    for top, left, height, width in ((0, 0, 5, 3), (2, 1, 3, 2), (canvas.height - 4, 0, 4, 3)):
        region = Region(canvas, top, left, Size(height, width))
        part = whole[top : top + height, left : left + width]
        assert torch.equal(origins(tiling, region), part)


def origins(tiling: Tiling, region: Region) -> torch.Tensor:
    """(h, w, 4) for each pixel: its window's start, and where in the window it lies."""
    made = torch.full((*region.size, 4), -(10**6))
    for piece in tiling.pieces(region):
        window, source, target = piece.window, piece.source, piece.target
        assert window.canvas == region.canvas
        assert window.size == Size.square(tiling.resolution)
        assert source.fits(window.size)
        assert target.size == source.size
        part = made[target.top : target.bottom, target.left : target.right]
        assert bool((part == -(10**6)).all())
        y, x = torch.arange(source.top, source.bottom), torch.arange(source.left, source.right)
        part[..., 0], part[..., 1] = window.top + 10**5, window.left + 10**5
        part[..., 2], part[..., 3] = y[:, None], x[None, :]
        # A pixel of the region is that pixel of its window.
        assert window.top + source.top == region.top + target.top
        sideways = window.left + source.left - region.left - target.left
        assert sideways == 0 or (tiling.turn and sideways % region.canvas.width == 0)
    return made


@pytest.mark.parametrize("margin", [0, 1, 5])
@pytest.mark.parametrize("canvas", CANVASES)
def test_cuts_keep_their_margin(margin: int, canvas: Size) -> None:
    for piece in Tiling(16, margin=margin).pieces(Region.whole(canvas)):
        source, target = piece.source, piece.target
        assert target.top == 0 or source.top >= margin
        assert target.bottom == canvas.height or 16 - source.bottom >= margin
        assert target.left == 0 or source.left >= margin
        assert target.right == canvas.width or 16 - source.right >= margin


def test_one_window_is_enough_for_its_own_size() -> None:
    for tiling in (Tiling(16, margin=5), Tiling(16, "official")):
        [piece] = tiling.pieces(Region.whole(Size(16, 16)))
        assert piece.window == Region.whole(Size(16, 16))


def test_a_small_canvas_lies_in_the_middle_of_its_window() -> None:
    [piece] = Tiling(16, margin=5).pieces(Region.whole(Size(10, 4)))
    assert (piece.window.top, piece.window.left) == (-3, -6)


def test_official_windows_are_side_by_side() -> None:
    canvas = Size(40, 33)
    pieces = Tiling(16, "official").pieces(Region.whole(canvas))
    assert [piece.window for piece in pieces] == list(tiles(canvas, Size(16, 16)))
    # Later windows win where they overlap.
    assert [piece.target.left for piece in pieces[:3]] == [0, 16, 17]


def test_an_official_patch_is_one_window_anywhere() -> None:
    region = Region(Size(40, 40), 3, 11, Size(16, 16))
    [piece] = Tiling(16, "official").pieces(region)
    assert piece.window == region


@pytest.mark.parametrize("tiling", TILINGS)
def test_regions_may_reach_outside(tiling: Tiling) -> None:
    canvas = Size(40, 24)
    around = Region(canvas, -30, -50, Size(120, 130))
    inside = origins(tiling, around)[30 : 30 + 40, 50 : 50 + 24]
    assert torch.equal(inside, origins(tiling, Region.whole(canvas)))


def test_bands_follow_each_other() -> None:
    bands = list(Tiling(16, margin=3).bands(Size(50, 20)))
    assert bands[0].top == 0
    assert all(a.top + a.size.height == b.top for a, b in itertools.pairwise(bands))
    assert bands[-1].top + bands[-1].size.height == 50
    assert {band.size.width for band in bands} == {20}


def test_mistakes_are_named() -> None:
    with pytest.raises(ConfigError, match="did you mean official"):
        Tiling(16, "offical")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="margin 8 of a window of 16"):
        Tiling(16, margin=8)
