"""The procedural world: the same pixels from any window, a known spectrum, one law at all sizes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.data import scenes as scenes_module
from anyres_bench.data.landscape import Style
from anyres_bench.data.scenes import Scene, render
from anyres_bench.data.spectra import Spectrum, radial_spectrum
from tests.data.octave_tools import exponent, octave_energy

CANVASES = [Size(64, 64), Size(97, 251), Size(256, 100), Size(600, 700), Size(4096, 3000)]


def whole(seed: int, height: int, width: int | None = None) -> np.ndarray:
    return render(Scene(seed), Region.whole(Size(height, width or height)))


def grey(image: np.ndarray) -> np.ndarray:
    return 127.5 * np.tensordot([0.299, 0.587, 0.114], image, axes=1)


def ground(seed: int, side: int, window: int) -> np.ndarray:
    """Grey levels of a window near the bottom of a square canvas, where all is ground."""
    corner = (int(0.97 * side) - window, side // 3)
    return grey(render(Scene(seed), Region(Size.square(side), *corner, Size.square(window))))


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
    pixels = render(Scene(5), outer)
    for _ in range(4):
        height, width = random.integers(1, 40, 2)
        top, left = random.integers(0, 48 - height), random.integers(0, 60 - width)
        box = Box(int(top), int(left), int(height), int(width))
        alone = render(Scene(5), outer.crop(box))
        np.testing.assert_array_equal(alone, pixels[:, box.top : box.bottom, box.left : box.right])


def test_a_window_over_several_tiles_and_beyond_the_canvas_is_cut_from_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    region = Region(Size(150, 120), -20, -30, Size(200, 190))
    one_tile = render(Scene(8), region)
    monkeypatch.setattr(scenes_module, "_TILE", 37)
    np.testing.assert_array_equal(render(Scene(8), region), one_tile)
    inside = render(Scene(8), Region.whole(Size(150, 120)))
    np.testing.assert_array_equal(inside, one_tile[:, 20:170, 30:150])


def test_a_wider_canvas_shows_more_of_the_same() -> None:
    np.testing.assert_array_equal(whole(2, 64, 164)[:, :, 50:114], whole(2, 64, 64))


# --- seeds


def test_the_seed_is_all_there_is() -> None:
    np.testing.assert_array_equal(whole(3, 40), whole(3, 40))
    assert np.abs(whole(3, 40) - whole(4, 40)).mean() > 0.05


def test_the_world_never_changes_under_its_name() -> None:
    # Only exactly rounded operations lead from seed to pixel, so the bits are the same anywhere.
    assert scenes_module.WORLD == "dead-leaves@1"
    digest = hashlib.sha256()
    for region in (Region.whole(Size(96, 128)), Region(Size(4096, 4096), 2500, 1000, Size(64, 64))):
        digest.update(render(Scene(12345), region).tobytes())
    assert digest.hexdigest() == "9f0a34ae2c05246783dfb410afe714e1ffb6557b6d78fc51868be3f35e9ad948"


def test_styles_lead_elsewhere() -> None:
    region = Region.whole(Size(48, 64))
    plain = render(Scene(6, Style(contrast=0.0)), region)
    assert np.abs(np.diff(plain, axis=2)).mean() < 0.5 * np.abs(np.diff(whole(6, 48, 64))).mean()
    for style in (Style(largest=0.05), Style(palettes=("winter",)), Style(horizon=(0.8, 0.8))):
        assert np.abs(render(Scene(6, style), region) - whole(6, 48, 64)).mean() > 0.02


# --- the law


def test_radii_fall_as_the_inverse_cube_and_octaves_cover_the_same() -> None:
    corners = np.asarray([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]])
    radii, covered = [], []
    for k in range(9, 15):
        cell = scenes_module._CELL * scenes_module._largest(Style(), k)
        lattice = scenes_module._Lattice.around(corners, cell, Scene(1).lattices[k], 0)
        leaves = scenes_module._Shapes.of_layer(Scene(1).keys[k], lattice)
        inside = leaves.present & ((leaves.centre > 0) & (leaves.centre < 1)).all(axis=0)
        radii.append(np.sqrt(leaves.major * leaves.minor)[inside])
        covered.append(np.pi * (radii[-1] ** 2).sum())
    # r^-3 over half an octave has a mean square of log 2 times the largest square.
    share = np.pi * np.log(2) / scenes_module._CELL**2 * scenes_module._PRESENT
    np.testing.assert_allclose(covered, share, rtol=0.07)
    every = np.concatenate(radii)
    # A density r^-3 between a and b has P(radius > r) proportional to r^-2 - b^-2.
    b, a = every.max(), every.min()
    for r in np.geomspace(1.2 * a, 0.5 * b, 6):
        expected = (r**-2 - b**-2) / (a**-2 - b**-2)
        np.testing.assert_allclose((every > r).mean(), expected, rtol=0.05)


def test_no_leaf_leaves_its_cell_and_every_offset_agrees_with_the_ellipse() -> None:
    lattice = scenes_module._Lattice.around(
        np.asarray([[0.0, 1.0], [0.0, 1.0]]), 0.05, Scene(2).lattices[3], 7
    )
    leaves = scenes_module._Shapes.of_layer(Scene(2).keys[3], lattice)
    numbers = np.arange(leaves.centre.shape[1])
    for turn in np.linspace(0, 2 * np.pi, 13):
        direction = np.asarray([np.sin(turn), np.cos(turn)])[:, None]
        along = leaves.axes[:2] * direction, leaves.axes[2:] * direction
        reach = 1 / np.hypot(along[0].sum(axis=0), along[1].sum(axis=0))
        rim = leaves.centre + direction * reach * (1 - 1e-9)
        np.testing.assert_array_equal(lattice.leaf(*rim) - 7, numbers)
        np.testing.assert_array_equal(leaves.cover(numbers, rim), leaves.present)
        assert not leaves.cover(numbers, leaves.centre + direction * reach * (1 + 1e-9)).any()
        assert (reach <= leaves.major * (1 + 1e-9)).all()
        assert (reach >= leaves.minor * (1 - 1e-9)).all()


def test_the_spectrum_falls_as_one_over_f_squared() -> None:
    power = np.mean([radial_spectrum(ground(s, 4096, 384)).power for s in range(6)], axis=0)
    spectrum = Spectrum((np.arange(192) + 0.5) / 192, power)
    assert 1.8 <= exponent(spectrum, 0.02, 0.25) <= 2.25
    energy = octave_energy(spectrum, 5)
    # The pixel's own antialiasing takes a little off the two octaves below Nyquist.
    assert np.ptp(energy[1:]) <= 0.2
    assert 0.2 <= energy[1:].mean() - energy[0] <= 0.5


def test_patches_of_all_canvases_have_the_same_statistics() -> None:
    def measure(side: int) -> np.ndarray:
        windows = np.stack([ground(seed, side, 96) for seed in range(10)])
        energy = octave_energy(radial_spectrum(windows), 4).mean(axis=0)
        steps = np.log10(np.abs(np.diff(windows, axis=2)).mean())
        return np.append(energy, steps)

    reference = measure(1024)
    for side in (256, 4096, 16384):
        np.testing.assert_allclose(measure(side), reference, atol=0.15)


def test_more_pixels_show_the_same_picture() -> None:
    for seed in range(3):
        fine, coarse = whole(seed, 256), whole(seed, 128)
        averaged = fine.reshape(3, 128, 2, 128, 2).mean(axis=(2, 4))
        assert np.corrcoef(averaged.ravel(), coarse.ravel())[0, 1] > 0.97
        assert np.sqrt(((averaged - coarse) ** 2).mean()) < 0.1


def test_there_is_no_lattice_to_be_seen() -> None:
    """Leaves lie in cells, yet no period stands out along rows or columns."""
    windows = np.stack([ground(seed, 1024, 256) for seed in range(4)])
    for axis in (1, 2):
        steps = np.abs(np.diff(windows, axis=axis)).mean(axis=(0, 3 - axis))
        profile = np.abs(np.fft.rfft(steps - steps.mean()))[16:]
        assert profile.max() < 4.5 * np.median(profile)


def test_there_is_a_layout_to_learn() -> None:
    """Sky over ground in every scene, elsewhere variety."""
    images = np.stack([whole(seed, 48) for seed in range(24)])
    blueness = (images[:, 2] - images[:, 0]).mean(axis=(0, 2))
    assert blueness[:12].mean() - blueness[-12:].mean() > 0.2
    rough = np.abs(np.diff(images, axis=3)).mean(axis=(0, 1, 3))
    assert rough[-12:].mean() > 1.5 * rough[:12].mean()
    assert images.mean(axis=(2, 3)).std(axis=0).min() > 0.1
