"""The discriminator of AnyRes-GAN: StyleGAN2's, which sees a window and not where it lies.

Module names, and so the names and shapes in a state dict, are the official ones. Differentiable
twice, which the R1 penalty needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anyres_bench.core.errors import UsageError
from anyres_bench.models.resample import Padding, downsample_padding, upfirdn2d
from anyres_bench.reference.config import DiscriminatorConfig
from anyres_bench.reference.filters import normalized_kernel
from anyres_bench.reference.layers import FullyConnected, normal
from anyres_bench.reference.mapping import MappingNetwork

_FIR = (1, 3, 3, 1)
_SLOPE = 0.2


class ConvLayer(nn.Module):
    """An equalised convolution, downsampling if wanted.

    Args:
        n_in, n_out, kernel: of the convolution.
        rng: draws the initial weights.
        down: 1, or 2 to halve the size.
        linear: neither bias nor activation.
        clamp: bound on the activation at gain 1; None for none.
    """

    resample_filter: Tensor

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int,
        rng: torch.Generator,
        *,
        down: int = 1,
        linear: bool = False,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(rng, n_out, n_in, kernel, kernel))
        self.bias = None if linear else nn.Parameter(torch.zeros(n_out))
        self.register_buffer("resample_filter", normalized_kernel(_FIR))
        self.kernel, self.down, self.clamp = kernel, down, clamp
        self.weight_gain = 1 / math.sqrt(n_in * kernel**2)

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """(n, n_in, h, w) -> (n, n_out, h / down, w / down), times `gain`."""
        if self.bias is None:
            return self._convolve(x, (self.weight * (self.weight_gain * gain)).to(x.dtype), None)
        gain_of_all = math.sqrt(2) * gain  # the leaky ReLU hands positive factors on
        weight = (self.weight * (self.weight_gain * gain_of_all)).to(x.dtype)
        x = self._convolve(x, weight, (self.bias * gain_of_all).to(x.dtype))
        x = F.leaky_relu(x, _SLOPE)
        return x if self.clamp is None else F.hardtanh(x, -self.clamp * gain, self.clamp * gain)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.down == 1:
            return F.conv2d(x, weight, bias, padding=self.kernel // 2)
        before, after = (
            self.kernel // 2 + side for side in downsample_padding(len(_FIR), self.down)
        )
        padding = Padding(before, after, before, after)
        if self.kernel == 1:  # blurring and dropping pixels first is the same, and cheaper
            x = upfirdn2d(x, self.resample_filter, down=self.down, padding=padding)
            return F.conv2d(x, weight, bias)
        x = upfirdn2d(x, self.resample_filter, padding=padding)
        return F.conv2d(x, weight, bias, stride=self.down)


class DiscriminatorBlock(nn.Module):
    """Two convolutions and a skip, which halve the size; the first block also takes the image."""

    resample_filter: Tensor

    def __init__(self, config: DiscriminatorConfig, resolution: int, rng: torch.Generator) -> None:
        super().__init__()
        n_in, n_out = config.channels(resolution), config.channels(resolution // 2)
        clamp, image_channels = config.conv_clamp, config.image_channels
        first_half = max(config.resolution * 2 // 2**config.n_fp16_octaves, 8)
        self.in_half = resolution >= first_half
        self.register_buffer("resample_filter", normalized_kernel(_FIR))
        self.fromrgb: ConvLayer | None = None
        if resolution == config.resolution:
            self.fromrgb = ConvLayer(image_channels, n_in, 1, rng, clamp=clamp)
        self.conv0 = ConvLayer(n_in, n_in, 3, rng, clamp=clamp)
        self.conv1 = ConvLayer(n_in, n_out, 3, rng, down=2, clamp=clamp)
        self.skip = ConvLayer(n_in, n_out, 1, rng, down=2, linear=True)

    def forward(self, x: Tensor, force_fp32: bool = False) -> Tensor:
        """(n, n_in, h, w), or the image, to (n, n_out, h / 2, w / 2)."""
        use_half = self.in_half and x.is_cuda and not force_fp32
        x = x.to(torch.float16 if use_half else self.conv0.weight.dtype)
        if self.fromrgb is not None:
            x = self.fromrgb(x)
        skip = self.skip(x, gain=math.sqrt(0.5))
        out: Tensor = skip + self.conv1(self.conv0(x), gain=math.sqrt(0.5))
        return out


class Epilogue(nn.Module):
    """4x4 features to logits."""

    def __init__(self, config: DiscriminatorConfig, n_out: int, rng: torch.Generator) -> None:
        super().__init__()
        n = config.channels(4)
        self.group_size = config.mbstd_group_size
        self.conv = ConvLayer(n + 1, n, 3, rng, clamp=config.conv_clamp)
        self.fc = FullyConnected(n * 16, n, rng, activation="lrelu")
        self.out = FullyConnected(n, n_out, rng)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, 4, 4) -> (n, n_out)."""
        x = x.to(self.fc.weight.dtype)
        spread = minibatch_deviation(x, self.group_size)
        x = torch.cat([x, spread[:, None, None, None].expand(-1, 1, *x.shape[2:])], dim=1)
        logits: Tensor = self.out(self.fc(self.conv(x).flatten(1)))
        return logits


