"""Anycost-GAN: one StyleGAN2 generator that can be run at several resolutions and widths.

A sub-generator is the network stopped at a target resolution, with every layer cut to its first
channels. Nothing is stored on the module: widths and target are arguments.

Source: Lin et al., "Anycost GANs for Interactive Image Synthesis and Editing", CVPR 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from anyres_bench.core.errors import UsageError
from anyres_bench.models.stylegan2 import (
    AfterUpsampling,
    BiasLeaky,
    EqualConv,
    EqualLinear,
    FirLayer,
    ModulatedConv,
    ResidualBlock,
    StyledConv,
    ToRGB,
    mapping_network,
    minibatch_stddev,
    no_layers,
)

TAPS = (1, 3, 3, 1)
RATIOS = (0.25, 0.5, 0.75, 1.0)
BASE_WIDTH = 16384
"""Width at resolution r and multiplier 1 is this over r: 4096 at 4 px, 16 at 1024 px."""


def resolutions(largest: int) -> list[int]:
    """4, 8, ..., `largest`."""
    return [2**i for i in range(2, largest.bit_length())]


def width_at(resolution: int, multiplier: float, largest: int) -> int:
    """Channels at a resolution; fractions are cut off."""
    return min(largest, int(BASE_WIDTH // resolution * multiplier))


class _Constant(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class _NoiseBuffers(nn.Module):
    def __init__(self, sides: Sequence[int]) -> None:
        super().__init__()
        for i, side in enumerate(sides):
            self.register_buffer(f"noise_{i}", torch.randn(1, 1, side, side))


class AnycostNetwork(nn.Module):
    """The generator, with the official names of its state.

    Args:
        resolution: the largest output side, a power of 2 of at least 8.
        style_dim: length of z and w.
        n_mlp: layers of the mapping network.
        channel_multiplier: 2 for the published models.
        channel_max: the widest layer.
    """

    def __init__(
        self,
        resolution: int,
        style_dim: int = 512,
        n_mlp: int = 8,
        channel_multiplier: float = 2,
        channel_max: int = 512,
    ) -> None:
        super().__init__()
        self.resolutions = resolutions(resolution)
        self.style_dim, self.channel_max = style_dim, channel_max
        self._widths = [width_at(r, channel_multiplier, channel_max) for r in self.resolutions]
        wide = self._widths
        self.style = mapping_network(style_dim, n_mlp)
        self.input = _Constant(wide[0])
        self.conv1 = StyledConv(ModulatedConv((wide[0], wide[0]), 3, style_dim, padding=1))
        self.to_rgb1 = ToRGB(wide[0], style_dim)
        self.convs, self.to_rgbs = nn.ModuleList(), nn.ModuleList()
        for below, width in pairwise(wide):
            blur = AfterUpsampling(TAPS, (1, 1), up=2)
            up = ModulatedConv((below, width), 3, style_dim, blur=blur)
            plain = ModulatedConv((width, width), 3, style_dim, padding=1)
            self.convs.extend([StyledConv(up), StyledConv(plain)])
            self.to_rgbs.append(ToRGB(width, style_dim, FirLayer(TAPS, (2, 1), up=2)))
        self.noises = _NoiseBuffers(self.noise_sides)

    @property
    def n_styles(self) -> int:
        """Style vectors of one image: layers that take one."""
        return 2 * len(self.resolutions)

    @property
    def noise_sides(self) -> list[int]:
        """Side of the noise of every layer, in order."""
        return [4] + [r for r in self.resolutions[1:] for _ in range(2)]

    @property
    def widths(self) -> list[int]:
        """Full width of the constant and of every convolution, in order."""
        return [width for width in self._widths for _ in range(2)]

    def uniform_widths(self, ratio: float) -> list[int]:
        """Widths at a uniform channel ratio.

        The cap on the width is applied after the ratio, so wide layers do not shrink at once.
        """
        multiplier = self.widths[-1] / (BASE_WIDTH // self.resolutions[-1])
        cut = [width_at(r, ratio * multiplier, self.channel_max) for r in self.resolutions]
        return [width for width in cut for _ in range(2)]

    def buffered_noise(self) -> list[Tensor]:
        """The noise that is stored with the weights."""
        return list(self.noises.buffers())

    def styles(self, *latents: Tensor, switch: int | None = None) -> Tensor:
        """Style vectors of all layers from one latent w, or from two switched at layer `switch`.

        Args:
            latents: one or two of (n, style_dim).
            switch: first layer that takes the second latent.

        Returns:
            (n, n_styles, style_dim).
        """
        first, second = latents[0], latents[-1]
        switch = self.n_styles if switch is None else switch
        parts = [first[:, None].expand(-1, switch, -1)]
        return torch.cat([*parts, second[:, None].expand(-1, self.n_styles - switch, -1)], 1)

    def forward(
        self,
        styles: Tensor,
        noise: Sequence[Tensor],
        target: int | None = None,
        widths: Sequence[int] | None = None,
    ) -> list[Tensor]:
        """Images at 4, 8, ... up to `target`, the largest last.

        Args:
            styles: (n, n_styles, style_dim).
            noise: per layer (1 or n, 1, r, r).
            target: where to stop; None for the full resolution.
            widths: channels kept of the constant and of every convolution; None for all.

        Returns:
            RGB images (n, 3, r, r), not clamped.

        Raises:
            UsageError: the network has no such target or not that many layers.
        """
        target = self.resolutions[-1] if target is None else target
        if target not in self.resolutions[1:]:
            raise UsageError(f"no target {target}; this generator stops at {self.resolutions[1:]}")
        widths = self.widths if widths is None else widths
        if len(widths) != len(self.widths):
            raise UsageError(f"{len(widths)} channel counts; expected {len(self.widths)}")
        x = self.input.input[:, : widths[0]].expand(len(styles), -1, -1, -1)
        x = self.conv1(x, styles[:, 0], noise[0], widths[1])
        images = [self.to_rgb1(x, styles[:, 1])]
        for b in range(self.resolutions.index(target)):
            i = 2 * b + 1  # the style of a block's RGB is that of the next block's first layer
            x = self.convs[2 * b](x, styles[:, i], noise[i], widths[i + 1])
            x = self.convs[2 * b + 1](x, styles[:, i + 1], noise[i + 1], widths[i + 2])
            images.append(self.to_rgbs[b](x, styles[:, i + 2], images[-1]))
        return images


class _CodeModulation(nn.Module):
    """Scale and shift every channel by what the architecture code says."""

    coded = True

    def __init__(self, code_dim: int, channels: int) -> None:
        super().__init__()
        self.weight_mapping = nn.Linear(code_dim, channels)
        self.bias_mapping = nn.Linear(code_dim, channels)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = 1 + self.weight_mapping(code), self.bias_mapping(code)
        modulated: Tensor = x * scale[:, None, None] + shift[:, None, None]
        return modulated


def _coder(code_dim: int) -> Callable[[int], list[nn.Module]]:
    return lambda channels: [_CodeModulation(code_dim, channels)]


def architecture_code(ratios: Sequence[float]) -> Tensor:
    """One-hot of the channel ratio of every generator layer, flattened."""
    code = torch.zeros(len(ratios), len(RATIOS))
    code[range(len(ratios)), [RATIOS.index(ratio) for ratio in ratios]] = 1
    return code.flatten()


def _from_rgb(channels: int) -> nn.Sequential:
    return nn.Sequential(EqualConv(3, channels, 1), BiasLeaky(channels))


class _Head(nn.Module):
    """Last layers of both discriminators, from 4 px features to one logit."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.final_conv = nn.Sequential(
            EqualConv(channels + 1, channels, 3, padding=1), BiasLeaky(channels)
        )
        self.final_linear = nn.Sequential(
            EqualLinear(channels * 16, channels, activate=True), EqualLinear(channels, 1)
        )

    def logits(self, x: Tensor) -> Tensor:
        y: Tensor = self.final_linear(self.final_conv(minibatch_stddev(x)).flatten(1))
        return y


