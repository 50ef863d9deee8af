"""Two views of one item: corners whose numbers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import UsageError, WeightsError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import Pixels, resize_uint8
from anyres_bench.features.contract import check_contract
from anyres_bench.features.extractor import extractor_from
from anyres_bench.features.pairs import (
    HIGHEST_PSNR,
    agreement,
    band_limited_psnr,
    log_energy_above,
    squared_difference,
)
from anyres_bench.features.spectrum import ROUNDING


def noise(side: int, seed: int = 0, sigma: float = 30) -> Pixels:
    levels = 128 + sigma * stream(seed, "pairs").normal((side, side, 3))
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("spec", ["pair", "difference", "masked-difference"])
def test_the_contract_of_extractors(spec: str) -> None:
    check_contract(extractor_from(spec), (Size(32, 32), Size(40, 33)))


def test_what_follows_the_name_is_refused() -> None:
    for spec in ("pair:3", "pair@file:x", "difference:1"):
        with pytest.raises(UsageError, match="takes nothing behind its name"):
            extractor_from(spec)


def test_an_image_agrees_with_what_was_shrunk_from_it() -> None:
    large = noise(64)
    small = resize_uint8(large, Size(32, 32), "lanczos")
    ssim, psnr, _ = agreement(small, large)
    assert ssim == pytest.approx(1, abs=1e-12)
    assert psnr == pytest.approx(HIGHEST_PSNR)


def test_independent_images_do_not_agree() -> None:
    ssim, psnr, _ = agreement(noise(32, 1), noise(64, 2))
    assert abs(ssim) < 0.1
    assert psnr < 25


def test_only_low_frequencies_count_in_psnr() -> None:
    """A checkerboard is at Nyquist, a constant shift is not."""
    flat = np.full((16, 16, 3), 100, np.uint8)
    board = flat.copy()
    board[::2, ::2] += 20
    board[1::2, 1::2] += 20
    assert band_limited_psnr(flat, board) == pytest.approx(
        20 * math.log10(255) - 10 * math.log10(100 + 1 / 12)
    )  # its mean of 10 levels remains
    shifted = flat + np.uint8(20)
    expected = 20 * math.log10(255) - 10 * math.log10(400 + 1 / 12)
    assert band_limited_psnr(flat, shifted) == pytest.approx(expected)


def test_energy_of_white_noise_lies_where_its_area_is() -> None:
    large, small = noise(128, sigma=20), np.zeros((64, 64, 3), np.uint8)
    variance = 20**2 * np.square([0.299, 0.587, 0.114]).sum()
    expected = math.log2((variance + ROUNDING) * math.pi / 4 * (1 - 0.25))
    assert log_energy_above(large, small) == pytest.approx(expected, abs=0.1)


def test_enlarging_adds_no_energy() -> None:
    small = noise(32)
    soft = resize_uint8(small, Size(128, 128), "bicubic")
    assert log_energy_above(soft, small) < log_energy_above(noise(128), small) - 2
    flat = np.full((128, 128, 3), 7, np.uint8)
    assert log_energy_above(flat, small) == pytest.approx(
        math.log2(ROUNDING * math.pi / 4 * (1 - 1 / 16))
    )


def test_a_view_that_shrinks_is_refused() -> None:
    large, small = (torch.zeros(1, 3, side, side, dtype=torch.uint8) for side in (64, 32))
    with pytest.raises(UsageError, match="larger one or an equal one; got 64x64 and 32x32"):
        extractor_from("pair")(large, small)
    with pytest.raises(UsageError, match="views of one size"):
        extractor_from("difference")(small, large)


def test_the_difference_is_in_grey_levels() -> None:
    a = np.full((4, 4, 3), 10, np.uint8)
    assert squared_difference(a, a) == [0.0]
    assert squared_difference(a, a + np.uint8(3)) == [9.0]


def test_lpips_says_which_weights_it_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsError, match="alexnet"):
        extractor_from("lpips+alex")