class AnyResDiscriminator(nn.Module):
    """Images to logits, higher for real ones.

    Args:
        config: what to build.
        seed: of the initial weights.

    Source: Analyzing and Improving the Image Quality of StyleGAN (Karras et al., 2020).
    """

    def __init__(self, config: DiscriminatorConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        rng = torch.Generator().manual_seed(seed)
        resolutions = [2**i for i in range(int(math.log2(config.resolution)), 2, -1)]
        self.block_names = [f"b{resolution}" for resolution in resolutions]
        for resolution in resolutions:
            self.add_module(f"b{resolution}", DiscriminatorBlock(config, resolution, rng))
        n_out = config.channels(4) if config.c_dim else 1
        self.b4 = Epilogue(config, n_out, rng)
        self.mapping: MappingNetwork | None = None
        if config.c_dim:
            self.mapping = MappingNetwork(
                0, config.c_dim, n_out, config.n_mapping_layers, rng, tracks_average=False
            )

    def forward(self, x: Tensor, c: Tensor | None = None, force_fp32: bool = False) -> Tensor:
        """Logits (n, 1) of images (n, channels, resolution, resolution) in [-1, 1].

        Args:
            x: the images; their number is divisible by the smaller of it and the group size.
            c: (n, c_dim) labels; None for an unconditional network.
            force_fp32: no half precision on GPUs.

        Raises:
            UsageError: labels are missing or not wanted, or the number of images does not fit.
        """
        for name in self.block_names:
            x = self.get_submodule(name)(x, force_fp32)
        logits: Tensor = self.b4(x)
        if self.mapping is not None:
            projection = self.mapping(None, c)
            logits = (logits * projection).sum(dim=1, keepdim=True) / math.sqrt(logits.shape[1])
            return logits
        if c is not None:
            raise UsageError("this discriminator is unconditional; call it without labels")
        return logits


def minibatch_deviation(x: Tensor, group_size: int) -> Tensor:
    """How much the images of a group differ: one number an image, (n,).

    Image i is in group i modulo n / group_size.

    Raises:
        UsageError: n is not a multiple of the group size.

    Source: Progressive Growing of GANs (Karras et al., 2018), section 3.
    """
    n = len(x)
    size = min(group_size, n)
    if n % size:
        raise UsageError(f"{n} images are not a multiple of the group size {size}")
    groups = x.reshape(size, n // size, -1)
    deviation = (groups.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=1)
    return deviation.repeat(size)


def from_official(config: Mapping[str, Any]) -> AnyResDiscriminator:
    """An untrained network from the official code's arguments."""
    return AnyResDiscriminator(DiscriminatorConfig.from_official(config))
