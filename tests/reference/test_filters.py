"""Low-pass designs against scipy's and their own symmetries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import firwin

from anyres_bench.reference.filters import Lowpass, normalized_kernel


@pytest.mark.parametrize(
    ("n_taps", "cutoff", "width", "rate"),
    [(12, 2.0, 12.0, 32), (24, 4.0, 8.0, 64), (12, 128.0, 59.2, 512), (13, 3.0, 1.0, 32)],
)
def test_separable_design_is_scipys(n_taps: int, cutoff: float, width: float, rate: float) -> None:
    taps = Lowpass(n_taps, cutoff, width, rate).design()
    assert taps is not None
    assert taps.dtype == torch.float32
    np.testing.assert_allclose(taps, firwin(n_taps, cutoff, width=width, fs=rate), atol=1e-7)


@pytest.mark.parametrize("n_taps", [12, 13])
def test_radial_design_is_symmetric_and_passes_constants(n_taps: int) -> None:
    taps = Lowpass(n_taps, 3.0, 8.0, 32, radial=True).design()
    assert taps is not None
    assert taps.shape == (n_taps, n_taps)
    torch.testing.assert_close(taps, taps.T)
    torch.testing.assert_close(taps, taps.flip(0))
    assert float(taps.double().sum()) == pytest.approx(1, abs=1e-6)
    # No product of two filters is rotationally symmetric, except a Gaussian.
    assert torch.linalg.svdvals(taps.double())[1] > 1e-4


def test_one_tap_is_no_filter() -> None:
    assert Lowpass(1, 2.0, 12.0, 32).design() is None


def test_short_kernels_become_planes() -> None:
    assert torch.equal(
        normalized_kernel([1, 2, 1]) * 16,
        torch.tensor([1.0, 2, 1]).outer(torch.tensor([1.0, 2, 1])),
    )
    assert normalized_kernel([1.0] * 8).tolist() == [0.125] * 8
