"""Small networks of every baseline, with weights that matter, in files of the official layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from anyres_bench.baselines.anycost import network as anycost
from anyres_bench.baselines.infinitygan import network as infinitygan
from anyres_bench.baselines.liif import network as liif
from anyres_bench.baselines.mspe import network as mspe
from anyres_bench.baselines.realesrgan import network as realesrgan

EDSR_SPEC = {
    "encoder_spec": {
        "name": "edsr-baseline",
        "args": {"no_upsampling": True, "n_resblocks": 1, "n_feats": 8},
    },
    "imnet_spec": {"name": "mlp", "args": {"out_dim": 3, "hidden_list": [16, 16]}},
}
INFINITY = infinitygan.Architecture(8, 4, 2, (8, 8, 8, 6))


def randomise(network: nn.Module, seed: int = 0) -> nn.Module:
    """Fill everything that is zero at the start, so that no part of a network is without effect."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if not parameter.any():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data = 0.1 * noise
        elif parameter.ndim == 4 and "mean" not in name:
            fan_in = parameter[0].numel()
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data = noise / fan_in**0.5
    return network.eval().requires_grad_(False)


def seeded(make: type[nn.Module], *arguments: object, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return randomise(make(*arguments, **options))


def anycost_generator(resolution: int = 32) -> anycost.AnycostNetwork:
    return seeded(anycost.AnycostNetwork, resolution, 12, 2, 1 / 64, 8)


def rrdbnet(scale: int = 4, num_block: int = 1) -> realesrgan.RRDBNet:
    return seeded(realesrgan.RRDBNet, 3, 3, scale, 8, num_block, 4)


def compact(upscale: int = 2) -> realesrgan.SRVGGNetCompact:
    return seeded(realesrgan.SRVGGNetCompact, 3, 3, 8, 3, upscale)


def edsr_liif() -> liif.LIIF:
    torch.manual_seed(0)
    return randomise(liif.LIIF.from_spec(EDSR_SPEC))


def infinity() -> infinitygan.InfinityGANNetwork:
    return seeded(infinitygan.InfinityGANNetwork, INFINITY)


def save(path: Path, content: object) -> str:
    torch.save(content, path)
    return str(path)


def anycost_file(folder: Path) -> str:
    state = anycost_generator().state_dict()
    return save(folder / "generator_anycost.pt", {"g_ema": state, "epoch": 3})


def liif_file(folder: Path) -> str:
    model = {"name": "liif", "args": EDSR_SPEC, "sd": edsr_liif().state_dict()}
    return save(
        folder / "edsr-liif.pth", {"model": model, "optimizer": {"name": "adam"}, "epoch": 1}
    )


def realesrgan_file(folder: Path, network: nn.Module | None = None) -> str:
    state = (network or rrdbnet()).state_dict()
    return save(folder / "RealESRGAN.pth", {"params": {}, "params_ema": state})


def infinity_file(folder: Path) -> str:
    state = {**infinity().state_dict(), "texture_synthesizer.tmp_var": torch.zeros(1)}
    return save(folder / "best_fid.pth.tar", {"iter": 5, "best_fid": 9.5, "g_ema": state})


def write_images(folder: Path, *sizes: tuple[int, int]) -> Path:
    """A folder of smooth random images, (height, width) each."""
    rng = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    for i, (h, w) in enumerate(sizes):
        small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        small.resize((w, h), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


def mspe_config() -> mspe.Config:
    return replace(mspe.CONFIGS["f"], out_size=8, style_channels=8, num_mlps=1)
