"""Anycost-GAN as a generator: sizes, sub-generators, costs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyres_bench.baselines.anycost.generator import AnycostRenderer
from anyres_bench.baselines.anycost.network import AnycostNetwork
from anyres_bench.core.errors import (
    GeneratorError,
    UsageError,
)
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.contract import check_contract
from anyres_bench.models.generator import Generator
from anyres_bench.models.loading import load
from tests.baselines import tiny


def render(generator: Generator, seed: int, region: Region) -> torch.Tensor:
    return generator.sample(generator.latents([seed]), [region])


def test_anycost_keeps_the_contract_at_and_between_its_sizes(tmp_path: Path) -> None:
    file = tiny.anycost_file(tmp_path)
    generator = load("anycost", {"weights": file, "psi": "0.7"})
    assert generator.native == Size(32, 32)
    assert generator.canvases == "any"
    assert generator.id.endswith("+ch1+psi0.7+resized-lanczos")
    for canvas in (Size(32, 32), Size(24, 24), Size(48, 48)):
        assert check_contract(generator, canvas).off_grid_max < 1e-5


def test_a_sub_generator_is_a_model_of_its_own(tmp_path: Path) -> None:
    file = tiny.anycost_file(tmp_path)
    half, full = (load(f"anycost:{sub}@32", {"weights": file}) for sub in ("ch0.5", "ch1"))
    assert half.canvases == (Size(32, 32),)
    assert "+ch0.5+at32" in half.id
    assert half.id != full.id
    check_contract(half)
    whole = Region.whole(Size(32, 32))
    assert not torch.equal(render(half, 1, whole), render(full, 1, whole))
    with pytest.raises(GeneratorError, match="makes 32x32; it cannot make 16x16"):
        render(half, 1, Region.whole(Size(16, 16)))


def test_a_stopped_generator_gives_the_skip_image_of_the_full_one() -> None:
    network = tiny.anycost_generator()
    renderer = AnycostRenderer(network, "test")
    latent = renderer.latent(5)
    noise = [torch.randn(1, 1, side, side) for side in network.noise_sides]
    images = network(network.styles(latent.w), noise)
    stopped = network(network.styles(latent.w), noise, target=16)
    assert [image.shape[-1] for image in images] == [4, 8, 16, 32]
    assert torch.equal(stopped[-1], images[2])


@pytest.mark.parametrize("rest", ["ch0.3", "0.5", "ch0.5@", "@48", "@4"])
def test_anycost_refuses_what_it_was_not_trained_for(rest: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        load(f"anycost:{rest}", {"weights": tiny.anycost_file(tmp_path)})


def test_anycost_makes_squares_only(tmp_path: Path) -> None:
    generator = load("anycost", {"weights": tiny.anycost_file(tmp_path)})
    with pytest.raises(GeneratorError, match="canvases of 32:32; it cannot make 32x64"):
        render(generator, 1, Region.whole(Size(32, 64)))


def test_costs_are_those_of_the_modules() -> None:
    network = AnycostNetwork(256, style_dim=16, n_mlp=2, channel_multiplier=0.5, channel_max=64)
    renderer = AnycostRenderer(network, "test")
    cost = renderer.cost(Size(256, 256))
    assert cost.parameters == sum(parameter.numel() for parameter in network.parameters())
    last = cost.macs - renderer.cost(Size(128, 128)).macs
    up, plain = 64 * (9 * 32 * 128**2 + 16), 32 * (9 * 32 * 256**2 + 16)
    by_hand = up + plain + 32 * (3 * 256**2 + 16)
    assert last == by_hand
    half = AnycostRenderer(network, "test", ratio=0.5)
    assert half.cost(Size(256, 256)).macs < cost.macs / 2
