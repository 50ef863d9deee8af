"""The StyleGAN2 generator with the names of its snapshots.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020: weight
demodulation, noise, RGB outputs summed over resolutions ("skip"); "Training Generative Adversarial
Networks with Limited Data", NeurIPS 2020: labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from anyres_bench.core.errors import ConfigError
from anyres_bench.models.stylegan2 import EqualLinear, fir, leaky, modulated_conv, pixel_norm

TAPS = (1, 3, 3, 1)
_LR_MULTIPLIER = 0.01  # of the mapping network
# part of a configuration -> the only value that this network has; others would change its pixels
_FIXED: Mapping[str, Any] = {
    "architecture": "skip",
    "activation": "lrelu",
    "resample_filter": list(TAPS),
    "use_noise": True,
    "lr_multiplier": _LR_MULTIPLIER,
    "embed_features": None,
    "layer_features": None,
}
_UNSEEN = {"num_fp16_res", "fp16_channels_last", "w_avg_beta"}  # of speed, and of training


@dataclass(frozen=True)
class StyleGAN2Config:
    """Sizes of a generator.

    Attributes:
        resolution: side of its images, px: a power of two.
        z_dim, w_dim: of latents and styles.
        c_dim: labels; 0 for none.
        n_mapping: layers of the mapping network.
        channel_base, channel_max: channels at a side are channel_base / side, at most channel_max.
        clamp: largest activation; None for no bound.
    """

    resolution: int
    z_dim: int = 512
    w_dim: int = 512
    c_dim: int = 0
    n_mapping: int = 8
    channel_base: int = 32768
    channel_max: int = 512
    clamp: float | None = None

    @property
    def sides(self) -> tuple[int, ...]:
        """4, 8, ... resolution."""
        return tuple(2**i for i in range(2, self.resolution.bit_length()))

    def channels(self, side: int) -> int:
        """Of the features at a side."""
        return min(self.channel_base // side, self.channel_max)


class StyleGAN2Mapping(nn.Module):
    """Latents and labels to styles, with the mean of all styles.

    Args:
        config: of the generator.
    """

    w_avg: Tensor

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.n_layers = config.n_mapping
        if config.c_dim:
            self.embed = EqualLinear(config.c_dim, config.w_dim)
        widths = [config.z_dim + (config.w_dim if config.c_dim else 0)]
        widths += [config.w_dim] * config.n_mapping
        for i, (n_in, n_out) in enumerate(pairwise(widths)):
            layer = EqualLinear(n_in, n_out, lr_mul=_LR_MULTIPLIER, activate=True)
            self.add_module(f"fc{i}", layer)
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: Tensor, c: Tensor | None = None, psi: float = 1.0) -> Tensor:
        """(n, z_dim) normals, (n, c_dim) one-hot labels or None -> (n, w_dim), truncated."""
        x = pixel_norm(z)
        if c is not None:
            x = torch.cat([x, pixel_norm(self.embed(c))], 1)
        for i in range(self.n_layers):
            x = self.get_submodule(f"fc{i}")(x)
        return x if psi == 1 else self.w_avg.lerp(x, psi)


class StyleGAN2Layer(nn.Module):
    """Modulated 3x3 convolution, which may double the side; noise, bias, activation.

    Args:
        channels: (in, out).
        w_dim: of styles.
        side: of its output, px.
        up: whether it doubles the side.
        clamp: see `StyleGAN2Config`.
    """

    noise_const: Tensor
    resample_filter: Tensor

    def __init__(
        self, channels: tuple[int, int], w_dim: int, side: int, up: bool, clamp: float | None
    ) -> None:
        super().__init__()
        n_in, n_out = channels
        self.affine = EqualLinear(w_dim, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(n_out, n_in, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.register_buffer("noise_const", torch.randn(side, side))
        self.register_buffer("resample_filter", _filter())
        self.up, self.clamp = up, clamp

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Noise is (n, 1, side, side); None takes that of the snapshot."""
        y = modulated_conv(x, self.weight, self.affine(w), 0 if self.up else 1, self.up)
        if self.up:
            y = fir(y, self.resample_filter * 4, (1, 1))
        noise = self.noise_const if noise is None else noise
        y = leaky(y + noise * self.noise_strength + self.bias[:, None, None])
        bound = None if self.clamp is None else self.clamp * math.sqrt(2)
        return y if bound is None else y.clamp(-bound, bound)


