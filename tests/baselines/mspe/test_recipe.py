"""The MS-PE recipe: every step has its size."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest
import torch

from anyres_bench.baselines.mspe.recipe import MSPEConfig
from anyres_bench.core.errors import ConfigError, UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.loading import load
from anyres_bench.training.adversarial import AdversarialConfig
from anyres_bench.training.items import SourceConfig
from tests.fakes import write_dataset
from tests.training.tiny import CONTEXT, LOOP, check_resuming, losses_of, moved, trained


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> MSPEConfig:
    folder = tmp_path_factory.mktemp("data") / "tiny"
    write_dataset(folder, [(40, 50), (36, 48), (32, 40), (64, 33)])
    return MSPEConfig(
        out_size=16,
        style_channels=8,
        num_mlps=1,
        channel_max=8,
        sources=(SourceConfig(dataset=str(folder)),),
    )


@pytest.mark.slow
def test_stopping_changes_nothing(config: MSPEConfig, tmp_path: Path) -> None:
    check_resuming(config, tmp_path)


def test_a_step_has_one_size_and_all_sizes_come(config: MSPEConfig) -> None:
    recipe = config.recipe(LOOP)
    contexts = [dataclasses.replace(CONTEXT, step=step) for step in range(300)]
    drawn = Counter(recipe.scale_of(context).height for context in contexts)
    assert set(drawn) == {0, 2, 4}
    assert min(drawn.values()) > 70  # uniform
    other = dataclasses.replace(CONTEXT, step=7, part=3)
    assert recipe.scale_of(contexts[7]) == recipe.scale_of(other)


def test_real_images_have_the_size_of_the_step_and_are_bgr(config: MSPEConfig) -> None:
    recipe = config.recipe(LOOP)
    batch = recipe.items().micro_batch(0, 0, 4)
    assert batch.images.shape == (4, 3, 32, 32)
    real = recipe._real(batch, Size(4, 4))
    assert torch.equal(real.flip(1), batch.images.float() / 127.5 - 1)
    assert recipe._real(batch, Size(2, 2)).shape == (4, 3, 24, 24)


@pytest.mark.parametrize("name", ["c", "d", "e", "k"])
def test_every_kind_of_configuration_trains(config: MSPEConfig, name: str) -> None:
    recipe = dataclasses.replace(config, name=name).recipe(LOOP)
    batch = recipe.items().micro_batch(0, 0, 4)
    for loss in losses_of(recipe, batch).values():
        assert torch.isfinite(loss.total).all()


def test_the_discriminator_learns(config: MSPEConfig) -> None:
    quick = AdversarialConfig(lr=0.01, r1_gamma=0.1, path_weight=0)
    recipe = dataclasses.replace(config, adversarial=quick).recipe(LOOP)
    before, after = moved(recipe, 5, "D")
    assert after < before


def test_what_it_leaves_is_a_generator(config: MSPEConfig, tmp_path: Path) -> None:
    trained(config, tmp_path / "run", 1)
    folder = str(tmp_path / "run" / "ema-000000004")
    generator = load(folder)
    for side in (16, 24, 32):
        whole = Region.whole(Size.square(side))
        assert generator.sample(generator.latents([1]), [whole]).shape == (1, 3, side, side)
    wide = load(folder, {"size": "16x40"})
    assert wide.native == Size(16, 40)
    assert load("mspe:f@16x40", {"weights": folder}).id == wide.id
    with pytest.raises(UsageError, match="multiples of 4"):
        load(folder, {"size": "18"})


def test_configurations_must_be_known(config: MSPEConfig) -> None:
    with pytest.raises(ConfigError, match="no MS-PE configuration 'z'"):
        dataclasses.replace(config, name="z").recipe(LOOP)
    with pytest.raises(ConfigError, match="scales are"):
        dataclasses.replace(config, scales=())