class AnycostDiscriminator(_Head):
    """The StyleGAN2 residual discriminator of one resolution."""

    def __init__(
        self, resolution: int, channel_multiplier: float = 2, channel_max: int = 512
    ) -> None:
        wide = [width_at(r, channel_multiplier, channel_max) for r in resolutions(resolution)]
        super().__init__(wide[0])
        blocks = [ResidualBlock(pair) for pair in pairwise(wide[::-1])]
        self.convs = nn.Sequential(_from_rgb(wide[-1]), *blocks)

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, r, r) -> (n, 1) logits."""
        return self.logits(self.convs(images))


class DiscriminatorMultiRes(_Head):
    """Discriminator of several resolutions, told which sub-generator made the batch.

    Args:
        resolution: the largest side.
        channel_multiplier: as of the generator.
        channel_max: as of the generator.
        n_res: how many resolutions have an input layer, from the largest down.
        modulate: whether the last two blocks take the architecture code.
    """

    def __init__(
        self,
        resolution: int,
        channel_multiplier: float = 2,
        channel_max: int = 512,
        n_res: int = 1,
        modulate: bool = False,
    ) -> None:
        sides = resolutions(resolution)
        wide = [width_at(r, channel_multiplier, channel_max) for r in sides]
        super().__init__(wide[0])
        self.entry = {side: i for i, side in enumerate(sides[: -n_res - 1 : -1])}
        self.convs = nn.ModuleList(_from_rgb(width) for width in wide[: -n_res - 1 : -1])
        code_dim = 2 * len(sides) * len(RATIOS)
        self.blocks = nn.ModuleList()
        for i, pair in enumerate(pairwise(wide[::-1])):
            coded = modulate and i >= len(sides) - 3  # the last two of len(sides) - 1 blocks
            after = _coder(code_dim) if coded else no_layers
            self.blocks.append(ResidualBlock(pair, after=after))

    def forward(self, images: Tensor, code: Tensor | None = None) -> Tensor:
        """(n, 3, r, r) and the `architecture_code` of the whole batch -> (n, 1) logits."""
        side = images.shape[-1]
        if side not in self.entry:
            raise UsageError(f"no input layer for {side} px; this one takes {list(self.entry)}")
        start = self.entry[side]
        x = self.convs[start](images)
        for block in self.blocks[start:]:
            x = block(x, code)
        return self.logits(x)
