"""The Anycost-GAN recipe: three stages, each from the one before."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from anyres_bench.baselines.anycost.channels import flexible_sub, sorted_state
from anyres_bench.baselines.anycost.network import RATIOS, AnycostNetwork
from anyres_bench.baselines.anycost.recipe import AnycostConfig, AnycostRecipe, shrunk
from anyres_bench.core.errors import CheckpointError, ConfigError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.models.loading import load
from anyres_bench.training.adversarial import AdversarialConfig
from anyres_bench.training.items import SourceConfig
from tests.baselines.tiny import anycost_generator, seeded
from tests.fakes import write_dataset
from tests.training.tiny import LOOP, check_resuming, losses_of, moved, states, trained


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> AnycostConfig:
    folder = tmp_path_factory.mktemp("data") / "tiny"
    write_dataset(folder, [(40, 50), (36, 48), (32, 40), (64, 33)])
    return AnycostConfig(
        resolution=32,
        style_dim=8,
        n_mlp=2,
        channel_multiplier=1 / 64,
        channel_max=12,
        n_res=2,
        sources=(SourceConfig(dataset=str(folder)),),
        adversarial=AdversarialConfig(lazy=False, path_interval=8),
        perceptual="laplacian",
    )


@pytest.fixture(scope="module")
def multires(plain: AnycostConfig, tmp_path_factory: pytest.TempPathFactory) -> AnycostConfig:
    folder = tmp_path_factory.mktemp("runs") / "plain"
    trained(plain, folder, 1)
    return dataclasses.replace(plain, stage="multires", teacher=str(folder))


@pytest.fixture(scope="module")
def adaptive(multires: AnycostConfig, tmp_path_factory: pytest.TempPathFactory) -> AnycostConfig:
    folder = tmp_path_factory.mktemp("runs") / "multires"
    trained(multires, folder, 1)
    return dataclasses.replace(multires, stage="adaptive", teacher=str(folder))


def images(recipe: AnycostRecipe, ratio: float = 1.0) -> torch.Tensor:
    network = recipe.network
    w = network.style(torch.from_numpy(stream(0).normal((3, 8))).float())
    noise = [torch.zeros(1, 1, side, side) for side in network.noise_sides]
    return network(network.styles(w), noise, None, network.uniform_widths(ratio))[-1]


@pytest.mark.slow
def test_stopping_changes_nothing(plain: AnycostConfig, tmp_path: Path) -> None:
    check_resuming(plain, tmp_path)


@pytest.mark.slow
def test_stopping_the_last_stage_changes_nothing(adaptive: AnycostConfig, tmp_path: Path) -> None:
    check_resuming(adaptive, tmp_path)


@pytest.mark.slow
def test_every_stage_starts_as_the_one_before(
    multires: AnycostConfig, adaptive: AnycostConfig
) -> None:
    """Generators draw the same images, sorted channels or not; discriminators judge the same."""
    for config in (multires, adaptive):
        recipe = config.recipe(LOOP)
        assert recipe.teacher is not None
        before = AnycostRecipe.__new__(AnycostRecipe)
        before.network = recipe.teacher
        assert torch.allclose(images(recipe), images(before), atol=1e-5)
    shown = torch.from_numpy(stream(2).normal((4, 3, 32, 32))).float()
    two, three = multires.recipe(LOOP), adaptive.recipe(LOOP)
    state = torch.load(Path(adaptive.teacher) / "state-000000004.pt")["networks"]["D"]
    two.discriminator.load_state_dict(state)
    for side in (16, 32):
        a = two._judge(shrunk(shown, side), [1.0] * 8)
        b = three._judge(shrunk(shown, side), [0.25] * 8)
        assert torch.allclose(a, b, atol=1e-5)


def test_an_official_file_is_a_start_too(plain: AnycostConfig, tmp_path: Path) -> None:
    state = plain.recipe(LOOP).network.state_dict()
    torch.save({"g_ema": state, "epoch": 1}, tmp_path / "generator.pt")
    start = str(tmp_path / "generator.pt")
    recipe = dataclasses.replace(plain, stage="multires", teacher=start).recipe(LOOP)
    assert all(torch.equal(state[k], v) for k, v in recipe.network.state_dict().items())


def test_channels_are_sorted_by_what_reads_them() -> None:
    network = anycost_generator(16)
    w = torch.from_numpy(stream(1).normal((64, 12))).float()
    state = sorted_state(network, w)
    after = seeded(type(network), 16, 12, 2, 1 / 64, 8)
    after.load_state_dict(state)
    weight = after.to_rgbs[-1].conv
    share = weight.weight[0].abs().sum((0, 2, 3)) * weight.modulation(w).abs().mean(0)
    assert torch.equal(share, share.sort(descending=True).values)
    noise = [torch.ones(1, 1, side, side) for side in network.noise_sides]
    one, two = (n(n.styles(w[:2]), noise)[-1] for n in (network, after))
    assert torch.allclose(one, two, atol=1e-4)


def test_widths_on_their_own_stay_in_their_bounds() -> None:
    network = seeded(AnycostNetwork, 16, 12, 2, 1 / 32, 32)
    rng = stream(0)
    subs = [flexible_sub(network, lambda n: rng.integer(0, n - 1)) for _ in range(20)]
    assert len({tuple(widths) for widths, _ in subs}) > 1
    for widths, ratios in subs:
        assert all(w <= full for w, full in zip(widths, network.widths, strict=True))
        assert set(ratios) <= set(RATIOS)


def test_the_discriminator_is_told_which_sub_generator(adaptive: AnycostConfig) -> None:
    recipe = adaptive.recipe(LOOP)
    shown = torch.from_numpy(stream(2).normal((4, 3, 32, 32))).float()
    for name, parameter in recipe.discriminator.named_parameters():
        if "_mapping.weight" in name:
            parameter.data += torch.from_numpy(stream(3, name).normal(parameter.shape)).float()
    codes = [recipe._judge(shown, [ratio] * 8) for ratio in (0.25, 1.0)]
    assert (codes[0] - codes[1]).abs().max() > 0.01
    drawn = {recipe._sub(stream(seed))[1][0] for seed in range(40)}
    assert drawn == set(RATIOS)
    sandwich = dataclasses.replace(adaptive, channels="sandwich").recipe(LOOP)
    ratios = [sandwich._sub(stream(seed))[1] for seed in range(80)]
    assert 10 < sum(set(r) == {1.0} for r in ratios) < 40
    assert sum(len(set(r)) > 1 for r in ratios) > 20


def test_distillation_draws_the_student_to_the_teacher(adaptive: AnycostConfig) -> None:
    """With the distance alone, a sub-generator comes nearer to the full images of the teacher."""
    heavy = dataclasses.replace(adaptive, distil_weight=1e4, n_res=2)
    recipe = heavy.recipe(LOOP)
    before, after = moved(recipe, 6, "G", "distil-mse")
    assert after < before
    loss = losses_of(recipe, recipe.items().micro_batch(0, 0, 4))["G"]
    assert set(loss.scores) == {"scores-fake", "distil-mse", "distil-laplacian"}


def test_the_discriminator_learns(multires: AnycostConfig) -> None:
    config = dataclasses.replace(multires.adversarial, lr=0.01, r1_gamma=0.1)
    recipe = dataclasses.replace(multires, adversarial=config).recipe(LOOP)
    recipe.network.requires_grad_(False)
    before, after = moved(recipe, 5, "D")
    assert after < before


def test_paths_are_penalised_in_the_first_stage_alone(
    plain: AnycostConfig, multires: AnycostConfig
) -> None:
    recipe = plain.recipe(LOOP)
    assert [p.name for p in recipe.phases] == ["G", "D", "D-r1", "G-path", "path-mean"]
    losses = losses_of(recipe, recipe.items().micro_batch(0, 0, 4))
    assert losses["G-path"].total.shape == losses["path-mean"].total.shape == (2,)
    later = multires.recipe(LOOP)
    assert "path" not in later.networks
    assert all("path" not in name for name in states(later))


def test_what_it_leaves_is_a_generator(adaptive: AnycostConfig, tmp_path: Path) -> None:
    trained(adaptive, tmp_path / "run", 1)
    folder = str(tmp_path / "run" / "ema-000000004")
    whole = load(folder)
    assert whole.sample(whole.latents([1]), [Region.whole(Size(16, 16))]).shape == (1, 3, 16, 16)
    half = load(folder, {"ratio": "0.5", "size": "16"})
    assert "ch0.5+at16" in half.id
    assert load("anycost:ch0.5@16", {"weights": folder}).id == half.id


def test_stages_need_their_order(plain: AnycostConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="later stages"):
        dataclasses.replace(plain, stage="multires")
    with pytest.raises(CheckpointError, match="train stage 1 first"):
        dataclasses.replace(plain, stage="multires", teacher=str(tmp_path)).recipe(LOOP)
    with pytest.raises(ConfigError, match="n_res is 5"):
        dataclasses.replace(plain, n_res=5)
