"""The masked autoencoder's network: hidden patches stay hidden, images apart."""

from __future__ import annotations

import torch

from anyres_bench.tilers.navit_mae.network import PackedPatches, hidden_error
from anyres_bench.tilers.navit_mae.recipe import MaskedConfig
from tests.training.tiny import LOOP


def test_what_is_hidden_is_not_seen_and_images_do_not_see_each_other(config: MaskedConfig) -> None:
    recipe = config.recipe(LOOP)
    batch = recipe.items().micro_batch(0, 0, 2)
    with torch.no_grad():
        before = recipe.network(batch)
        blind = batch._replace(flat=torch.where(batch.hidden[..., None], 0.7, batch.flat))
        assert torch.equal(recipe.network(blind), before)
        other = batch.flat + (batch.images == 1)[..., None] * 0.3 * torch.randn(48)
        changed = (recipe.network(batch._replace(flat=other)) - before).abs().amax(-1) > 1e-6
    assert changed[batch.images == 1].any()
    assert not changed[batch.images != 1].any()


def test_guessing_the_mean_scores_one_and_the_truth_nothing(config: MaskedConfig) -> None:
    batch = config.recipe(LOOP).items().micro_batch(0, 0, 2)
    noise = torch.randn_like(batch.flat)
    rough = PackedPatches(noise, batch.places, batch.images, batch.visible)
    assert torch.allclose(
        hidden_error(torch.zeros_like(noise), rough), torch.tensor(47 / 48), atol=1e-3
    )
    centred = (noise - noise.mean(-1, keepdim=True)) / noise.std(-1, keepdim=True)
    assert hidden_error(centred, rough).max() < 1e-6
