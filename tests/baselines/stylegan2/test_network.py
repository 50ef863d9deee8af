"""The StyleGAN2 generator: names, and pixels of a network that is held against goldens."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from anyres_bench.baselines.anycost.network import AnycostNetwork as Anycost
from anyres_bench.baselines.stylegan2.network import StyleGAN2Network, from_config
from anyres_bench.core.errors import ConfigError
from tests.baselines.stylegan2.conftest import CONFIG, random_generator

# As Anycost-GAN has them: its widths at 32 px are 512 * multiplier.
SAME = {"synthesis_kwargs": {"channel_base": 256, "channel_max": 32}}


def as_anycost(network: StyleGAN2Network) -> Anycost:
    """The same generator under the names of the code that Anycost-GAN grew from."""
    config = network.config
    other = Anycost(config.resolution, config.w_dim, config.n_mapping, 256 / 16384, 32).eval()
    state, ours = other.state_dict(), network.state_dict()
    for i in range(config.n_mapping):
        for part in ("weight", "bias"):
            state[f"style.{i + 1}.{part}"] = ours[f"mapping.fc{i}.{part}"]
    # Slow layers keep their weights divided by 100 here as there.
    layers = [("b4.conv1", "conv1"), ("b4.torgb", "to_rgb1")]
    for k, side in enumerate(config.sides[1:]):
        layers += [(f"b{side}.conv{j}", f"convs.{2 * k + j}") for j in (0, 1)]
        layers.append((f"b{side}.torgb", f"to_rgbs.{k}"))
    state["input.input"] = ours["synthesis.b4.const"][None]
    for name, theirs in layers:
        name = f"synthesis.{name}"
        weight = ours[f"{name}.weight"]
        state[f"{theirs}.conv.weight"] = weight[None]
        for part in ("weight", "bias"):
            state[f"{theirs}.conv.modulation.{part}"] = ours[f"{name}.affine.{part}"]
        if name.endswith("torgb"):
            state[f"{theirs}.bias"] = ours[f"{name}.bias"].view(1, 3, 1, 1)
        else:
            state[f"{theirs}.noise.weight"] = ours[f"{name}.noise_strength"].view(1)
            state[f"{theirs}.activate.bias"] = ours[f"{name}.bias"]
    other.load_state_dict(state)
    return other


@torch.no_grad()
def test_it_makes_the_pixels_of_the_network_that_the_goldens_hold() -> None:
    network = random_generator(**SAME)
    other = as_anycost(network)
    rng = torch.Generator().manual_seed(1)
    z = torch.randn(2, 16, generator=rng)
    noise = [torch.randn(2, 1, s, s, generator=rng) for s in network.synthesis.noise_sides]
    w = network.mapping(z)
    torch.testing.assert_close(w, other.style(z), rtol=1e-5, atol=1e-5)
    assert float(w.std()) > 0.1
    ours = network.synthesis(w, noise)
    theirs = other(other.styles(w), noise, 32, other.widths)[-1]
    assert ours.shape == (2, 3, 32, 32)
    assert float(ours.std()) > 0.1
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_labels_truncation_noise_and_clamp_have_their_part() -> None:
    network = random_generator(c_dim=3)
    z = torch.randn(2, 16, generator=torch.Generator().manual_seed(1))
    labels = torch.eye(3)[:2]
    w = network.mapping(z, labels)
    assert not torch.equal(w, network.mapping(z, labels.flip(0)))
    torch.testing.assert_close(
        network.mapping(z, labels, 0.5), (w + network.mapping.w_avg) / 2, rtol=1e-5, atol=1e-5
    )
    stored = [
        value.expand(2, 1, -1, -1)
        for name, value in network.state_dict().items()
        if name.endswith("noise_const")
    ]
    image = network.synthesis(w)
    torch.testing.assert_close(image, network.synthesis(w, stored))
    assert not torch.equal(image, network.synthesis(w, [0 * noise for noise in stored]))
    clamped = random_generator(
        c_dim=3, synthesis_kwargs={**CONFIG["synthesis_kwargs"], "conv_clamp": 0.01}
    )
    assert float(clamped.synthesis(w).abs().max()) <= 0.01 * 6  # an RGB a side


def definition(network: StyleGAN2Network, w: Tensor) -> Tensor:
    """b4 of one image by the paper's equations: a filter bank of its own."""
    block = network.synthesis.get_submodule("b4")
    layer: Any = block.conv1
    style = layer.affine(w[None])[0]
    bank = layer.weight * style[None, :, None, None]
    bank = bank / (bank.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
    y = torch.nn.functional.conv2d(block.const[None], bank, padding=1)  # type: ignore[index]
    y = y + layer.noise_const * layer.noise_strength + layer.bias[:, None, None]
    y = torch.where(y < 0, 0.2 * y, y) * math.sqrt(2)
    rgb: Any = block.torgb
    bank = rgb.weight * rgb.affine(w[None])[0][None, :, None, None]
    bank = bank / math.sqrt(bank.shape[1])
    out: Tensor = torch.nn.functional.conv2d(y, bank) + rgb.bias[:, None, None]
    return out


@torch.no_grad()
def test_the_first_block_by_its_equations() -> None:
    network = random_generator()
    w = torch.randn(1, 16, generator=torch.Generator().manual_seed(2))
    block = network.synthesis.get_submodule("b4")
    _, rgb = block(None, None, w, [None])
    torch.testing.assert_close(rgb, definition(network, w[0]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"img_resolution": 24}, "power of two"),
        ({"img_resolution": "32"}, "expected whole numbers"),
        ({"img_channels": 1}, "makes RGB"),
        ({"synthesis_kwargs": {"architecture": "resnet"}}, "architecture is 'resnet'"),
        ({"mapping_kwargs": {"odd": 3}}, "odd is 3"),
    ],
)
def test_other_networks_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_config({**CONFIG, **changes})
