"""The generator network: shapes and counts of the published ones, scale, styles, averages."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from anyres_bench.core.geometry import Region, Size
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.network import GeneratorNetwork
from anyres_bench.reference.schedule import layers
from tests.reference.networks import OFFICIAL, SMALL, trained


def latents(n: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(n, SMALL.z_dim, generator=torch.Generator().manual_seed(seed))


def window(scale: float) -> torch.Tensor:
    canvas = Size.square(round(SMALL.resolution * scale))
    return Region(canvas, 0, 0, Size.square(SMALL.resolution)).affine().float()[None]


@pytest.mark.parametrize(
    ("config", "n_parameters"),
    [
        (GeneratorConfig(256, scale_embedding="official"), 31_903_588),
        (GeneratorConfig(256, scale_embedding="none"), 28_472_133),
        (GeneratorConfig(512, scale_embedding="official"), 27_951_004),
        (GeneratorConfig(1024, scale_embedding="official"), 25_114_145),
        (GeneratorConfig(256, scale_embedding="official").radial(), 25_415_617),
    ],
)
def test_published_parameter_counts(config: GeneratorConfig, n_parameters: int) -> None:
    with torch.device("meta"):  # laid out without memory
        network = GeneratorNetwork(config)
    assert all(p.is_meta for p in network.parameters())
    assert sum(p.numel() for p in network.parameters()) == n_parameters


def test_published_layers_at_512() -> None:
    names = [layer.name for layer in layers(GeneratorConfig(512))]
    assert " ".join(names) == (
        "L0_36_512 L1_36_512 L2_52_512 L3_52_512 L4_84_512 L5_84_512 L6_148_512 L7_148_483 "
        "L8_276_323 L9_276_215 L10_532_144 L11_532_96 L12_532_64 L13_512_64 L14_512_3"
    )


@pytest.mark.parametrize("resolution", [8, 16, 32, 64, 128])
@pytest.mark.parametrize("radial", [False, True])
def test_every_power_of_two_renders(resolution: int, radial: bool) -> None:
    config = replace(SMALL, resolution=resolution, channel_max=4)
    network = GeneratorNetwork(config.radial() if radial else config).requires_grad_(False)
    image = network(latents(1))
    assert image.shape == (1, 3, resolution, resolution)
    assert image.dtype == torch.float32
    assert bool(image.isfinite().all())


def test_w_and_w_plus_are_welcome() -> None:
    network, z = trained(SMALL), latents(2)
    w = network.mapping(z)
    scale_w = network.embed_scale(None, None, 2)
    ws = w[:, None].repeat(1, SMALL.n_ws, 1)
    expected = network(z)
    torch.testing.assert_close(network.synthesis(w, None, scale_w), expected)
    torch.testing.assert_close(network.synthesis(ws, None, scale_w), expected)
    ws[:, -3:] = ws[:, -3:].flip(0)
    mixed = network.synthesis(ws, None, scale_w)
    assert float((mixed - expected).abs().max()) > 1e-3


def test_samples_of_a_batch_do_not_touch_each_other() -> None:
    network, z = trained(SMALL), latents(3)
    matrices = torch.cat([window(s) for s in (1, 2.5, 7)])
    together = network(z, None, matrices)
    big = torch.cat([z, 50 * latents(1, seed=9)])
    beside = network(big, None, torch.cat([matrices, window(3)]))[:3]
    alone = torch.cat([network(z[i : i + 1], None, matrices[i : i + 1]) for i in range(3)])
    for other in (beside, alone):
        assert float((together - other).abs().max()) < 1e-5


def test_averages_follow_only_when_asked() -> None:
    network, z = GeneratorNetwork(SMALL), latents(4)
    before = {name: value.clone() for name, value in network.named_buffers()}
    network(z)
    after = dict(network.named_buffers())
    assert all(torch.equal(before[name], after[name]) for name in before)
    network(z, update_emas=True)
    changed = {
        name for name, value in network.named_buffers() if not torch.equal(before[name], value)
    }
    assert changed == {name for name in before if name.endswith(("magnitude_ema", "mapping.w_avg"))}
    mean = network.mapping(z).mean(dim=0)
    torch.testing.assert_close(network.mapping.w_avg, 0.002 * mean)


def test_a_seed_makes_the_weights() -> None:
    a, b, c = (GeneratorNetwork(SMALL, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["synthesis.input.weight"], c["synthesis.input.weight"])


def test_every_parameter_learns() -> None:
    network = trained(OFFICIAL).requires_grad_(True)
    images = network(latents(2), None, torch.cat([window(2), window(5)]))
    (images * torch.linspace(-1, 1, images.numel()).view(images.shape)).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert float(parameter.grad.abs().max()) > 0, name


def test_gradients_are_those_of_finite_differences() -> None:
    network, z = trained(SMALL).double(), latents(1).double()
    weight = network.synthesis.get_submodule(network.synthesis.layer_names[4]).weight
    weight.requires_grad_(True)
    probe = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)).double()

    def value() -> torch.Tensor:
        return (network(z) * probe).sum()

    [grad] = torch.autograd.grad(value(), weight)
    direction = torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)).double()
    with torch.no_grad():
        weight.add_(direction, alpha=1e-7)
        above = value()
        weight.sub_(direction, alpha=2e-7)
        slope = (above - value()) / 2e-7
    torch.testing.assert_close((grad * direction).sum(), slope, rtol=1e-5, atol=1e-7)
