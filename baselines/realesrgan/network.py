"""Real-ESRGAN: the networks, which enlarge an image by a fixed factor.

Source: Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic
Data", ICCV Workshops 2021; RRDBNet: Wang et al., "ESRGAN", ECCV Workshops 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.registry import nearest


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2."""
    return F.leaky_relu(x, 0.2)


def _conv(n_in: int, n_out: int) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, padding=1)


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees the input and all previous outputs."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        for k in range(1, 6):
            n_out = channels if k == 5 else growth
            conv = _conv(channels + (k - 1) * growth, n_out)
            nn.init.kaiming_normal_(conv.weight).data.mul_(0.1)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
            self.add_module(f"conv{k}", conv)

    @property
    def convs(self) -> list[nn.Conv2d]:
        """The convolutions in order."""
        return [module for module in self.children() if isinstance(module, nn.Conv2d)]

    def forward(self, x: Tensor) -> Tensor:
        *growing, last = self.convs
        seen = x
        for conv in growing:
            seen = torch.cat([seen, leaky(conv(seen))], 1)
        y: Tensor = last(seen) * 0.2 + x
        return y


class RRDB(nn.Module):
    """Residual in residual: three dense blocks."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(channels, growth)
        self.rdb2 = DenseBlock(channels, growth)
        self.rdb3 = DenseBlock(channels, growth)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.rdb3(self.rdb2(self.rdb1(x))) * 0.2 + x
        return y


class RRDBNet(nn.Module):
    """The large network, with the official names of its state.

    The trunk always enlarges by 4; for a net scale of 2 or 1 the input is first folded into
    channels, by 2 or 4.

    Args:
        num_in_ch, num_out_ch: channels of images.
        scale: 4, 2 or 1.
        num_feat: channels of the trunk.
        num_block: RRDBs in it.
        num_grow_ch: growth inside the dense blocks.
    """

    def __init__(
        self,
        num_in_ch: int = 3,
        num_out_ch: int = 3,
        scale: int = 4,
        num_feat: int = 64,
        num_block: int = 23,
        num_grow_ch: int = 32,
    ) -> None:
        super().__init__()
        if scale not in (1, 2, 4):
            raise ConfigError(f"RRDBNet has scales 1, 2 and 4, got {scale}")
        self.scale, self.fold = scale, 4 // scale
        self.conv_first = _conv(num_in_ch * self.fold**2, num_feat)
        self.body = nn.Sequential(*(RRDB(num_feat, num_grow_ch) for _ in range(num_block)))
        self.conv_body = _conv(num_feat, num_feat)
        self.conv_up1 = _conv(num_feat, num_feat)
        self.conv_up2 = _conv(num_feat, num_feat)
        self.conv_hr = _conv(num_feat, num_feat)
        self.conv_last = _conv(num_feat, num_out_ch)

    @property
    def halo(self) -> int:
        """Input pixels on every side that an output pixel depends on."""
        trunk = 2 + 15 * len(self.body)  # the first and last convolution, 15 in every block
        return (trunk + 2) * self.fold  # those behind the enlargements reach 2 pixels of the trunk

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in [0, 1], sides divisible by `fold` -> (n, c, h scale, w scale)."""
        first = self.conv_first(F.pixel_unshuffle(x, self.fold))
        x = first + self.conv_body(self.body(first))
        x = leaky(self.conv_up1(enlarge(x, 2)))
        x = leaky(self.conv_up2(enlarge(x, 2)))
        y: Tensor = self.conv_last(leaky(self.conv_hr(x)))
        return y


def enlarge(x: Tensor, factor: int) -> Tensor:
    """Repeat every pixel `factor` times in both directions."""
    return F.interpolate(x, scale_factor=factor, mode="nearest")


