"""The street of houses: the same pixels from any window, one picture at all sizes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.data import houses as houses_module
from anyres_bench.data.houses import HOUSES, Street, render

CANVASES = [Size(64, 64), Size(97, 251), Size(256, 100), Size(600, 700), Size(4096, 3000)]


def whole(seed: int, height: int, width: int | None = None) -> np.ndarray:
    return render(Street(seed), Region.whole(Size(height, width or height)))


def halved(image: np.ndarray) -> np.ndarray:
    channels, height, width = image.shape
    return image.reshape(channels, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


# --- windows


def test_pixels_are_float32_in_range_and_finite() -> None:
    image = whole(1, 90, 130)
    assert image.shape == (3, 90, 130)
    assert image.dtype == np.float32
    assert np.isfinite(image).all()
    assert image.min() >= -1
    assert image.max() <= 1
    assert image.std() > 0.2


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
def test_a_window_is_the_crop_of_any_window_around_it(canvas: Size) -> None:
    random = np.random.default_rng(canvas.pixels)
    outer = Region(canvas, canvas.height // 3, canvas.width // 4, Size(48, 60))
    pixels = render(Street(5), outer)
    for _ in range(4):
        height, width = random.integers(1, 40, 2)
        top, left = random.integers(0, 48 - height), random.integers(0, 60 - width)
        box = Box(int(top), int(left), int(height), int(width))
        alone = render(Street(5), outer.crop(box))
        np.testing.assert_array_equal(alone, pixels[:, box.top : box.bottom, box.left : box.right])


def test_a_wider_canvas_shows_the_next_lots_and_so_does_a_window_beyond_the_canvas() -> None:
    wide = whole(2, 64, 192)
    np.testing.assert_array_equal(wide[:, :, 64:128], whole(2, 64))
    beyond = render(Street(2), Region(Size(64, 64), 0, -64, Size(64, 192)))
    np.testing.assert_array_equal(beyond, wide)
    assert np.abs(wide[:, :, :64] - wide[:, :, 64:128]).mean() > 0.05
    assert np.abs(wide[:, :, 128:] - wide[:, :, 64:128]).mean() > 0.05


# --- seeds


def test_the_seed_is_all_there_is() -> None:
    np.testing.assert_array_equal(whole(3, 40), whole(3, 40))
    assert np.abs(whole(3, 40) - whole(4, 40)).mean() > 0.05
    picture = HOUSES.picture(3, Region.whole(Size(40, 40)))
    assert (picture.shape, picture.dtype) == ((40, 40, 3), np.uint8)
    off = np.abs(picture.transpose(2, 0, 1) / 127.5 - 1 - whole(3, 40)).max()
    assert off <= 0.5 / 127.5 + 1e-6


def test_the_world_never_changes_under_its_name() -> None:
    # Only exactly rounded operations lead from seed to pixel, so the bits are the same anywhere.
    assert houses_module.RULE == "houses@1"
    digest = hashlib.sha256()
    for region in (Region.whole(Size(96, 128)), Region(Size(4096, 4096), 2500, 1000, Size(64, 64))):
        digest.update(render(Street(12345), region).tobytes())
    assert digest.hexdigest() == "ee355b0c8d21c22c952c626232c8b3394771498200015d0e7b70224335708bd4"


# --- one picture at all sizes


def test_more_pixels_show_the_same_picture() -> None:
    for seed in range(3):
        for side in (64, 256):
            averaged, coarse = halved(whole(seed, side)), whole(seed, side // 2)
            assert np.corrcoef(averaged.ravel(), coarse.ravel())[0, 1] > 0.99
            assert np.sqrt(((averaged - coarse) ** 2).mean()) < 0.06


def test_every_octave_adds_detail_on_walls_lawns_and_trees() -> None:
    """What a canvas shows beyond the one of half its size, where neither is plain."""
    for top, left in ((0.7, -0.1), (0.86, 0.1)):
        for side in (128, 512, 2048, 16384):
            window = Size.square(64)
            corner = int(top * side), int((left + 0.5) * side)
            fine = np.stack(
                [render(Street(s), Region(Size.square(side), *corner, window)) for s in range(6)]
            )
            detail = fine - np.stack([halved(image).repeat(2, 1).repeat(2, 2) for image in fine])
            assert 0.005 < np.sqrt((detail**2).mean()) < 0.2


def test_there_is_a_layout_to_learn() -> None:
    """Sky over a house over a road in every picture, elsewhere variety."""
    images = np.stack([whole(seed, 32) for seed in range(32)])
    edges = np.abs(np.diff(images, axis=3)).mean(axis=(0, 1))
    assert edges[12:24, 8:24].mean() > 3 * edges[:4].mean()
    spread = images.std(axis=0).mean(axis=0)
    assert spread[30:].mean() < 0.6 * spread[12:20, 10:20].mean()
    assert images.mean(axis=(2, 3)).std(axis=0).min() > 0.1
