"""Small networks that tests share: the real architecture, few channels and layers."""

from __future__ import annotations

import copy
import functools
from dataclasses import replace

import torch

from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.network import GeneratorNetwork, SynthesisLayer

SMALL = GeneratorConfig(32, z_dim=16, w_dim=16, n_layers=8, channel_base=256, channel_max=8)
OFFICIAL = replace(SMALL, scale_embedding="official")
PANORAMA = replace(SMALL, scale_embedding="none", panorama_fov=60)


def trained(config: GeneratorConfig, seed: int = 0) -> GeneratorNetwork:
    """A random network that behaves like a trained one: unit power, a mean w, all branches.

    A network as initialised has scale branches of zero, and its input ignores w.
    """
    return copy.deepcopy(_trained(config, seed))


@functools.cache
def _trained(config: GeneratorConfig, seed: int) -> GeneratorNetwork:
    network = GeneratorNetwork(config, seed).requires_grad_(False)
    rng = torch.Generator().manual_seed(seed + 1)
    for name, parameter in network.named_parameters():
        if "scale_affine" in name or name == "synthesis.input.affine.weight":
            parameter.add_(torch.randn(parameter.shape, generator=rng) * 0.1)
    network.mapping.w_avg.add_(torch.randn(config.w_dim, generator=rng) * 0.3)
    layers = [m for m in network.synthesis.children() if isinstance(m, SynthesisLayer)]
    for layer in layers:
        layer.ema_beta = 0.0
    c = torch.eye(config.c_dim)[:1].expand(4, -1) if config.c_dim else None
    z = torch.randn(4, config.z_dim, generator=rng)
    average = network.mapping.w_avg.clone()
    zooms = torch.tensor([1.0, 0.5, 0.25, 0.15])
    matrices = torch.diag_embed(torch.stack([zooms, zooms, torch.ones(4)], dim=1))
    image = network(z, c, matrices, update_emas=True)
    layers[-1].weight.mul_(0.7 / image.abs().max())
    network.mapping.w_avg.copy_(average)
    for layer in layers:
        layer.ema_beta = config.magnitude_ema_beta
    return network
