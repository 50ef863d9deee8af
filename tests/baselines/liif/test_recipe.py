"""The LIIF recipe: random scales, pixels of crops, what it leaves."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.baselines.liif.recipe import LIIFConfig
from anyres_bench.baselines.liif.upscaler import load_upscaler
from anyres_bench.core.errors import CheckpointError, ConfigError, DatasetError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.loading import load
from anyres_bench.training.crops import CropSource
from anyres_bench.training.optimisers import SteppedAdam
from tests.fakes import write_dataset
from tests.training.tiny import LOOP, check_resuming, moved, trained


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> LIIFConfig:
    folder = tmp_path_factory.mktemp("data") / "tiny"
    write_dataset(folder, [(40, 50), (36, 48), (20, 80), (64, 33)])
    return LIIFConfig(
        n_resblocks=1,
        n_feats=8,
        hidden=(16, 16),
        sources=(CropSource(dataset=str(folder)),),
        input_side=8,
        lr=3e-3,
        base=f"folder:{folder}",
    )


def test_stopping_changes_nothing(config: LIIFConfig, tmp_path: Path) -> None:
    check_resuming(config, tmp_path)


def test_pixels_are_those_of_the_crop(config: LIIFConfig) -> None:
    """Reading the crop at the coordinates gives the pixels; scales are spread over their range."""
    items = config.recipe(LOOP).items()
    batch = items.micro_batch(0, 0, 4)
    assert batch.inputs.shape == (4, 3, 8, 8)
    assert batch.coord.shape == (4, 64, 2)
    sides = 2 / torch.cat([items.micro_batch(s, 0, 4).cell[:, 0, 0] for s in range(16)])
    assert sides.min() >= 8
    assert sides.max() <= 32
    assert sides.max() - sides.min() > 16
    largest = dataclasses.replace(config, scale_min=4.0, n_queries=64).recipe(LOOP).items()
    batch = largest.micro_batch(0, 0, 4)
    small = batch.inputs.float()
    read = torch.nn.functional.grid_sample(
        small, batch.coord.flip(-1)[:, None], "bilinear", align_corners=False
    )[:, :, 0].mT
    assert (read - batch.rgb).abs().mean() < 40  # the crop, but for its grain
    assert (read - batch.rgb.roll(1, 0)).abs().mean() > (read - batch.rgb).abs().mean() + 10


def test_the_reference_half_can_be_left_out(config: LIIFConfig) -> None:
    whole = config.recipe(LOOP).items().crops
    [source] = config.sources
    half = dataclasses.replace(config, sources=(dataclasses.replace(source, split="train"),))
    assert len(half.recipe(LOOP).items().crops._images) < len(whole._images)
    assert half.recipe(LOOP).items().crops.digests != whole.digests


def test_places_do_not_depend_on_micro_batches(config: LIIFConfig) -> None:
    items = config.recipe(LOOP).items()
    whole, part = items.micro_batch(2, 0, 4), items.micro_batch(2, 2, 2)
    assert all(torch.equal(a[2:], b) for a, b in zip(whole, part, strict=True))


def test_four_crops_are_learnt(config: LIIFConfig) -> None:
    recipe = config.recipe(LOOP)
    before, after = moved(recipe, 60, "L1")
    assert after < 0.6 * before


def test_the_rate_is_halved_at_its_steps_and_after_resuming(config: LIIFConfig) -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    rates, state = [], None
    for _ in range(5):  # made anew each time, as a resumed run does
        adam = SteppedAdam([weight], 0.1, milestones=(2, 4))
        if state:
            adam.load_state_dict(state)
        weight.grad = torch.ones(1)
        adam.step()
        rates.append(adam.param_groups[0]["lr"])
        state = adam.state_dict()
    assert rates == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_what_it_leaves_is_an_upscaler(config: LIIFConfig, tmp_path: Path) -> None:
    recipe = trained(config, tmp_path / "run", 1)
    folder = str(tmp_path / "run" / "ema-000000004")
    upscaler = load_upscaler(folder)
    pixels, whole = torch.rand(1, 3, 6, 9) * 2 - 1, Box(0, 0, 6, 9)
    region = Region.whole(Size(17, 23))
    made = upscaler(pixels, whole.size, whole, region)
    generator = recipe.generator(recipe.networks["G"])
    assert upscaler.id.split("@")[0] in generator.id
    assert made.shape == (1, 3, 17, 23)
    assert load("liif:" + config.base, {"weights": folder}).id.startswith(upscaler.id)
    assert np.unique([p.suffix for p in (tmp_path / "run" / "samples").iterdir()]) == [".png"]
    with pytest.raises(CheckpointError, match="use it as liif:BASE with option weights"):
        load(folder)


def test_errors_say_what_to_do(config: LIIFConfig) -> None:
    with pytest.raises(DatasetError, match="80 px or more"):
        dataclasses.replace(config, input_side=20).recipe(LOOP)
    with pytest.raises(ConfigError, match="set sources"):
        dataclasses.replace(config, sources=()).recipe(LOOP)
    with pytest.raises(ConfigError, match="n_queries is 65"):
        dataclasses.replace(config, n_queries=65)
    recipe = dataclasses.replace(config, base="").recipe(LOOP)
    with pytest.raises(ConfigError, match=r"model\.base"):
        recipe.generator(recipe.networks["G"])
    assert [(phase.name, phase.network) for phase in recipe.phases] == [("L1", "G")]
