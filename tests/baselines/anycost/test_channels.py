"""Channels of Anycost-GAN: sorting keeps the images, sub-generators keep to their ratios."""

from __future__ import annotations

import torch

from anyres_bench.baselines.anycost.channels import (
    FEWEST,
    STEP,
    flexible_sub,
    importance,
    sorted_state,
    uniform_sub,
)
from anyres_bench.baselines.anycost.network import RATIOS, AnycostNetwork
from tests.baselines import tiny


def test_sorted_channels_make_the_same_images_and_are_in_order() -> None:
    network = tiny.anycost_generator()
    w = torch.randn(20, 12, generator=torch.Generator().manual_seed(0))
    again = tiny.anycost_generator()
    again.load_state_dict(sorted_state(network, w))
    styles, noise = network.styles(w[:2]), network.buffered_noise()
    before, after = (made(styles, noise)[-1] for made in (network, again))
    assert torch.allclose(before, after, atol=1e-5)
    for conv in (again.conv1.conv, *(layer.conv for layer in again.convs[:-1])):
        ranks = importance(conv, w)
        assert (ranks.diff() <= 1e-6).all()


def wide() -> AnycostNetwork:
    return AnycostNetwork(64, 8, 1, 1 / 16, 64)


def test_a_uniform_ratio_is_the_same_for_all_layers() -> None:
    network = wide()
    widths, ratios = uniform_sub(network, 0.5)
    assert widths == network.uniform_widths(0.5)
    assert ratios == [0.5] * len(widths)


def test_flexible_widths_are_multiples_between_the_fewest_and_the_full() -> None:
    network = wide()
    least, _ = flexible_sub(network, lambda n: 0)
    most, ratios = flexible_sub(network, lambda n: n - 1)
    assert most == network.widths
    assert set(ratios) == {1.0}
    floor = network.uniform_widths(RATIOS[0])
    for width, full, fewest in zip(least, network.widths, floor, strict=True):
        assert min(FEWEST, full) <= width <= full
        assert width % STEP == 0 or width == full
        assert width >= min(fewest, full)
