"""PSNR and SSIM of two images."""

from __future__ import annotations

import math

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.features.contract import pictures
from anyres_bench.features.extractor import extractor_from
from anyres_bench.features.fidelity import COLUMNS, HIGHEST_PSNR, fidelity


def image(seed: int = 0) -> np.ndarray:
    return pictures(seed + 1, (24, 36))[seed].permute(1, 2, 0).numpy()


def test_equal_images_have_the_highest_of_all() -> None:
    assert fidelity(image(), image()) == [HIGHEST_PSNR, 1.0, HIGHEST_PSNR, 1.0]


def test_psnr_by_its_definition() -> None:
    a = image()
    b = np.clip(a.astype(int) + np.random.default_rng(0).integers(-9, 10, a.shape), 0, 255)
    got = dict(zip(COLUMNS, fidelity(a, b.astype(np.uint8)), strict=True))
    error = np.square(a - b.astype(float)).mean()
    assert got["psnr_rgb"] == pytest.approx(10 * math.log10(255**2 / error))
    luma = [16 + (x.astype(float) @ (65.481, 128.553, 24.966)) / 255 for x in (a, b)]
    error = np.square(luma[0] - luma[1]).mean()
    assert got["psnr_y"] == pytest.approx(10 * math.log10(255**2 / error))
    assert 0 < got["ssim_rgb"] < 1


def test_a_grey_shift_is_seen_by_psnr_and_little_by_ssim() -> None:
    a = np.clip(image(), 20, 235)
    psnr, ssim, _, _ = fidelity(a, a + 10)
    assert psnr == pytest.approx(20 * math.log10(255 / 10))
    assert ssim > 0.95


def test_the_extractor_takes_pairs_of_one_size() -> None:
    extractor = extractor_from("fidelity")
    a, b = pictures(2, (24, 36))[None].transpose(0, 1)
    [row] = extractor(a, b).tolist()
    assert row == pytest.approx(fidelity(image(0), image(1)), rel=1e-6)
    assert (extractor.dim, extractor.n_views) == (4, 2)
    with pytest.raises(UsageError):
        fidelity(image(), image()[:-1])
