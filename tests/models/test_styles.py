"""Styles of seeds: truncation pulls towards one centre that no seed moves."""

from __future__ import annotations

import torch

from anyres_bench.models.stylegan2 import mapping_network
from anyres_bench.models.styles import Styles


def mapping() -> torch.nn.Module:
    torch.manual_seed(0)
    return mapping_network(8, 2).requires_grad_(False)


def test_truncation_goes_from_the_mean_to_the_style() -> None:
    network = mapping()
    full = Styles(network, 8).latent(7)
    assert full.seed == 7
    centre = Styles(network, 8, psi=0.0)
    assert torch.allclose(centre.latent(7).w, centre.mean)
    half = Styles(network, 8, psi=0.5).latent(7).w
    assert torch.allclose(half, (full.w + centre.mean) / 2, atol=1e-6)


def test_the_centre_is_that_of_many_styles_and_always_the_same() -> None:
    network = mapping()
    mean = Styles(network, 8).mean
    assert mean.shape == (1, 8)
    assert torch.equal(mean, Styles(network, 8, psi=0.3).mean)
    styles = torch.cat([Styles(network, 8).latent(seed).w for seed in range(150)])
    error = styles.std(0) / len(styles) ** 0.5
    assert ((styles.mean(0) - mean[0]).abs() < 4 * error).all()
