"""StyleGAN2 pieces that several baselines are built from.

Modules name their parameters as the widespread PyTorch port of StyleGAN2 does, so that checkpoints
of networks which grew out of it load unchanged. Modulation scales the activations before and after
one shared convolution instead of making a filter bank for every sample: the same numbers, and a
sample's arithmetic does not depend on its batch.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anyres_bench.models.resample import Padding, upfirdn2d

EPS = 1e-8


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2 that keeps the variance of normal inputs."""
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def pixel_norm(z: Tensor) -> Tensor:
    """Divide every vector (last axis) by its root mean square."""
    return z * torch.rsqrt(z.square().mean(-1, keepdim=True) + EPS)


def fir_kernel(taps: Sequence[int], up: int = 1) -> Tensor:
    """Separable low-pass filter: (t, t) float32 with sum up^2, to fill in for inserted zeros."""
    one = torch.tensor(taps, dtype=torch.float32)
    two = torch.outer(one, one)
    return two / two.sum() * up**2


def fir(x: Tensor, kernel: Tensor, pad: tuple[int, int], up: int = 1) -> Tensor:
    """Insert up - 1 zeros after every pixel, pad (negative crops) and filter each channel.

    The zeros are really there, because a transposed convolution would round otherwise than the
    published networks do.

    Args:
        x: (n, c, h, w).
        kernel: (t, t), symmetric.
        pad: pixels before and after, on both axes.

    Returns:
        (n, c, h * up + sum(pad) - t + 1, w * up + sum(pad) - t + 1).
    """
    n, c, h, w = x.shape
    if up > 1:
        x = F.pad(x[:, :, :, None, :, None], (0, up - 1, 0, 0, 0, up - 1))
        x = x.reshape(n, c, h * up, w * up)
    return upfirdn2d(x, kernel.to(x), padding=Padding(*pad, *pad), flip=True)


def modulated_conv(
    x: Tensor,
    weight: Tensor,
    style: Tensor,
    padding: int = 0,
    up: bool = False,
    demodulate: bool = True,
) -> Tensor:
    """Convolution whose input channels are scaled by a style.

    Args:
        x: (n, c_in, h, w).
        weight: (c_out, c_in, k, k), already scaled by 1/sqrt(fan-in).
        style: (n, c_in).
        padding: zeros on every side.
        up: a transposed convolution of stride 2 instead, h -> 2 h + k - 2.
        demodulate: scale every output channel to unit expected variance.

    Source: StyleGAN2, equations 1 and 3.
    """
    x = x * style[:, :, None, None]
    if up:
        y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2, padding=padding)
    else:
        y = F.conv2d(x, weight, padding=padding)
    if demodulate:
        power = style.square() @ weight.square().sum((2, 3)).T
        y = y * torch.rsqrt(power + EPS)[:, :, None, None]
    return y


def minibatch_stddev(x: Tensor, group: int = 4) -> Tensor:
    """Append one channel: the mean standard deviation over groups of samples.

    Sample i is in the group of all samples with the same i modulo the number of groups; a batch
    that `group` does not divide is refused.
    """
    n, _, h, w = x.shape
    group = min(n, group)
    assert n % group == 0, f"a batch of {n} is not divisible into groups of {group}"
    grouped = x.reshape(group, n // group, *x.shape[1:])
    deviation = (grouped.var(0, unbiased=False) + EPS).sqrt().mean((1, 2, 3))
    return torch.cat([x, deviation.repeat(group).reshape(n, 1, 1, 1).expand(n, 1, h, w)], 1)


class PixelNorm(nn.Module):
    """`pixel_norm` as a layer."""

    def forward(self, z: Tensor) -> Tensor:
        return pixel_norm(z)


class EqualLinear(nn.Module):
    """Linear layer with equalised learning rate; `activate` adds the leaky ReLU."""

    def __init__(
        self, n_in: int, n_out: int, bias: float = 0.0, lr_mul: float = 1.0, activate: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / lr_mul)
        self.bias = nn.Parameter(torch.full((n_out,), bias))
        self.lr_mul, self.activate = lr_mul, activate

    def forward(self, x: Tensor) -> Tensor:
        scale = self.lr_mul / math.sqrt(self.weight.shape[1])
        y = F.linear(x, self.weight * scale, self.bias * self.lr_mul)
        return leaky(y) if self.activate else y


class EqualConv(nn.Module):
    """Convolution without bias, with equalised learning rate."""

    def __init__(
        self, n_in: int, n_out: int, kernel: int, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, kernel, kernel))
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        scale = 1 / math.sqrt(self.weight[0].numel())
        return F.conv2d(x, self.weight * scale, stride=self.stride, padding=self.padding)


class FirLayer(nn.Module):
    """`fir` with its kernel as a buffer, as checkpoints hold it."""

    kernel: Tensor

    def __init__(self, taps: Sequence[int], pad: tuple[int, int], up: int = 1) -> None:
        super().__init__()
        self.register_buffer("kernel", fir_kernel(taps, up))
        self.pad, self.up = pad, up

    def forward(self, x: Tensor) -> Tensor:
        return fir(x, self.kernel, self.pad, self.up)


