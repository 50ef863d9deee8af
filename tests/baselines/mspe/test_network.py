"""MS-PE's networks: sizes by the scale of the head, any size into the discriminator."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from anyres_bench.baselines.mspe.network import CONFIGS, MSPEDiscriminator, MSPENetwork, width_at
from anyres_bench.core.geometry import Size
from tests.baselines import tiny


def network() -> MSPENetwork:
    made = tiny.seeded(MSPENetwork, tiny.mspe_config())
    assert isinstance(made, MSPENetwork)
    return made


def test_a_larger_head_is_a_larger_image_by_whole_steps() -> None:
    made = network()
    noise = [torch.zeros(1, 1, *size) for size in made.noise_sizes()]
    styles = made.styles(torch.randn(1, 8))
    assert styles.shape == (1, made.n_styles, 8)
    native = made(styles, noise)
    assert native.shape[2] == native.shape[3]
    for rows, columns in ((1, 0), (0, 2)):
        scale = Size(rows, columns)
        larger = made(styles, [torch.zeros(1, 1, *s) for s in made.noise_sizes(scale)], scale)
        height, width = native.shape[2] + rows * made.step, native.shape[3] + columns * made.step
        assert larger.shape[2:] == (height, width)
        assert made.scale_for(Size(height, width)) == scale


def test_two_latents_are_switched_at_a_layer() -> None:
    made = network()
    a, b = torch.randn(2, 1, 8)
    mixed = made.styles(a, b, switch=1)
    assert torch.equal(mixed[:, :1], made.styles(a)[:, :1])
    assert torch.equal(mixed[:, 1:], made.styles(b)[:, 1:])


@pytest.mark.parametrize("name", CONFIGS)
def test_noise_fits_the_layers_of_every_configuration(name: str) -> None:
    config = replace(CONFIGS[name], out_size=8, style_channels=8, num_mlps=1, channel_max=4)
    made = MSPENetwork(config)
    scale = Size(1, 2)
    noise = [torch.zeros(1, 1, *size) for size in made.noise_sizes(scale)]
    image = made(made.styles(torch.randn(1, 8)), noise, scale)
    assert image.shape == (1, 3, (4 + 1) * made.step, (4 + 2) * made.step)


def test_the_discriminator_takes_any_size_where_it_pools() -> None:
    torch.manual_seed(0)
    pooled = MSPEDiscriminator(16, channel_max=8)
    for size in ((16, 16), (24, 40)):
        assert pooled(torch.randn(4, 3, *size)).shape == (4, 1)


def test_widths_fall_with_the_resolution() -> None:
    widths = [width_at(2**k, 2) for k in range(2, 11)]
    assert widths == sorted(widths, reverse=True)
    assert (widths[0], widths[-1]) == (512, 32)
