"""Interpolation kernels: partitions of one that end at their half width."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.data.kernels import KERNELS

INTERPOLATING = [name for name in KERNELS if name != "box"]


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_is_nothing_beyond_its_half_width(name: str) -> None:
    half, kernel = KERNELS[name]
    beyond = np.linspace(half + 1e-9, half + 3, 100)
    assert not kernel(beyond).any()
    assert not kernel(-beyond).any()
    assert kernel(np.array([0.0])) == 1


@pytest.mark.parametrize("name", KERNELS)
def test_shifted_by_whole_pixels_a_kernel_adds_up_to_one(name: str) -> None:
    _, kernel = KERNELS[name]
    places = np.linspace(-0.5, 0.5, 101)[:, None] - np.arange(-4, 5)
    # Lanczos is the one that does so nearly; its weights are divided by their sum.
    np.testing.assert_allclose(
        kernel(places).sum(axis=1), 1, atol=0.011 if name == "lanczos" else 1e-12
    )


@pytest.mark.parametrize("name", INTERPOLATING)
def test_at_the_samples_a_kernel_gives_the_samples(name: str) -> None:
    _, kernel = KERNELS[name]
    np.testing.assert_allclose(kernel(np.arange(-4.0, 5)), np.arange(-4, 5) == 0, atol=1e-15)
    x = np.linspace(0, 4, 200)
    np.testing.assert_array_equal(kernel(x), kernel(-x))


def test_cubic_convolution_gives_parabolas_back() -> None:
    _, kernel = KERNELS["bicubic"]
    samples = np.arange(-5.0, 6)
    for place in (0.0, 0.25, 0.7):
        weights = kernel(place - samples)
        for power in range(3):
            assert weights @ samples**power == pytest.approx(place**power)
