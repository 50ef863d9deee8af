"""Maps of detail: local energy that a smaller copy loses."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.geometry import Size
from anyres_bench.tilers.detail import integral, spectral_detail


def test_spectral_detail_is_the_variance_beyond_the_cut() -> None:
    _, x = np.indices((64, 96))
    wave = 128 + 60 * np.cos(np.pi * 0.5 * x)  # half of Nyquist, along the rows
    pixels = np.repeat(np.rint(wave)[..., None], 3, axis=2).astype(np.uint8)
    lost = spectral_detail(pixels, 0.3)
    assert lost.shape == (2, 3)
    assert np.allclose(lost, 60**2 / 2, rtol=0.01)
    assert spectral_detail(pixels, 0.7).max() < 1
    assert spectral_detail(pixels, 1.0).max() == 0
    assert spectral_detail(np.full((5, 7, 3), 9, np.uint8), 0.1).tolist() == [[0.0]]


def test_the_integral_counts_shares_of_cells() -> None:
    detail = np.arange(6.0).reshape(2, 3)
    image = Size(20, 30)
    assert integral(detail, image, (0, 0, 20, 30)) == detail.sum()
    assert integral(detail, image, (-9, -9, 99, 99)) == detail.sum()
    assert integral(detail, image, (5, 10, 15, 15)) == pytest.approx(0.25 * (1 + 4))
