"""The InfinityGAN recipe: patches, their heights, neighbours."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from anyres_bench.baselines.infinitygan.network import Architecture
from anyres_bench.baselines.infinitygan.recipe import InfinityGANConfig, _Fake, diversity_loss
from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.models.loading import load
from anyres_bench.training.adversarial import AdversarialConfig, rng_of
from anyres_bench.training.items import SourceConfig
from tests.fakes import write_dataset
from tests.training.tiny import CONTEXT, LOOP, check_resuming, losses_of, moved, trained


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> InfinityGANConfig:
    folder = tmp_path_factory.mktemp("data") / "tiny"
    write_dataset(folder, [(40, 50), (36, 48), (32, 40), (64, 33)])
    return InfinityGANConfig(
        n_ups=1,
        channel_max=6,
        global_dim=6,
        local_dim=4,
        n_mlp=1,
        full_side=29,
        sources=(SourceConfig(dataset=str(folder)),),
    )


@pytest.mark.slow
def test_stopping_changes_nothing(config: InfinityGANConfig, tmp_path: Path) -> None:
    check_resuming(config, tmp_path)


def test_published_sizes() -> None:
    assert InfinityGANConfig().patch == 101
    assert InfinityGANConfig().architecture.widths == (512,) * 6 + (512,) * 2
    assert InfinityGANConfig(n_ups=5, full_side=389).patch == 197


def test_patches_know_their_height(config: InfinityGANConfig) -> None:
    """A picture whose brightness is its row: the height is where the patch begins."""
    recipe = config.recipe(LOOP)
    rows = torch.arange(29).byte()[None, None, :, None].expand(4, 3, 29, 29)
    batch = recipe.items().micro_batch(0, 0, 4)._replace(images=rows)
    images, heights = recipe._cut(batch, stream(0))
    first = (images[:, 0, 0, 0] + 1) * 127.5
    assert images.shape == (4, 3, 17, 17)
    assert torch.allclose(heights, 2 * first / 11 - 1, atol=1e-4)


def test_neighbours_share_all_but_their_local_latents(config: InfinityGANConfig) -> None:
    recipe = config.recipe(LOOP)
    fake = _Fake.draw(recipe, 4, rng_of(dataclasses.replace(CONTEXT, phase="G")))
    assert torch.allclose(fake.styles[0], fake.styles[1], atol=1e-5)
    assert torch.equal(fake.heights[0::2], fake.heights[1::2])
    assert not torch.allclose(fake.styles[1], fake.styles[2], atol=1e-2)
    assert not torch.equal(fake.local[0], fake.local[1])
    alike = diversity_loss(torch.cat([fake.structure[:1]] * 2), fake.local[:2])
    assert alike.item() == pytest.approx(1e5, rel=1e-4)
    assert diversity_loss(2 * fake.local[:2], fake.local[:2]).item() == pytest.approx(0.5, rel=1e-3)


def test_windows_move_by_up_to_half_a_latent() -> None:
    shape = Architecture.published()
    step = shape.half_steps
    still = shape.training_coordinates(4, 20)
    below = shape.training_coordinates(5, 20)
    moved_down = shape.training_coordinates(4, 20, (2 * step[0], 0.0, 0.0))
    assert torch.allclose(moved_down[:, 0], below[:, 0], atol=1e-6)
    turned = shape.training_coordinates(4, 20, (0.0, 2 * step[1], 0.0))
    assert torch.allclose(turned[:, 1, :, :-1], still[:, 1, :, 1:], atol=1e-5)
    assert torch.equal(turned[:, 2], still[:, 2])


def test_heights_are_learnt_and_told(config: InfinityGANConfig) -> None:
    quick = AdversarialConfig(lr=0.01, r1_gamma=0, path_weight=0)
    recipe = dataclasses.replace(config, adversarial=quick, coordinate_weight=10.0).recipe(LOOP)
    before, after = moved(recipe, 15, "D", "height-real")
    assert after < 0.7 * before


def test_every_loss_is_finite(config: InfinityGANConfig) -> None:
    recipe = config.recipe(LOOP)
    batch = recipe.items().micro_batch(0, 0, 4)
    for loss in losses_of(recipe, batch).values():
        assert torch.isfinite(loss.total).all()
    assert [p.name for p in recipe.phases] == ["G", "D", "D-r1", "G-path", "path-mean"]


def test_what_it_leaves_is_a_generator(config: InfinityGANConfig, tmp_path: Path) -> None:
    trained(config, tmp_path / "run", 1)
    folder = str(tmp_path / "run" / "ema-000000004")
    generator = load(folder)
    canvas = Size(23, 40)
    made = generator.sample(generator.latents([1]), [Region.whole(canvas)])
    assert made.shape == (1, 3, 23, 40)
    assert load("infinitygan", {"weights": folder}).id == generator.id


def test_odd_batches_and_small_images_are_refused(config: InfinityGANConfig) -> None:
    with pytest.raises(ConfigError, match="come in pairs"):
        config.recipe(dataclasses.replace(LOOP, batch=3, micro_batch=3))
    with pytest.raises(ConfigError, match="full_side is 18"):
        dataclasses.replace(config, full_side=18)
