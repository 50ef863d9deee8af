"""Power of bands: white noise is flat, a wave lies in its band, sizes agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.scenes import SCENES
from anyres_bench.features.contract import check_contract
from anyres_bench.features.extractor import extractor_from
from anyres_bench.features.spectrum import EDGES, N_BANDS, ROUNDING, band_powers, log_powers


def test_the_contract_of_extractors() -> None:
    check_contract(extractor_from("spectrum"), (Size(32, 32), Size(70, 45)))


def test_white_noise_has_its_variance_in_every_band() -> None:
    powers = np.mean(
        [band_powers(7 * stream(i, "white").normal((96, 96)), EDGES) for i in range(8)], axis=0
    )
    np.testing.assert_allclose(powers[-12:], 49, rtol=0.15)


@pytest.mark.parametrize("band", [11, 15, 19])
def test_a_wave_lies_in_its_band(band: int) -> None:
    frequency = np.sqrt(EDGES[band] * EDGES[band + 1])
    wave = 50 * np.cos(np.pi * frequency * np.arange(256)) * np.ones((256, 1))
    assert int(np.argmax(band_powers(wave, EDGES))) == band


def test_a_flat_image_has_what_rounding_leaves() -> None:
    flat = np.full((40, 40, 3), 9, np.uint8)
    np.testing.assert_allclose(log_powers(flat), np.log10(ROUNDING))


def test_bands_mean_the_same_at_every_size() -> None:
    """The scenes' law: power falls as 1/f^2, equal in every octave, at any size of canvas."""
    for side in (64, 128):
        rows = [
            log_powers(SCENES.picture(seed, Region(Size(512, 512), 100, 100, Size(side, side))))
            for seed in range(12)
        ]
        falls = np.diff(np.mean(rows, axis=0)[8:16])  # 1/8 to 1/2 of Nyquist
        assert falls.sum() / 7 * 4 == pytest.approx(-2 * np.log10(2), abs=0.15)


def test_small_images_are_refused() -> None:
    with pytest.raises(UsageError, match="32 px and more; got 16x64"):
        extractor_from("spectrum")(torch.zeros(1, 3, 16, 64, dtype=torch.uint8))
    assert len(EDGES) == N_BANDS + 1