class StyleGAN2RGB(nn.Module):
    """Features to RGB by a modulated 1x1 convolution without demodulation."""

    def __init__(self, n_in: int, w_dim: int, clamp: float | None) -> None:
        super().__init__()
        self.affine = EqualLinear(w_dim, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(3, n_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.clamp = clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w) / math.sqrt(self.weight.shape[1])
        y = modulated_conv(x, self.weight, style, demodulate=False) + self.bias[:, None, None]
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)


class StyleGAN2Block(nn.Module):
    """The layers of one side."""

    resample_filter: Tensor

    def __init__(self, config: StyleGAN2Config, side: int) -> None:
        super().__init__()
        channels, w_dim, clamp = config.channels(side), config.w_dim, config.clamp
        if side == 4:
            self.const = nn.Parameter(torch.randn(channels, 4, 4))
        else:
            below = config.channels(side // 2)
            self.conv0 = StyleGAN2Layer((below, channels), w_dim, side, True, clamp)
        self.conv1 = StyleGAN2Layer((channels, channels), w_dim, side, False, clamp)
        self.torgb = StyleGAN2RGB(channels, w_dim, clamp)
        self.register_buffer("resample_filter", _filter())

    def forward(
        self,
        x: Tensor | None,
        rgb: Tensor | None,
        w: Tensor,
        noise: Sequence[Tensor | None],
    ) -> tuple[Tensor, Tensor]:
        """Features and RGB of the side below, None below 4 px, to those of this one."""
        if x is None or rgb is None:
            first = self.const.expand(len(w), -1, -1, -1)
            x = self.conv1(first, w, noise[0])
            return x, self.torgb(x, w)
        x = self.conv1(self.conv0(x, w, noise[0]), w, noise[1])
        return x, fir(rgb, self.resample_filter * 4, (2, 1), up=2) + self.torgb(x, w)


class StyleGAN2Synthesis(nn.Module):
    """Styles to images."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.sides = config.sides
        for side in self.sides:
            self.add_module(f"b{side}", StyleGAN2Block(config, side))

    @property
    def noise_sides(self) -> tuple[int, ...]:
        """Side of the noise of every layer, in order."""
        return (4, *(side for side in self.sides[1:] for _ in range(2)))

    def forward(self, w: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """(n, w_dim), one noise a layer or that of the snapshot -> (n, 3, h, w)."""
        left: list[Tensor | None] = list(noise) if noise else [None] * len(self.noise_sides)
        x: Tensor | None = None
        rgb: Tensor | None = None
        for side in self.sides:
            n_layers = 1 if side == 4 else 2
            x, rgb = self.get_submodule(f"b{side}")(x, rgb, w, left[:n_layers])
            left = left[n_layers:]
        assert rgb is not None
        return rgb


class StyleGAN2Network(nn.Module):
    """The whole generator."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.config = config
        self.synthesis = StyleGAN2Synthesis(config)
        self.mapping = StyleGAN2Mapping(config)


def from_config(config: Mapping[str, Any]) -> StyleGAN2Network:
    """The untrained network of a snapshot's arguments.

    Raises:
        ConfigError: they are of another network than this one.
    """
    mapping, synthesis = (config.get(f"{part}_kwargs", {}) for part in ("mapping", "synthesis"))
    sizes = {
        "resolution": config.get("img_resolution"),
        "z_dim": config.get("z_dim", 512),
        "w_dim": config.get("w_dim", 512),
        "c_dim": config.get("c_dim", 0),
        "n_mapping": mapping.get("num_layers", 8),
        "channel_base": synthesis.get("channel_base", 32768),
        "channel_max": synthesis.get("channel_max", 512),
    }
    if bad := [f"{name} {value!r:.40}" for name, value in sizes.items() if type(value) is not int]:
        raise ConfigError(f"no generator of {', '.join(bad)}; expected whole numbers")
    made = StyleGAN2Config(**sizes, clamp=synthesis.get("conv_clamp"))
    if made.resolution < 8 or made.resolution & (made.resolution - 1):
        raise ConfigError(f"no generator of {made.resolution} px; expected a power of two")
    if config.get("img_channels", 3) != 3:
        raise ConfigError(f"{config['img_channels']} image channels; this network makes RGB")
    known = {"num_layers", "channel_base", "channel_max", "conv_clamp"} | _UNSEEN
    for name, value in [*mapping.items(), *synthesis.items()]:
        if name not in known and (name not in _FIXED or value not in (_FIXED[name], None)):
            raise ConfigError(f"{name} is {value!r:.40}; this network has {_FIXED.get(name)!r}")
    return StyleGAN2Network(made)


def _filter() -> Tensor:
    taps = torch.tensor(TAPS, dtype=torch.float32)
    both = torch.outer(taps, taps)
    return both / both.sum()
