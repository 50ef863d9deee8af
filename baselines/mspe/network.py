"""MS-PE: StyleGAN2 with a positional grid for its constant; a larger grid is a larger image.

An image has (4 + s) * out_size / 4 pixels a side for a scale s of the head grid. Images are BGR,
as the official training read them.

Source: Xu et al., "Positional Encoding as Spatial Inductive Bias in GANs", CVPR 2021.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anyres_bench.baselines.mspe.encodings import CSG, SPE, resize
from anyres_bench.core.geometry import Size
from anyres_bench.models.stylegan2 import (
    AfterUpsampling,
    BiasLeaky,
    FirLayer,
    NoiseInjection,
    ResidualBlock,
    leaky,
    minibatch_stddev,
    modulated_conv,
)

TAPS = (1, 3, 3, 1)
NO_SCALE = Size(0, 0)


def width_at(resolution: int, multiplier: int, largest: int = 512) -> int:
    """Channels at a resolution."""
    return min(largest, 512 if resolution <= 32 else 16384 * multiplier // resolution)


@dataclass(frozen=True)
class Config:
    """What a published configuration sets.

    Attributes:
        out_size: output side at scale 0, a power of 2.
        style_channels: length of z and w.
        num_mlps: layers of the mapping network.
        channel_multiplier: 2 ("c2") or 1 ("c1").
        encoding: what the head is: a grid, or None for a learned constant.
        interp_head: build the grid at its smallest size and interpolate it, instead of
            building it at the size that is needed.
        deconv2conv: a convolution and bilinear interpolation instead of the transposed one.
        up_after_conv: interpolate behind the convolution.
        no_pad: convolutions do not pad; the head is 2 pixels larger and interpolation makes
            `interp_pad` pixels more.
        interp_pad: see `no_pad`.
        scales: of the head, that it was trained at.
        channel_max: the widest layer; the published ones have 512.
    """

    out_size: int = 256
    style_channels: int = 512
    num_mlps: int = 8
    channel_multiplier: int = 2
    encoding: SPE | CSG | None = None
    interp_head: bool = False
    deconv2conv: bool = False
    up_after_conv: bool = False
    no_pad: bool = False
    interp_pad: int = 0
    scales: tuple[int, ...] = (0, 2, 4)
    channel_max: int = 512


_SPE = SPE(256, init_size=256, center_shift=100)
_PAD = Config(deconv2conv=True, up_after_conv=True)
_NO_PAD = Config(deconv2conv=True, no_pad=True, interp_pad=4)
CONFIGS = {
    "a": Config(scales=(0,)),
    "b": Config(out_size=512, scales=(0,)),
    "c": replace(_PAD, interp_head=True),
    "d": replace(_PAD, encoding=CSG()),
    "e": replace(_PAD, encoding=_SPE, interp_head=True),
    "f": replace(_PAD, encoding=_SPE),
    "f-896": replace(_PAD, encoding=_SPE, scales=(0, 4, 10)),
    "f-1024": replace(_PAD, encoding=_SPE, channel_multiplier=1, scales=(0, 4, 12)),
    "g": replace(_PAD, encoding=_SPE, channel_multiplier=1),
    "h": replace(_NO_PAD, interp_head=True),
    "i": replace(_NO_PAD, encoding=CSG()),
    "j": replace(_NO_PAD, encoding=_SPE, interp_head=True),
    "k": replace(_NO_PAD, encoding=_SPE),
}


class _Scaled(nn.Module):
    """A weight that is divided by the root of its fan-in when used."""

    def __init__(self, *shape: int, lr_mul: float = 1.0) -> None:
        super().__init__()
        self.weight_orig = nn.Parameter(torch.randn(shape) / lr_mul)
        self.lr_mul = lr_mul

    @property
    def weight(self) -> Tensor:
        """The weight in use."""
        return self.weight_orig * (self.lr_mul / math.sqrt(self.weight_orig[0].numel()))


class _Linear(nn.Module):
    def __init__(
        self, n_in: int, n_out: int, bias: float = 0.0, lr_mul: float = 1.0, activate: bool = False
    ) -> None:
        super().__init__()
        self.linear = _Scaled(n_out, n_in, lr_mul=lr_mul)
        self.bias = nn.Parameter(torch.full((n_out,), bias))
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.linear.weight, self.bias * self.linear.lr_mul)
        return leaky(y) if self.activate else y


class _Normalise(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        length: Tensor = z.norm(dim=-1, keepdim=True)
        return z / (length / math.sqrt(z.shape[-1]) + 1e-6)


class _ModulatedConv(nn.Module):
    def __init__(
        self, n_in: int, n_out: int, kernel: int, config: Config, up: bool = False
    ) -> None:
        super().__init__()
        self.weight_orig = nn.Parameter(torch.randn(1, n_out, n_in, kernel, kernel))
        self.style_modulation = _Linear(config.style_channels, n_in, bias=1.0)
        self.up, self.config = up, config
        if up and not config.deconv2conv:
            self.blur = AfterUpsampling(TAPS, (1, 1), up=2)

    def forward(self, x: Tensor, style: Tensor, demodulate: bool = True) -> Tensor:
        weight = self.weight_orig[0] / math.sqrt(self.weight_orig[0, 0].numel())
        scales, config = self.style_modulation(style), self.config
        if self.up and not config.deconv2conv:
            blurred: Tensor = self.blur(modulated_conv(x, weight, scales, up=True))
            return blurred
        size = Size(*(2 * side for side in x.shape[2:]))
        if self.up and not config.up_after_conv:
            x = resize(x, Size(*(side + config.interp_pad for side in size)))
        padding = 0 if config.no_pad else weight.shape[-1] // 2
        y = modulated_conv(x, weight, scales, padding, demodulate=demodulate)
        return resize(y, size) if self.up and config.up_after_conv else y


class _StyledConv(nn.Module):
    def __init__(self, n_in: int, n_out: int, config: Config, up: bool = False) -> None:
        super().__init__()
        self.conv = _ModulatedConv(n_in, n_out, 3, config, up)
        self.noise_injector = NoiseInjection()
        self.activate = BiasLeaky(n_out)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        y: Tensor = self.activate(self.noise_injector(self.conv(x, style), noise))
        return y


class _ToRGB(nn.Module):
    def __init__(self, n_in: int, config: Config, first: bool = False) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.conv = _ModulatedConv(n_in, 3, 1, config)
        if not first:
            self.upsample = FirLayer(TAPS, (2, 1), up=2)

    def forward(self, x: Tensor, style: Tensor, below: Tensor | None = None) -> Tensor:
        rgb: Tensor = self.conv(x, style, demodulate=False) + self.bias
        return rgb if below is None else rgb + self.upsample(below)


class _Constant(nn.Module):
    def __init__(self, channels: int, size: Size) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, *size))


class _Unused(nn.Module):
    """State of the official sinusoidal encoding that no result depends on."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("_float_tensor", torch.zeros(1))