class AfterUpsampling(FirLayer):
    """The filter behind a transposed convolution: gain 4, but no zeros to insert."""

    def forward(self, x: Tensor) -> Tensor:
        return fir(x, self.kernel, self.pad)


class BiasLeaky(nn.Module):
    """Add a bias to every channel, then `leaky`; a narrower input takes the first biases."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(n))

    def forward(self, x: Tensor) -> Tensor:
        return leaky(x + self.bias[: x.shape[1], None, None])


class NoiseInjection(nn.Module):
    """Add one channel of noise, scaled by one learned number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return x + self.weight * noise


class ModulatedConv(nn.Module):
    """`modulated_conv` with its weight, its style layer and, when upsampling, the filter behind it.

    Args:
        channels: (in, out).
        kernel: side of the filter.
        style_dim: length of the style vector.
        padding: zeros on every side; None pads by half the kernel.
        blur: makes it an upsampling convolution, followed by this filter.
        demodulate: see `modulated_conv`.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        kernel: int,
        style_dim: int,
        padding: int = 0,
        blur: FirLayer | None = None,
        demodulate: bool = True,
    ) -> None:
        super().__init__()
        n_in, n_out = channels
        self.weight = nn.Parameter(torch.randn(1, n_out, n_in, kernel, kernel))
        self.modulation = EqualLinear(style_dim, n_in, bias=1.0)
        if blur is not None:
            self.blur = blur
        self.padding, self.up, self.demodulate = padding, blur is not None, demodulate

    def forward(self, x: Tensor, style: Tensor, width: int | None = None) -> Tensor:
        """Of a narrower input the first input filters are used; `width` keeps the first outputs."""
        n_in = x.shape[1]
        scale = 1 / math.sqrt(self.weight[0, 0].numel())  # of the full width, whatever is used
        weight = self.weight[0, :width, :n_in] * scale
        scales = self.modulation(style)[:, :n_in]
        y = modulated_conv(x, weight, scales, self.padding, self.up, self.demodulate)
        return self.blur(y) if self.up else y


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias and activation: one layer of a synthesis network."""

    def __init__(self, conv: ModulatedConv) -> None:
        super().__init__()
        self.conv = conv
        self.noise = NoiseInjection()
        self.activate = BiasLeaky(conv.weight.shape[1])

    def forward(self, x: Tensor, style: Tensor, noise: Tensor, width: int | None = None) -> Tensor:
        y: Tensor = self.activate(self.noise(self.conv(x, style, width), noise))
        return y


class ToRGB(nn.Module):
    """Features to RGB (1x1, without demodulation), added to the enlarged RGB of the layer below."""

    def __init__(self, n_in: int, style_dim: int, upsample: FirLayer | None = None) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if upsample is not None:
            self.upsample = upsample
        self.conv = ModulatedConv((n_in, 3), 1, style_dim, demodulate=False)

    def forward(self, x: Tensor, style: Tensor, below: Tensor | None = None) -> Tensor:
        rgb: Tensor = self.conv(x, style) + self.bias
        return rgb if below is None else rgb + centre(self.upsample(below), rgb)


def centre(x: Tensor, like: Tensor) -> Tensor:
    """The middle of `x` that has the height and width of `like`."""
    h, w = like.shape[2:]
    top, left = (x.shape[2] - h) // 2, (x.shape[3] - w) // 2
    return x[:, :, top : top + h, left : left + w]


def mapping_network(dim: int, n_layers: int) -> nn.Sequential:
    """z -> w: normalisation and `n_layers` slow linear layers."""
    layers = [EqualLinear(dim, dim, lr_mul=0.01, activate=True) for _ in range(n_layers)]
    return nn.Sequential(PixelNorm(), *layers)


def run_layers(layers: Iterable[nn.Module], x: Tensor, code: Tensor | None = None) -> Tensor:
    """Run layers in order; those that are `coded` also get `code`."""
    for layer in layers:
        x = layer(x, code) if getattr(layer, "coded", False) else layer(x)
    return x


def no_layers(channels: int) -> list[nn.Module]:
    """No layers."""
    return []


class ResidualBlock(nn.Module):
    """Halve the size: two 3x3 convolutions beside a 1x1 shortcut, summed and divided by sqrt 2.

    Args:
        channels: (in, out).
        conv: makes a convolution from (in, out, kernel, stride, padding).
        after: makes the layers between a convolution of n channels and its activation.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        conv: Callable[[int, int, int, int, int], nn.Module] = EqualConv,
        after: Callable[[int], list[nn.Module]] = no_layers,
    ) -> None:
        super().__init__()
        n_in, n_out = channels
        down, side = (FirLayer((1, 3, 3, 1), pad) for pad in ((2, 2), (1, 1)))
        self.conv1 = nn.Sequential(conv(n_in, n_in, 3, 1, 1), *after(n_in), BiasLeaky(n_in))
        self.conv2 = nn.Sequential(
            down, conv(n_in, n_out, 3, 2, 0), *after(n_out), BiasLeaky(n_out)
        )
        self.skip = nn.Sequential(side, conv(n_in, n_out, 1, 2, 0), *after(n_out))

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        y = run_layers(self.conv2, run_layers(self.conv1, x, code), code)
        return (y + run_layers(self.skip, x, code)) / math.sqrt(2)
