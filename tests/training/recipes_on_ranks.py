"""Run under torchrun by `test_recipe_ranks.py`: two steps of every recipe, and their tensors."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import torch

from anyres_bench.baselines.anycost.recipe import AnycostConfig
from anyres_bench.baselines.infinitygan.recipe import InfinityGANConfig
from anyres_bench.baselines.liif.recipe import LIIFConfig
from anyres_bench.baselines.mspe.recipe import MSPEConfig
from anyres_bench.baselines.realesrgan.recipe import NetworkConfig, RealESRGANConfig
from anyres_bench.core import distributed
from anyres_bench.tilers.navit_mae.recipe import MaskedConfig
from anyres_bench.training.adversarial import AdversarialConfig
from anyres_bench.training.crops import CropSource
from anyres_bench.training.items import SourceConfig
from tests.training.tiny import LOOP, states, trained


def configs(data: Path) -> dict[str, Any]:
    """A small configuration of every recipe, every phase in every step."""
    crops, whole = (CropSource(dataset=str(data)),), (SourceConfig(dataset=str(data)),)
    often = AdversarialConfig(r1_interval=1, path_interval=1, path_shrink=1)
    networks = {"discriminator_feat": 4, "perceptual": "laplacian", "stage": "gan"}
    return {
        "navit-mae": MaskedConfig(
            patch=8,
            dim=8,
            depth=1,
            heads=2,
            decoder_dim=8,
            decoder_depth=1,
            budget=48,
            sources=crops,
        ),
        "anycost": AnycostConfig(
            resolution=16,
            style_dim=8,
            n_mlp=1,
            channel_multiplier=1 / 64,
            channel_max=8,
            n_res=2,
            sources=whole,
            adversarial=often,
        ),
        "infinitygan": InfinityGANConfig(
            n_ups=1,
            channel_max=6,
            global_dim=6,
            local_dim=4,
            n_mlp=1,
            full_side=29,
            sources=whole,
            adversarial=often,
        ),
        "liif": LIIFConfig(n_resblocks=1, n_feats=8, hidden=(16,), sources=crops, input_side=8),
        "mspe": MSPEConfig(
            out_size=8,
            style_channels=8,
            num_mlps=1,
            channel_max=8,
            sources=whole,
            adversarial=often,
        ),
        "realesrgan": RealESRGANConfig(
            network=NetworkConfig(num_feat=8, num_block=1, num_grow_ch=4),
            sources=crops,
            crop_side=80,
            gt_side=32,
            **networks,
        ),
    }


def main(data: Path, out: Path) -> None:
    """Train every recipe and keep all its tensors."""
    distributed.start()
    loop = dataclasses.replace(LOOP, micro_batch=2)
    for name, config in configs(data).items():
        recipe = trained(config, out / name, 2, loop)
        torch.save(states(recipe), out / f"{name}-{distributed.rank()}.pt")
    distributed.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