class MSPENetwork(nn.Module):
    """The generator, with the official names of its state."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        mapping = [
            _Linear(config.style_channels, config.style_channels, lr_mul=0.01, activate=True)
            for _ in range(config.num_mlps)
        ]
        self.style_mapping = nn.Sequential(_Normalise(), *mapping)
        if config.encoding is None:
            self.constant_input = _Constant(config.channel_max, self.head_size())
        elif isinstance(config.encoding, SPE):
            self.head_pos_enc = _Unused()
        multiplier, largest = config.channel_multiplier, config.channel_max
        wide = [width_at(2**i, multiplier, largest) for i in range(2, self.n_blocks + 3)]
        head = wide[0] if config.encoding is None else config.encoding.channels
        self.conv1 = _StyledConv(head, wide[0], config)
        self.to_rgb1 = _ToRGB(wide[0], config, first=True)
        self.convs, self.to_rgbs = nn.ModuleList(), nn.ModuleList()
        for below, width in pairwise(wide):
            self.convs.append(_StyledConv(below, width, config, up=True))
            self.convs.append(_StyledConv(width, width, config))
            self.to_rgbs.append(_ToRGB(width, config))
        for i, size in enumerate(self.noise_sizes()):
            self.register_buffer(f"injected_noise_{i}", torch.randn(1, 1, *size))

    @property
    def n_blocks(self) -> int:
        """Times that the size doubles."""
        return self.config.out_size.bit_length() - 3

    @property
    def step(self) -> int:
        """Pixels that one more cell of the head makes."""
        return 1 << self.n_blocks

    def scale_for(self, size: Size) -> Size:
        """The scale of the head that makes images of a size, a multiple of `step`."""
        return Size(size.height // self.step - 4, size.width // self.step - 4)

    @property
    def n_styles(self) -> int:
        """Style vectors of one image."""
        return 2 * self.n_blocks + 2

    def head_size(self, scale: Size = NO_SCALE) -> Size:
        """Size of the head grid."""
        base = 6 if self.config.no_pad else 4
        return Size(base + scale.height, base + scale.width)

    def noise_sizes(self, scale: Size = NO_SCALE) -> list[Size]:
        """Size of the noise of every layer, in order, at a scale of the head."""
        more = 2 if self.config.no_pad else 0
        sizes = [Size(4 + scale.height, 4 + scale.width)]
        for _ in range(self.n_blocks):
            h, w = (2 * side for side in sizes[-1])
            sizes += [Size(h + more, w + more), Size(h, w)]
        return sizes

    def buffered_noise(self) -> list[Tensor]:
        """The noise that is stored with the weights, for scale 0."""
        return [getattr(self, f"injected_noise_{i}") for i in range(2 * self.n_blocks + 1)]

    def styles(self, *latents: Tensor, switch: int | None = None) -> Tensor:
        """(n, n_styles, c) from one latent w, or from two switched at layer `switch`."""
        first, second = latents[0], latents[-1]
        switch = self.n_styles if switch is None else switch
        parts = [first[:, None].expand(-1, switch, -1)]
        return torch.cat([*parts, second[:, None].expand(-1, self.n_styles - switch, -1)], 1)

    def head(self, scale: Size) -> Tensor:
        """(1, c, h, w): what stands in the place of the learned constant."""
        size, encoding = self.head_size(scale), self.config.encoding
        if encoding is None:
            return resize(self.constant_input.input, size)
        if self.config.interp_head:
            return resize(encoding.grid(self.head_size()), size)
        return encoding.grid(size)

    def forward(self, styles: Tensor, noise: Sequence[Tensor], scale: Size = NO_SCALE) -> Tensor:
        """Render.

        Args:
            styles: (n, n_styles, c).
            noise: per layer (1 or n, 1, h, w), of `noise_sizes(scale)`.
            scale: what to add to the head grid, (rows, columns).

        Returns:
            (n, 3, h, w) BGR, not clamped.
        """
        x = self.head(scale).to(styles).expand(len(styles), -1, -1, -1)
        x = self.conv1(x, styles[:, 0], noise[0])
        image: Tensor = self.to_rgb1(x, styles[:, 1])
        for b, to_rgb in enumerate(self.to_rgbs):
            i = 2 * b + 1  # the style of a block's RGB is that of the next block's first layer
            x = self.convs[2 * b](x, styles[:, i], noise[i])
            x = self.convs[2 * b + 1](x, styles[:, i + 1], noise[i + 1])
            image = to_rgb(x, styles[:, i + 2], image)
        return image


class _Conv(nn.Module):
    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.conv = _Scaled(n_out, n_in, kernel, kernel)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.conv.weight, stride=self.stride, padding=self.padding)


class MSPEDiscriminator(nn.Module):
    """The StyleGAN2 residual discriminator, pooled to a fixed grid so that any size goes in.

    Args:
        in_size: the side that its depth is made for.
        channel_multiplier: as of the generator.
        with_adaptive_pool: pool before the linear layers; without it only `in_size` goes in.
        pool_size: the grid that features are pooled to.
        channel_max: as of the generator.
    """

    def __init__(
        self,
        in_size: int,
        channel_multiplier: int = 2,
        with_adaptive_pool: bool = True,
        pool_size: tuple[int, int] = (2, 2),
        channel_max: int = 512,
    ) -> None:
        super().__init__()
        sides = (2**i for i in range(in_size.bit_length() - 1, 1, -1))
        wide = [width_at(side, channel_multiplier, channel_max) for side in sides]
        blocks = [ResidualBlock(pair, _Conv) for pair in pairwise(wide)]
        first = nn.Sequential(_Conv(3, wide[0], 1, 1, 0), BiasLeaky(wide[0]))
        self.convs = nn.Sequential(first, *blocks)
        last = wide[-1]
        self.final_conv = nn.Sequential(_Conv(last + 1, last, 3, 1, 1), BiasLeaky(last))
        self.pool_size = Size(*pool_size) if with_adaptive_pool else Size.square(4)
        hidden = _Linear(last * self.pool_size.pixels, last, activate=True)
        self.final_linear = nn.Sequential(hidden, _Linear(last, 1))

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) BGR -> (n, 1) logits."""
        x = self.final_conv(minibatch_stddev(self.convs(images)))
        y: Tensor = self.final_linear(F.adaptive_avg_pool2d(x, self.pool_size).flatten(1))
        return y
