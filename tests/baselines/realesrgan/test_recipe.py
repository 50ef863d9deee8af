"""The Real-ESRGAN recipe: both stages, what they are fed and what they leave."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from anyres_bench.baselines.realesrgan.recipe import NetworkConfig, RealESRGANConfig
from anyres_bench.baselines.realesrgan.upscaler import load_upscaler
from anyres_bench.core.errors import ConfigError, WeightsError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.training.crops import CropSource
from tests.fakes import write_dataset
from tests.training.tiny import LOOP, check_resuming, losses_of, moved, trained


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> RealESRGANConfig:
    folder = tmp_path_factory.mktemp("data") / "tiny"
    write_dataset(folder, [(90, 100), (96, 120), (20, 80), (70, 64)])
    return RealESRGANConfig(
        network=NetworkConfig(num_feat=8, num_block=1, num_grow_ch=4),
        discriminator_feat=4,
        sources=(CropSource(dataset=str(folder)),),
        crop_side=80,
        gt_side=32,
        lr=2e-3,
        perceptual="laplacian",
        base=f"folder:{folder}",
    )


@pytest.fixture(scope="module")
def gan(net: RealESRGANConfig, tmp_path_factory: pytest.TempPathFactory) -> RealESRGANConfig:
    folder = tmp_path_factory.mktemp("runs") / "net"
    trained(net, folder, 1)
    return dataclasses.replace(net, stage="gan", start=str(folder), lr=1e-3)


@pytest.mark.slow
def test_stopping_changes_nothing(gan: RealESRGANConfig, tmp_path: Path) -> None:
    check_resuming(gan, tmp_path)


def test_the_parts_of_a_batch_show_one_place(net: RealESRGANConfig) -> None:
    batch = net.recipe(LOOP).items().micro_batch(0, 0, 4)
    assert batch.small.shape == (4, 3, 8, 8)
    assert batch.sharp.shape == batch.plain.shape == (4, 3, 32, 32)
    shrunk = torch.nn.functional.interpolate(batch.sharp, (8, 8), mode="area")
    there = (batch.small - shrunk).abs().mean((1, 2, 3))
    elsewhere = (batch.small - shrunk.roll(1, 0)).abs().mean((1, 2, 3))
    assert there.mean() < 0.7 * elsewhere.mean()
    assert (batch.sharp - batch.plain).abs().max() > 0.02
    part = net.recipe(LOOP).items().micro_batch(0, 2, 2)
    assert all(torch.equal(a[2:], b) for a, b in zip(batch, part, strict=True))


def test_four_crops_are_learnt(net: RealESRGANConfig) -> None:
    before, after = moved(net.recipe(LOOP), 40, "L1")
    assert after < 0.7 * before


def test_the_second_stage_starts_from_the_first(gan: RealESRGANConfig) -> None:
    recipe = gan.recipe(LOOP)
    first = load_upscaler(str(Path(gan.start) / "ema-000000004")).network.state_dict()
    assert all(torch.equal(first[k], v) for k, v in recipe.network.state_dict().items())
    assert [phase.name for phase in recipe.phases] == ["G", "D"]


@pytest.mark.slow
def test_both_networks_of_the_second_stage_learn(gan: RealESRGANConfig) -> None:
    recipe = dataclasses.replace(gan, lr=3e-3).recipe(LOOP)
    before, after = moved(recipe, 12, "G", "l1")
    assert after < before
    loss = losses_of(recipe, recipe.items().micro_batch(0, 0, 4))["G"]
    assert set(loss.scores) == {"l1", "psnr", "perceptual-laplacian", "gan"}
    alone = gan.recipe(LOOP)
    before, after = moved(alone, 8, "D")
    assert after < before


def test_the_spectrum_is_followed_once_a_step(gan: RealESRGANConfig, tmp_path: Path) -> None:
    """Whatever the number of micro-batches."""
    vectors = []
    for size in (4, 2):
        loop = dataclasses.replace(LOOP, micro_batch=size, sample_ticks=0)
        vectors.append(trained(gan, tmp_path / str(size), 1, loop).networks["D"].conv1.weight_u)
    once = gan.recipe(LOOP).discriminator.conv1
    before = once.weight_u.clone()
    once.follow()
    assert torch.equal(vectors[0], once.weight_u)
    assert torch.equal(vectors[1], vectors[0])
    assert not torch.equal(before, vectors[0])


def test_what_it_leaves_is_an_upscaler(net: RealESRGANConfig, tmp_path: Path) -> None:
    recipe = trained(net, tmp_path / "run", 1)
    upscaler = load_upscaler(str(tmp_path / "run" / "ema-000000004"), "exact")
    whole = Box(0, 0, 6, 9)
    pixels = torch.rand(1, 3, 6, 9) * 2 - 1
    made = upscaler(pixels, whole.size, whole, Region.whole(Size(24, 36)))
    direct = recipe.network((pixels + 1) / 2)
    assert (made - (direct.clamp(0, 1) * 2 - 1)).abs().max() < 0.1  # the average of one step
    assert recipe.generator(recipe.network).id.startswith("realesrgan-x4@")


def test_compact_networks_train_too(net: RealESRGANConfig, tmp_path: Path) -> None:
    compact = NetworkConfig(kind="compact", scale=2, num_feat=8, num_conv=2)
    trained(dataclasses.replace(net, network=compact), tmp_path / "run", 1)
    assert load_upscaler(str(tmp_path / "run" / "ema-000000004")).network.scale == 2


def test_missing_weights_are_never_passed_over(
    net: RealESRGANConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    published = dataclasses.replace(net, stage="gan", perceptual="vgg19")
    with pytest.raises(WeightsError, match="vgg19"):
        published.recipe(LOOP)
    with pytest.raises(ConfigError, match="gt_side 36"):
        dataclasses.replace(net, gt_side=36)
