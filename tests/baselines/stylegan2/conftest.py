"""A tiny generator of StyleGAN2, and its snapshot in the official layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from anyres_bench.baselines.stylegan2.network import StyleGAN2Network, from_config
from tests.models.official_pickles import EasyDict, Network, write_snapshot

CONFIG: dict[str, Any] = {
    "z_dim": 16,
    "c_dim": 0,
    "w_dim": 16,
    "img_resolution": 32,
    "img_channels": 3,
    "mapping_kwargs": {"num_layers": 2},
    "synthesis_kwargs": {"channel_base": 256, "channel_max": 32, "conv_clamp": 256},
}


def random_generator(**changes: Any) -> StyleGAN2Network:
    """A generator whose every tensor matters."""
    network = from_config({**CONFIG, **changes})
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if "resample_filter" in name:
                continue
            noise = torch.randn(tensor.shape, generator=rng)
            tensor.copy_(noise * 0.3 + (1.0 if "affine.bias" in name else 0.0))
            if ".fc" in name and name.endswith("weight"):
                tensor.mul_(300)
    return network.eval()


def write(path: Path, **changes: Any) -> Path:
    """A snapshot of it, as StyleGAN2-ADA writes them."""
    kwargs = {
        name: EasyDict(value) if isinstance(value, dict) else value
        for name, value in {**CONFIG, **changes}.items()
    }
    network = Network.of(random_generator(**changes), kwargs)
    return write_snapshot(path, {"G_ema": network}, protocol=3)


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("stylegan2") / "tiny.pkl")
