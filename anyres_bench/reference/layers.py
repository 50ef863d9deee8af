"""The parametric building blocks: equalised fully connected layers and modulated convolution."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anyres_bench.core.geometry import Size
from anyres_bench.core.threads import in_halves
from anyres_bench.models.resample import NO_PADDING, Padding
from anyres_bench.reference.fused import modulated
from anyres_bench.reference.winograd import suits, winograd

LARGE = 1 << 15  # pixels; planes that have more are convolved in strips on a CPU
_STRIP = 1 << 22  # values of one: memory that the system is not asked for anew each time

Activation = Literal["linear", "lrelu"]
_EPSILON = 1e-8


def normal(rng: torch.Generator, *shape: int) -> Tensor:
    """Standard normals; empty where a network is only laid out, on the device "meta"."""
    if torch.get_default_device().type == "meta":
        return torch.empty(shape)
    return torch.randn(shape, generator=rng)


class FullyConnected(nn.Module):
    """A linear layer whose weights are stored at unit variance and scaled when they are used.

    Args:
        n_in, n_out: number of features.
        rng: draws the initial weights.
        activation: "lrelu" has slope 0.2 and gain sqrt(2).
        lr_multiplier: factor that the weights are scaled by, so that they learn slower.
        weight_init: standard deviation of the initial effective weights, times sqrt(n_in).
        bias_init: initial effective bias.

    Source: Progressive Growing of GANs (Karras et al., 2018), section 4.1.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        rng: torch.Generator,
        *,
        activation: Activation = "linear",
        lr_multiplier: float = 1.0,
        weight_init: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(rng, n_out, n_in) * (weight_init / lr_multiplier))
        self.bias = nn.Parameter(torch.full([n_out], bias_init / lr_multiplier))
        self.activation = activation
        self.weight_gain = lr_multiplier / math.sqrt(n_in)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """(n, n_in) -> (n, n_out)."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        if x.is_cuda:  # one step for three: a GPU waits for the processor to start them
            x = torch.addmm(bias, x, weight.T, beta=self.bias_gain, alpha=self.weight_gain)
        else:
            x = F.linear(x, weight * self.weight_gain, bias * self.bias_gain)
        return x if self.activation == "linear" else F.leaky_relu(x, 0.2) * math.sqrt(2)


def normalize_rms(x: Tensor) -> Tensor:
    """Rows of unit root mean square; what a zero row becomes stays zero."""
    return x * (x.square().mean(dim=1, keepdim=True) + _EPSILON).rsqrt()


class Workspace:
    """Memory for the feature maps of one pass without gradients, which take turns in it.

    A map lies where the one two before it lay, which nobody needs any more. Of large planes memory
    that nothing has used yet would be waited for longer than for their filters.

    Args:
        like: dtype and device.
        n_values: of the largest map. What is never written takes no memory.
    """

    def __init__(self, like: Tensor, n_values: int) -> None:
        self._like, self._n_values = like, n_values
        self._halves: list[Tensor] = []

    def next(self, *shape: int) -> Tensor:
        """Room for the next map; the one before stays."""
        if len(self._halves) < 2:
            self._halves.insert(0, self._like.new_empty(self._n_values))
        else:
            self._halves.reverse()
        return self._halves[0][: math.prod(shape)].view(shape)


def room(like: Tensor, workspace: Workspace | None, *shape: int) -> Tensor:
    """Memory for a map, in the workspace if there is one; dtype and device of `like`."""
    return like.new_empty(shape) if workspace is None else workspace.next(*shape)


class Modulation(NamedTuple):
    """A convolution's weights for each sample, in factors: weight * style * scale.

    Attributes:
        weight: (n_out, n_in, k, k).
        style: (n, n_in), of each input channel.
        scale: (n, n_out), of each output channel.
    """

    weight: Tensor
    style: Tensor
    scale: Tensor

    @classmethod
    def of(
        cls,
        weight: Tensor,
        style: Tensor,
        gain: Tensor,
        demodulate: bool,
        dtype: torch.dtype = torch.float32,
    ) -> Modulation:
        """Modulate by `style` (n, n_in); `demodulate` brings output channels to unit variance.

        The official code normalises the styles of a batch together, which cancels up to the 1e-8
        under the root; each sample's own are normalised here, so no sample depends on another. So
        that nothing overflows in half precision weights have unit norm there: what comes out of the
        convolution is as large as what will be.

        Source: Analyzing and Improving the Image Quality of StyleGAN (Karras et al., 2020),
        section 2.2; the normalisation before it is StyleGAN3's, for half precision.
        """
        if not demodulate:
            scale = gain.expand(len(style), len(weight))
            return cls(weight, style, scale).of_unit_norm(dtype)
        if (made := modulated(weight, style, gain, dtype, _EPSILON)) is not None:
            return cls(*made)
        taps = weight.square().flatten(2)
        power = taps @ taps.new_ones(taps.shape[2])  # faster than the sum of so few
        mean = power.sum(dim=1) / taps[0].numel()
        style = style * style.square().mean(dim=1, keepdim=True).rsqrt()
        of_unit = style.square() @ power.T / mean
        scale = (of_unit + _EPSILON).rsqrt() * mean.rsqrt() * gain
        return cls(weight, style, scale).of_unit_norm(dtype)

    def of_unit_norm(self, dtype: torch.dtype) -> Modulation:
        """In half precision with weights of unit norm, else as it is."""
        if dtype != torch.float16:
            return self
        weight, style, scale = self
        norm = (weight.detach().square().sum(dim=(1, 2, 3)) + _EPSILON).sqrt()
        weight = weight / norm[:, None, None, None]
        return Modulation(weight.to(dtype), style.to(dtype), scale * norm)


def modulated_conv2d(
    x: Tensor,
    modulation: Modulation,
    padding: int,
    zeros: Padding = NO_PADDING,
    workspace: Workspace | None = None,
) -> tuple[Tensor, Tensor]:
    """Convolve each sample with weights of its own.

    The styles go onto the input, and all samples share one convolution.

    Args:
        x: (n, n_in, h, w).
        modulation: of the dtype of `x`; scales are float32.
        padding: zeros on every side.
        zeros: around `x`, beside those.
        workspace: for the result of a large plane.

    Returns:
        (n, n_out, h', w') of the dtype of `x`, and the scale (n, n_out) that each output channel
        is still to be multiplied by.
    """
    weight, style, scale = modulation
    around = Padding(*(side + padding for side in zeros))
    if suits(x, weight, style):
        size = _size(x, around, weight.shape[2])
        out = room(x, workspace, len(x), len(weight), *size)
        if (made := winograd(x, weight, style, around, out)) is not None:
            return made, scale
    if is_large(x):
        return _in_strips(x, modulation, around, workspace), scale
    styled = _padded(x * style[:, :, None, None], zeros)
    return F.conv2d(styled, weight, padding=padding), scale


def is_large(x: Tensor) -> bool:
    """Whether planes (n, c, h, w) are convolved in strips: without gradients, on a CPU."""
    return x.is_cpu and not torch.is_grad_enabled() and x[:, 0].numel() > LARGE


def strip_pixels(n_out: int, n_in: int) -> int:
    """Pixels of a strip that is convolved from and to so many channels."""
    return max(1, min(LARGE // 2, _STRIP // max(n_in, n_out)))


def _in_strips(
    x: Tensor, modulation: Modulation, zeros: Padding, workspace: Workspace | None
) -> Tensor:
    """The convolution without its scale, a few rows at a time, both halves side by side.

    The library lays channels out anew, in sixteens, and of large planes that would be memory that
    nothing has used yet, several times as much as the planes of a slim network.
    """
    weight, style, _ = modulation
    left, right, top, _ = zeros
    n, height, k = len(x), x.shape[2], weight.shape[2]
    size = _size(x, zeros, k)
    out = room(x, workspace, n, len(weight), *size)

    def run(some: Sequence[slice]) -> None:
        for rows in some:
            first, last = rows.start - top, rows.stop - top + k - 1
            own = left, right, max(-first, 0), max(last - height, 0)
            strip = F.pad(x[:, :, max(first, 0) : last], own).mul_(style[:, :, None, None])
            out[:, :, rows] = F.conv2d(strip, weight)

    n_strips = min(2 * -(-n * size.pixels // (2 * strip_pixels(*weight.shape[:2]))), size.height)
    cuts = [i * size.height // n_strips for i in range(n_strips + 1)]
    in_halves(run, [slice(*pair) for pair in itertools.pairwise(cuts)])
    return out


def _size(x: Tensor, zeros: Padding, k: int) -> Size:
    """Of what a kernel of k x k makes of planes and the zeros around them."""
    height, width = x.shape[2:]
    left, right, top, bottom = zeros
    return Size(height + top + bottom - k + 1, width + left + right - k + 1)


def _padded(x: Tensor, zeros: Padding) -> Tensor:
    return F.pad(x, tuple(zeros)) if any(zeros) else x
