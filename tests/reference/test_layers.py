"""Building blocks: scaled weights, unit variance, samples that do not touch each other."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from anyres_bench.models.resample import Padding
from anyres_bench.reference import layers
from anyres_bench.reference.layers import (
    FullyConnected,
    Modulation,
    Workspace,
    modulated_conv2d,
    normalize_rms,
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
def test_the_multiplier_changes_the_stored_weights_and_not_the_effect(
    lr_multiplier: float,
) -> None:
    x = torch.randn(5, 6, generator=rng(1))
    plain = FullyConnected(6, 4, rng(), bias_init=0.5)
    slow = FullyConnected(6, 4, rng(), bias_init=0.5, lr_multiplier=lr_multiplier)
    torch.testing.assert_close(slow(x), plain(x))
    torch.testing.assert_close(slow.weight * lr_multiplier, plain.weight)
    active = FullyConnected(6, 4, rng(), bias_init=0.5, activation="lrelu")
    torch.testing.assert_close(active(x), F.leaky_relu(plain(x), 0.2) * math.sqrt(2))


def test_rows_have_unit_power_and_zero_stays_zero() -> None:
    x = torch.tensor([[3.0, -4.0], [0.0, 0.0]])
    normal = normalize_rms(x)
    torch.testing.assert_close(normal[0].square().mean(), torch.tensor(1.0))
    assert not normal[1].any()


def modulation(demodulate: bool) -> Modulation:
    weight, style = torch.randn(4, 6, 3, 3, generator=rng()), torch.randn(3, 6, generator=rng(1))
    return Modulation.of(weight, style, torch.tensor(1.5), demodulate)


@pytest.mark.parametrize("demodulate", [True, False])
def test_each_sample_is_convolved_with_its_own_weights(demodulate: bool) -> None:
    x, made = torch.randn(3, 6, 7, 8, generator=rng(2)), modulation(demodulate)
    y, scale = modulated_conv2d(x, made, padding=1)
    for i in range(3):
        own = made.weight * made.style[i, :, None, None] * made.scale[i, :, None, None, None]
        want = F.conv2d(x[i : i + 1], own, padding=1)[0]
        torch.testing.assert_close(y[i] * scale[i, :, None, None], want, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("strip", [1, 240])  # values: a row at a time, and 40 pixels
def test_strips_of_a_large_plane_are_the_whole(monkeypatch: pytest.MonkeyPatch, strip: int) -> None:
    x, made, zeros = torch.randn(3, 6, 11, 8, generator=rng(2)), modulation(True), Padding(0, 2, 1)
    whole, _ = modulated_conv2d(x, made, 1, zeros)  # with a gradient, never in strips
    monkeypatch.setattr(layers, "LARGE", 80)
    monkeypatch.setattr(layers, "_STRIP", strip)
    with torch.no_grad():
        torch.testing.assert_close(modulated_conv2d(x, made, 1, zeros)[0], whole)


def test_a_map_takes_the_place_of_the_one_two_before_it() -> None:
    workspace = Workspace(torch.empty(0, dtype=torch.float64), 12)
    first, second, third = (workspace.next(n, 2) for n in (3, 6, 4))
    assert [x.shape for x in (first, second, third)] == [(3, 2), (6, 2), (4, 2)]
    assert {x.dtype for x in (first, second, third)} == {torch.float64}
    assert third.data_ptr() == first.data_ptr() != second.data_ptr()


def test_demodulated_weights_have_the_power_of_the_gain() -> None:
    made = modulation(demodulate=True)
    own = made.weight * made.style[:, None, :, None, None] * made.scale[:, :, None, None, None]
    power = own.square().sum((2, 3, 4))
    torch.testing.assert_close(power, torch.full_like(power, 1.5**2))


@pytest.mark.parametrize("size", [1.0, 256.0])
def test_half_precision_holds_the_largest_activations(size: float) -> None:
    x, made = size * torch.randn(3, 6, 7, 8, generator=rng(2)), modulation(demodulate=True)
    made = made._replace(weight=1000 * made.weight, scale=made.scale / 1000)
    y, scale = modulated_conv2d(x.half(), made.of_unit_norm(torch.float16), padding=1)
    assert y.dtype == torch.float16
    single, factor = modulated_conv2d(x, made, padding=1)
    want = single * factor[:, :, None, None]
    got = y.float() * scale[:, :, None, None]
    torch.testing.assert_close(got, want, atol=1e-2 * size, rtol=1e-2)


def test_half_precision_takes_a_channel_without_weights() -> None:
    made = modulation(demodulate=False)
    made.weight[1] = 0
    y, scale = modulated_conv2d(
        torch.ones(3, 6, 7, 8).half(), made.of_unit_norm(torch.float16), padding=1
    )
    assert not y[:, 1].any()
    assert scale.isfinite().all()