class SRVGGNetCompact(nn.Module):
    """The small network: plain convolutions, a pixel shuffle, and the enlarged input added.

    Args:
        num_in_ch, num_out_ch: channels of images.
        num_feat: channels of the convolutions.
        num_conv: convolutions between the first and the last.
        upscale: the factor.
        act_type: "prelu", "relu" or "leakyrelu".
    """

    fold = 1

    def __init__(
        self,
        num_in_ch: int = 3,
        num_out_ch: int = 3,
        num_feat: int = 64,
        num_conv: int = 16,
        upscale: int = 4,
        act_type: Literal["prelu", "relu", "leakyrelu"] = "prelu",
    ) -> None:
        super().__init__()
        kinds: dict[str, Callable[[], nn.Module]] = {
            "prelu": lambda: nn.PReLU(num_feat),
            "relu": nn.ReLU,
            "leakyrelu": lambda: nn.LeakyReLU(0.1),
        }
        if act_type not in kinds:
            raise ConfigError(f"no activation {act_type!r}; {nearest(act_type, kinds)}")
        self.scale = upscale
        layers: list[nn.Module] = []
        for n_in in [num_in_ch] + [num_feat] * num_conv:
            layers += [_conv(n_in, num_feat), kinds[act_type]()]
        self.body = nn.ModuleList([*layers, _conv(num_feat, num_out_ch * upscale**2)])

    @property
    def halo(self) -> int:
        """Input pixels on every side that an output pixel depends on."""
        return (len(self.body) + 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in [0, 1] -> (n, c, h scale, w scale)."""
        y = x
        for layer in self.body:
            y = layer(y)
        return F.pixel_shuffle(y, self.scale) + enlarge(x, self.scale)


Network = RRDBNet | SRVGGNetCompact


class SpectralConv(nn.Module):
    """Convolution without bias whose weight is divided by its largest singular value.

    The singular vectors are followed by one power iteration a forward pass in training mode; a
    trainer whose passes are spread over processes does it by `follow`, once a step.

    Source: Miyato et al., "Spectral Normalization for GANs", ICLR 2018.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.weight_orig = nn.Parameter(nn.Conv2d(n_in, n_out, kernel).weight.data)
        self.register_buffer("weight_u", F.normalize(torch.randn(n_out), dim=0))
        self.register_buffer("weight_v", F.normalize(torch.randn(n_in * kernel**2), dim=0))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.follow()
        matrix = self.weight_orig.flatten(1)
        sigma = self.weight_u.clone() @ matrix @ self.weight_v.clone()
        return F.conv2d(x, self.weight_orig / sigma, stride=self.stride, padding=1)

    @torch.no_grad()
    def follow(self) -> None:
        """One power iteration."""
        matrix = self.weight_orig.flatten(1)
        self.weight_v.copy_(F.normalize(matrix.T @ self.weight_u, dim=0, eps=1e-12))
        self.weight_u.copy_(F.normalize(matrix @ self.weight_v, dim=0, eps=1e-12))


class UNetDiscriminatorSN(nn.Module):
    """A logit for every pixel, from a U-Net with spectral normalisation."""

    def __init__(
        self, num_in_ch: int = 3, num_feat: int = 64, skip_connection: bool = True
    ) -> None:
        super().__init__()
        f = num_feat
        self.skip_connection = skip_connection
        self.conv0 = _conv(num_in_ch, f)
        self.conv1 = SpectralConv(f, 2 * f, 4, 2)
        self.conv2 = SpectralConv(2 * f, 4 * f, 4, 2)
        self.conv3 = SpectralConv(4 * f, 8 * f, 4, 2)
        self.conv4 = SpectralConv(8 * f, 4 * f, 3, 1)
        self.conv5 = SpectralConv(4 * f, 2 * f, 3, 1)
        self.conv6 = SpectralConv(2 * f, f, 3, 1)
        self.conv7 = SpectralConv(f, f, 3, 1)
        self.conv8 = SpectralConv(f, f, 3, 1)
        self.conv9 = _conv(f, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w), sides divisible by 8 -> (n, 1, h, w) logits."""
        down = [leaky(self.conv0(x))]
        for conv in (self.conv1, self.conv2, self.conv3):
            down.append(leaky(conv(down[-1])))
        y = down.pop()
        for conv in (self.conv4, self.conv5, self.conv6):
            wider = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
            y = leaky(conv(wider))
            y = y + down.pop() if self.skip_connection else y
        logits: Tensor = self.conv9(leaky(self.conv8(leaky(self.conv7(y)))))
        return logits
