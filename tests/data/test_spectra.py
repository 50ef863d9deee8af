"""Spectra against Parseval and power laws, and the traces of enlarging and of blocks."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.pixels import FILTERS, decode, resize_uint8
from anyres_bench.data.scenes import Scene, render
from anyres_bench.data.spectra import (
    ResolutionEstimate,
    Spectrum,
    blockiness,
    effective_resolution,
    luminance,
    radial_spectrum,
)
from tests.data.octave_tools import exponent, octave_energy

ENLARGERS = ("bilinear", "bicubic", "lanczos")


def power_law(
    height: int, width: int, alpha: float, seed: int, deviation: float = 45
) -> np.ndarray:
    """A random field with power f^-alpha as a grey (h, w, 3) uint8 image."""
    f = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    f[0, 0] = np.inf
    noise = np.fft.rfft2(np.random.default_rng(seed).standard_normal((height, width)))
    field = np.fft.irfft2(noise * f ** (-alpha / 2), (height, width))
    field = 128 + deviation * field / field.std()
    return np.repeat(np.clip(np.rint(field), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def scene(seed: int, height: int = 256, width: int = 384) -> np.ndarray:
    image = render(Scene(seed), Region.whole(Size(height, width)))
    return np.rint((image.transpose(1, 2, 0) + 1) * 127.5).astype(np.uint8)


def enlarged(pixels: np.ndarray, scale: float, filter_name: str) -> np.ndarray:
    height, width = pixels.shape[:2]
    small = pixels[: round(height / scale), : round(width / scale)]
    return resize_uint8(small, Size(height, width), filter_name)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return decode(file.getvalue()).pixels


def resolution(pixels: np.ndarray) -> ResolutionEstimate:
    return effective_resolution(luminance(pixels))


def blocks(pixels: np.ndarray, period: int = 8) -> float:
    return blockiness(luminance(pixels), period)


# --- spectra


@pytest.mark.parametrize("shape", [(64, 64), (63, 95), (40, 128)])
def test_white_noise_is_flat_and_its_density_is_the_variance(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).normal(0, 5, (60, *shape))
    spectrum = radial_spectrum(noise)
    assert spectrum.power.shape == (60, min(shape) // 2)
    np.testing.assert_allclose(spectrum.power.mean(axis=0)[1:], 25, rtol=0.2)
    np.testing.assert_allclose(spectrum.power.mean(), 25, rtol=0.03)


def test_a_wave_is_found_at_its_frequency() -> None:
    x = np.arange(256)
    wave = np.tile(np.cos(np.pi * 0.3 * x), (256, 1))  # 0.3 of Nyquist
    for grey in (wave, wave.T):
        spectrum = radial_spectrum(grey)
        assert abs(spectrum.frequency[np.argmax(spectrum.power)] - 0.3) <= 1 / 128


def test_every_image_of_a_stack_is_measured_by_itself() -> None:
    stack = np.random.default_rng(0).normal(size=(2, 3, 50, 40))
    together = radial_spectrum(stack)
    alone = radial_spectrum(stack[1, 2])
    np.testing.assert_array_equal(together.power[1, 2], alone.power)


@pytest.mark.parametrize("alpha", [1.0, 2.0, 3.0])
def test_the_exponent_of_a_power_law(alpha: float) -> None:
    fields = np.stack([luminance(power_law(256, 256, alpha, seed)) for seed in range(6)])
    spectrum = radial_spectrum(fields)
    np.testing.assert_allclose(exponent(spectrum, 0.05, 0.9).mean(), alpha, atol=0.1)


def test_octaves_of_a_one_over_f_squared_spectrum_hold_the_same() -> None:
    frequency = (np.arange(512) + 0.5) / 512
    energy = octave_energy(Spectrum(frequency, frequency**-2.0), 5)
    np.testing.assert_allclose(energy, energy[0], atol=0.01)
    white = octave_energy(Spectrum(frequency, np.full(512, 7.0)), 5)
    np.testing.assert_allclose(np.diff(white), np.log10(0.25), atol=0.01)  # octaves of a quarter


def test_octave_energies_add_up_to_the_variance_below_nyquist() -> None:
    noise = np.random.default_rng(0).normal(0, 3, (512, 512))
    total = (10 ** octave_energy(radial_spectrum(noise), 8)).sum()
    np.testing.assert_allclose(total, 9 * np.pi / 4, rtol=0.05)  # the disc's share of the square


def test_luminance_weights() -> None:
    pixels = np.eye(3, dtype=np.uint8)[None] * 100
    np.testing.assert_allclose(luminance(pixels), [[29.9, 58.7, 11.4]])


def test_tiny_images_have_no_spectrum() -> None:
    with pytest.raises(UsageError, match="4x4"):
        radial_spectrum(np.zeros((3, 50)))


# --- effective resolution


@pytest.mark.parametrize("filter_name", ENLARGERS)
@pytest.mark.parametrize("scale", [1.5, 2.0, 3.0, 4.0])
def test_enlarged_images_are_found_out(filter_name: str, scale: float) -> None:
    for source in (power_law(384, 384, 2.4, 1), scene(3)):
        found = resolution(enlarged(source, scale, filter_name))
        blurred = 0.65 if filter_name == "bilinear" else 0.8
        assert blurred <= found.value * scale <= 1.25
        assert 0 < found.confidence <= 1


@pytest.mark.parametrize("filter_name", ENLARGERS)
def test_a_jpeg_of_an_enlarged_image_is_found_out(filter_name: str) -> None:
    for scale in (2.0, 3.0):
        found = resolution(jpeg(enlarged(scene(4), scale, filter_name), 80))
        assert 0.65 <= found.value * scale <= 1.25


def test_sharp_images_keep_their_resolution() -> None:
    sharp = [power_law(256, 384, 2.4, seed) for seed in range(3)] + [scene(s) for s in range(3)]
    assert min(resolution(image).value for image in sharp) >= 0.8
    assert min(resolution(jpeg(image, 80)).value for image in sharp) >= 0.8


def test_shrinking_restores_resolution() -> None:
    soft = enlarged(scene(5, 512, 512), 2, "bicubic")
    assert resolution(soft).value < 0.65
    assert resolution(resize_uint8(soft, Size(256, 256))).value > 0.7


def test_what_tells_nothing_says_so() -> None:
    assert resolution(np.full((200, 200, 3), 90, np.uint8)) == (1.0, 0.0)
    assert resolution(power_law(31, 300, 2, 0)) == (1.0, 0.0)
    faint = resolution(power_law(256, 256, 2.4, 0, deviation=0.6))
    assert faint.confidence < 0.8


def test_every_small_side_is_measured() -> None:
    """Also where a scale folds a frequency of the tile onto 0, whose power law is infinite."""
    field = power_law(128, 128, 2.4, 0)
    with np.errstate(all="raise", under="ignore"):
        found = [resolution(field[:side]) for side in range(44, 128, 8)]
    assert min(f.value for f in found) > 0.4
    assert all(0 < f.confidence <= 1 for f in found)


def test_the_whole_range_of_sizes_is_measured() -> None:
    for size in ((32, 32), (33, 500), (130, 128), (1500, 1200)):
        found = resolution(power_law(*size, 2.4, 0))
        assert 0 < found.value <= 1


# --- blocks


def test_blocks_of_a_jpeg_are_seen_also_when_cropped() -> None:
    clean = scene(2)
    assert blocks(clean) < 1.1
    values = [blocks(jpeg(clean, quality)) for quality in (90, 40, 10)]
    assert values[0] < values[1] < values[2]
    assert values[2] > 1.3
    cropped = jpeg(clean, 10)[3:, 5:]
    np.testing.assert_allclose(blocks(cropped), values[2], rtol=0.05)


def test_blocks_by_hand() -> None:
    steps = np.repeat(np.arange(8) * 10, 8)  # flat blocks, steps of 10 between them, else 1
    row = steps + np.arange(64) % 2
    image = np.repeat(np.tile(row, (64, 1))[..., None], 3, axis=2).astype(np.uint8)
    # Across the grid along x: 10 - 1 = 9 against 1; along y nothing differs at all.
    np.testing.assert_allclose(blocks(image), (9 + 1) / 2)
    assert blocks(np.full((40, 40, 3), 7, np.uint8)) == 1
    with pytest.raises(UsageError, match="16"):
        blocks(image[:10])


def test_another_period() -> None:
    tiles = scene(1, 128, 128).astype(np.int64)
    offsets = np.random.default_rng(0).integers(-20, 20, (4, 4, 1))
    seams = np.clip(tiles + np.kron(offsets, np.ones((32, 32, 1))), 0, 255).astype(np.uint8)
    assert blocks(seams, period=32) > 1.5 * blocks(tiles.astype(np.uint8), period=32)


def test_filters_named_here_exist() -> None:
    assert set(ENLARGERS) <= set(FILTERS)
