"""StyleGAN2 pieces: their definitions, and independence of the batch."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from anyres_bench.models.stylegan2 import (
    EqualConv,
    EqualLinear,
    FirLayer,
    ModulatedConv,
    ResidualBlock,
    ToRGB,
    centre,
    fir,
    fir_kernel,
    mapping_network,
    minibatch_stddev,
    modulated_conv,
    pixel_norm,
)

TAPS = (1, 3, 3, 1)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("up", [1, 2])
def test_a_filter_keeps_a_flat_picture(up: int) -> None:
    kernel = fir_kernel(TAPS, up)
    assert kernel.sum().item() == pytest.approx(up**2)
    pad = (2, 1)
    y = fir(torch.ones(1, 2, 8, 8), kernel, pad, up)
    assert y.shape == (1, 2, 8 * up, 8 * up)
    assert y[..., 3:-3, 3:-3].sub(1).abs().max() < 1e-6
    assert torch.equal(FirLayer(TAPS, pad, up)(torch.ones(1, 2, 8, 8)), y)


def test_modulation_is_a_filter_bank_for_every_sample() -> None:
    x, weight, style = normal(3, 4, 6, 6), normal(5, 4, 3, 3, seed=1), normal(3, 4, seed=2)
    y = modulated_conv(x, weight, style, padding=1)
    for i in range(3):
        own = weight * style[i][None, :, None, None]
        own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        assert (F.conv2d(x[i : i + 1], own, padding=1) - y[i : i + 1]).abs().max() < 1e-5


def test_a_sample_does_not_depend_on_its_batch() -> None:
    conv = ModulatedConv((4, 6), 3, 8, padding=1)
    x, style = normal(5, 4, 7, 7), normal(5, 8, seed=1)
    assert (conv(x, style)[2:3] - conv(x[2:3], style[2:3])).abs().max() < 1e-5


def test_narrow_inputs_use_the_first_filters() -> None:
    conv = ModulatedConv((4, 6), 3, 8, padding=1)
    x, style = normal(2, 3, 5, 5), normal(2, 8, seed=1)
    assert conv(x, style, width=2).shape == (2, 2, 5, 5)


def test_equalised_layers_scale_by_their_fan_in() -> None:
    linear, conv = EqualLinear(16, 3, lr_mul=0.5), EqualConv(4, 3, 3)
    x = normal(2, 16)
    expected = x @ (linear.weight * 0.5 / math.sqrt(16)).T
    assert (linear(x) - expected).abs().max() < 1e-6
    y = normal(1, 4, 5, 5)
    assert (conv(y) - F.conv2d(y, conv.weight) / 6).abs().max() < 1e-6


def test_the_mapping_starts_with_vectors_of_one_length() -> None:
    z = normal(4, 8) * 100
    assert (pixel_norm(z).square().mean(1) - 1).abs().max() < 1e-5
    network = mapping_network(8, 2)
    assert (network(z) - network(z / 7)).abs().max() < 1e-5


def test_the_deviation_of_a_group_is_one_number() -> None:
    x = normal(4, 3, 2, 2)
    y = minibatch_stddev(torch.cat([x, x]), group=2)
    assert y.shape == (8, 4, 2, 2)
    assert y[:, 3].abs().max() < 1e-3, "samples i and i + 4 are the same"
    with pytest.raises(AssertionError, match="groups of 4"):
        minibatch_stddev(torch.zeros(6, 1, 2, 2), group=4)


def test_blocks_halve_and_colours_add_up() -> None:
    assert ResidualBlock((3, 5))(normal(2, 3, 8, 8)).shape == (2, 5, 4, 4)
    to_rgb = ToRGB(4, 8, FirLayer(TAPS, (2, 1), up=2))
    x, style, below = normal(1, 4, 8, 8), normal(1, 8, seed=1), normal(1, 3, 4, 4, seed=2)
    added = to_rgb(x, style, below) - to_rgb(x, style)
    assert (added - to_rgb.upsample(below)).abs().max() < 1e-5
    assert torch.equal(
        centre(normal(1, 1, 6, 6), normal(1, 1, 4, 2)), normal(1, 1, 6, 6)[:, :, 1:5, 2:4]
    )
