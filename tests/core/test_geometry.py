"""Regions: integers are the truth, and the floats made from them agree however a window is cut."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Region, Size, tiles


def test_size_parses_height_first() -> None:
    assert Size.parse("640x1024") == Size(640, 1024)
    assert Size.parse("512") == Size(512, 512)
    assert str(Size(3, 4)) == "3x4"


@pytest.mark.parametrize("text", ["", "0", "12x0", "a", "-3", "1x2x3", "1.5"])
def test_size_refuses_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="HEIGHTxWIDTH"):
        Size.parse(text)


@pytest.mark.parametrize(
    ("box", "fits"),
    [
        (Box(0, 0, 3, 4), True),
        (Box(1, 1, 2, 3), True),
        (Box(-1, 0, 2, 2), False),
        (Box(0, 2, 3, 3), False),
        (Box(0, 0, 0, 2), False),
    ],
)
def test_box_fits(box: Box, fits: bool) -> None:
    assert box.fits(Size(3, 4)) is fits


def test_coords_of_a_part_are_the_part_of_the_coords() -> None:
    whole = Region.whole(Size(37, 61))
    part = whole.crop(Box(5, 17, 11, 13))
    assert torch.equal(part.coords(), whole.coords()[5:16, 17:30])


def test_coords_are_pixel_centres() -> None:
    coords = Region.whole(Size(2, 4)).coords()
    assert coords[0, 0].tolist() == [-0.5, -0.75]
    assert coords[1, 3].tolist() == [0.5, 0.75]
    assert Region.whole(Size(2, 4)).cell() == (1.0, 0.5)


def test_affine_of_a_square_window_is_the_closed_form() -> None:
    side, patch, y, x = 500, 256, 244, 13
    expected = [
        [patch / side, 0, (x + patch / 2) / side - 0.5],
        [0, patch / side, (y + patch / 2) / side - 0.5],
        [0, 0, 1],
    ]
    affine = Region(Size.square(side), y, x, Size.square(patch)).affine()
    assert torch.allclose(affine, torch.tensor(expected, dtype=torch.float64), atol=1e-15)


def test_affine_divides_both_axes_by_the_longer_side() -> None:
    affine = Region(Size(100, 400), 0, 0, Size(50, 50)).affine()
    assert affine[0, 0] == affine[1, 1] == 50 / 400
    assert affine[1, 2] == (25 - 50) / 400
    assert affine[0, 2] == (25 - 200) / 400


def test_whole_canvas_has_the_identity() -> None:
    assert torch.equal(Region.whole(Size(64, 48)).affine(), torch.eye(3, dtype=torch.float64))


@pytest.mark.parametrize("canvas", [Size(500, 500), Size(256, 700), Size(512, 256), Size(257, 300)])
def test_tiles_cover_and_stay_inside(canvas: Size) -> None:
    seen = torch.zeros(canvas, dtype=torch.bool)
    for tile in tiles(canvas, Size(256, 256)):
        assert tile.box.fits(canvas)
        seen[tile.top : tile.box.bottom, tile.left : tile.box.right] = True
    assert seen.all()


def test_a_window_is_read() -> None:
    canvas = Size(4, 5)
    assert Region.parse(None, canvas) == Region.whole(canvas)
    assert Region.parse("1,2,3,3", canvas) == Region(canvas, 1, 2, Size(3, 3))


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "0,0,5,5", "0,0,0,1", "-1,0,2,2"])
def test_what_is_no_window_of_the_canvas(text: str) -> None:
    with pytest.raises(UsageError, match="region"):
        Region.parse(text, Size(4, 5))
