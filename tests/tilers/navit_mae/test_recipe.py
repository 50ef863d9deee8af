"""The masked autoencoder's recipe: sequences by budget, growing images, what it leaves."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import CheckpointError, ConfigError
from anyres_bench.models.checkpoint import read_checkpoint
from anyres_bench.models.networks import load_network
from anyres_bench.tilers.navit_mae.recipe import MaskedConfig
from tests.training.tiny import LOOP, check_resuming, moved, trained


@pytest.mark.slow
def test_stopping_changes_nothing(config: MaskedConfig, tmp_path: Path) -> None:
    check_resuming(config, tmp_path)


def test_places_do_not_depend_on_micro_batches(config: MaskedConfig) -> None:
    items = config.recipe(LOOP).items()
    whole, part = items.micro_batch(2, 0, 4), items.micro_batch(2, 2, 2)
    assert all(torch.equal(a[2:], b) for a, b in zip(whole, part, strict=True))


def test_sequences_are_filled_and_images_grow(config: MaskedConfig) -> None:
    items = config.recipe(LOOP).items()
    early, late = items.micro_batch(0, 0, 1), items.micro_batch(5, 0, 1)
    for batch in (early, late):
        assert batch.flat.shape == (1, 96, 48)
        assert (batch.images >= 0).any()
        assert not batch.visible[batch.images < 0].any()
    counts = [int((batch.images == 0).sum()) for batch in (early, late)]
    assert counts[1] > 2 * counts[0]


def test_every_image_shows_a_quarter_of_its_patches(config: MaskedConfig) -> None:
    batch = config.recipe(LOOP).items().micro_batch(3, 0, 4)
    for images, visible in zip(batch.images, batch.visible, strict=True):
        for image in range(int(images.max()) + 1):
            own = visible[images == image]
            assert int(own.sum()) == max(1, int(len(own) * 0.25))


def test_a_batch_is_learnt(config: MaskedConfig) -> None:
    before, after = moved(config.recipe(LOOP), 60, "hidden")
    assert after < 0.7 * before


def test_pictures_show_hidden_guessed_and_true(config: MaskedConfig) -> None:
    recipe = config.recipe(LOOP)
    samples = dict(recipe.samples(recipe.network))
    assert len(samples) == 4
    for number, draw in enumerate(recipe.sample_draws()):
        picture = samples[f"image{number}"]
        assert picture.shape == (draw.size.height, 3 * draw.size.width, 3)
        masked, guessed, true = np.split(picture.astype(int), 3, axis=1)
        seen = (masked == true).all(-1)
        assert (guessed == true)[seen].all()
        assert seen.mean() >= 1 / 16


def test_what_is_left_is_read_again(config: MaskedConfig, tmp_path: Path) -> None:
    trained(config, tmp_path / "run", 1)
    [folder] = (tmp_path / "run").rglob("checkpoint.json")
    checkpoint = read_checkpoint(folder.parent)
    assert checkpoint.architecture == "navit-mae"
    assert checkpoint.config["encoder"]["dim"] == 16
    network = load_network(checkpoint)
    batch = config.recipe(LOOP).items().micro_batch(0, 0, 1)
    assert torch.isfinite(network(batch)).all()
    lying = dataclasses.replace(checkpoint, config={**checkpoint.config, "decoder_dim": 1 << 20})
    with pytest.raises(CheckpointError):
        load_network(lying)


def test_it_generates_nothing(config: MaskedConfig) -> None:
    recipe = config.recipe(LOOP)
    with pytest.raises(ConfigError, match="without --task"):
        recipe.generator(recipe.network)


@pytest.mark.parametrize("change", [{"hide": 1.0}, {"heads": 3}, {"budget": 0}, {"sources": ()}])
def test_settings_that_cannot_be_are_refused(config: MaskedConfig, change: dict) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(config, **change).recipe(LOOP)
