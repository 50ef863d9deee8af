"""The layout of layers: each takes what the one before hands on, and nothing aliases."""

from __future__ import annotations

from itertools import pairwise

import pytest

from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.schedule import layers, signals

CONFIGS = [GeneratorConfig(resolution) for resolution in (32, 256, 1024)]
CONFIGS += [GeneratorConfig(32, filter_size=4, lrelu_upsampling=1)]


@pytest.mark.parametrize(
    "config", CONFIGS, ids=lambda config: f"{config.resolution}x{config.lrelu_upsampling}"
)
def test_signals_rise_to_the_image(config: GeneratorConfig) -> None:
    made = signals(config)
    assert len(made) == config.n_layers + 1
    cutoffs = [signal.cutoff for signal in made]
    assert cutoffs == sorted(cutoffs)
    assert cutoffs[-1] == config.resolution / 2
    assert (made[-1].size, made[-1].channels) == (config.resolution, config.image_channels)
    for signal in made:
        assert signal.rate & (signal.rate - 1) == 0
        assert signal.rate / 2 >= signal.cutoff


@pytest.mark.parametrize(
    "config", CONFIGS, ids=lambda config: f"{config.resolution}x{config.lrelu_upsampling}"
)
def test_layers_follow_each_other_and_their_sizes_come_out(config: GeneratorConfig) -> None:
    made = layers(config)
    for before, layer in pairwise(made):
        assert layer.source == before.target
    for layer in made:
        assert layer.up * layer.source.rate == layer.rate == layer.down * layer.target.rate
        size = config.filter_size
        taps = [1 if layer.is_torgb or n == 1 else size * n for n in (layer.up, layer.down)]
        fine = (layer.source.size + layer.kernel - 1) * layer.up
        fine += layer.padding.left + layer.padding.right - taps[0] + 1
        assert (fine - taps[1]) // layer.down + 1 == layer.target.size
    assert [layer.is_torgb for layer in made] == [False] * config.n_layers + [True]
    assert len({layer.name for layer in made}) == len(made)


def test_critically_sampled_layers_have_no_radial_filter() -> None:
    for layer in layers(GeneratorConfig(256)):
        assert layer.down_filter(radial=True).radial != layer.is_critical
        assert not layer.down_filter(radial=False).radial
