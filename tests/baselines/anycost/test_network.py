"""Anycost-GAN's networks: widths, targets, and discriminators that are told the sub-generator."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.baselines.anycost.network import (
    RATIOS,
    AnycostNetwork,
    DiscriminatorMultiRes,
    architecture_code,
    resolutions,
)
from anyres_bench.core.errors import UsageError
from tests.baselines import tiny


def test_widths_shrink_by_their_ratio_before_they_are_capped() -> None:
    made = AnycostNetwork(256, style_dim=8, n_mlp=1, channel_multiplier=1 / 4, channel_max=64)
    assert made.widths[::2] == [64, 64, 64, 64, 64, 32, 16]  # an eighth of the published ones
    assert made.uniform_widths(1.0) == made.widths
    assert made.uniform_widths(0.25)[::2] == [64, 64, 64, 32, 16, 8, 4]


def test_images_of_all_sizes_up_to_the_target() -> None:
    network = tiny.anycost_generator()
    styles = network.styles(torch.randn(1, 12))
    images = network(styles, network.buffered_noise(), target=16)
    assert [image.shape[-1] for image in images] == resolutions(16)
    for wrong in (4, 64, 20):
        with pytest.raises(UsageError, match=f"no target {wrong}"):
            network(styles, network.buffered_noise(), target=wrong)
    with pytest.raises(UsageError, match="channel counts"):
        network(styles, network.buffered_noise(), widths=[8])


def test_a_code_says_the_ratio_of_every_layer() -> None:
    ratios = [0.25, 1.0, 0.5]
    code = architecture_code(ratios).view(3, len(RATIOS))
    assert code.sum(1).tolist() == [1, 1, 1]
    assert [RATIOS[i] for i in code.argmax(1).tolist()] == ratios


def test_the_discriminator_takes_its_sizes_and_hears_the_code() -> None:
    torch.manual_seed(0)
    network = DiscriminatorMultiRes(32, 1 / 64, 8, n_res=2, modulate=True)
    tiny.randomise(network)
    full, least = (architecture_code([ratio] * 8) for ratio in (1.0, 0.25))
    for side in (32, 16):
        images = torch.randn(4, 3, side, side)
        assert network(images, full).shape == (4, 1)
        assert not torch.equal(network(images, full), network(images, least))
    with pytest.raises(UsageError, match="no input layer for 8 px"):
        network(torch.randn(4, 3, 8, 8), full)
