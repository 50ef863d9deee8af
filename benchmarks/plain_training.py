"""The networks of AnyRes-GAN in plain torch, to train them beside ours.

Parameters, their names and what is computed are the same. How is what one writes first: weights of
every sample by one grouped convolution, zeros that are really inserted, filters as depthwise
convolutions along one axis after the other, batches judged one after the other, channels first.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.models.resample import Padding, downsample_padding
from anyres_bench.reference.discriminator import ConvLayer
from anyres_bench.reference.network import SynthesisLayer
from anyres_bench.reference.recipe import AnyResConfig, AnyResRecipe
from anyres_bench.training.config import LoopConfig
from anyres_bench.training.recipe import StepContext


def filtered(x: Tensor, taps: Tensor, down: int = 1) -> Tensor:
    """Convolve every channel of x (n, c, h, w) with `taps` along both axes, and decimate."""
    c = x.shape[1]
    rows = taps.flip(0).to(x.dtype).view(1, 1, 1, -1).repeat(c, 1, 1, 1)
    x = F.conv2d(x, rows, groups=c, stride=(1, down))
    return F.conv2d(x, rows.transpose(2, 3), groups=c, stride=(down, 1))


def zeros_between(x: Tensor, up: int) -> Tensor:
    """Insert up - 1 zeros after every pixel."""
    n, c, h, w = x.shape
    x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1))
    return x.reshape(n, c, h * up, w * up)


class PlainSynthesisLayer(SynthesisLayer):
    """A layer of the generator whose parts are plain torch."""

    def forward(
        self,
        x: Tensor,
        w: Tensor,
        scale_w: Tensor | None = None,
        update_emas: bool = False,
        force_fp32: bool = False,
        part: object = None,
    ) -> Tensor:
        if update_emas:
            self._follow(x)
        style = self.affine(w)
        if scale_w is not None:
            style = style + self.scale_affine(scale_w)
        if self.layer.is_torgb:
            style = style / math.sqrt(self.layer.source.channels)
        half = self.in_half and x.is_cuda and not force_fp32
        x = x.to(torch.float16 if half else self.weight.dtype)
        x = self._convolved(x, style) + self.bias.to(x.dtype)[:, None, None]
        return self._activated(x)

    def _convolved(self, x: Tensor, style: Tensor) -> Tensor:
        """Every sample by weights of its own, as groups of one convolution."""
        n, c = x.shape[:2]
        weight: Tensor = self.weight
        if not self.layer.is_torgb:
            weight = weight * weight.square().mean(dim=(1, 2, 3), keepdim=True).rsqrt()
            style = style * style.square().mean(dim=1, keepdim=True).rsqrt()
        own = weight * style[:, None, :, None, None]
        if not self.layer.is_torgb:
            own = own * (own.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).rsqrt()
        own = own * self.magnitude_ema.rsqrt()
        x = x.reshape(1, n * c, *x.shape[2:])
        x = F.conv2d(x, own.to(x.dtype).flatten(0, 1), padding=self.layer.kernel - 1, groups=n)
        return x.view(n, -1, *x.shape[2:])

    def _activated(self, x: Tensor) -> Tensor:
        layer, op = self.layer, self.op
        x = F.pad(zeros_between(x, layer.up), tuple(layer.padding))
        if self.up_filter is not None:
            x = filtered(x, self.up_filter * layer.up)
        x = F.leaky_relu(x, op.slope) * op.gain
        if op.clamp is not None:
            x = x.clamp(-op.clamp, op.clamp)
        return x if self.down_filter is None else filtered(x, self.down_filter, layer.down)


class PlainConvLayer(ConvLayer):
    """A layer of the discriminator whose parts are plain torch."""

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        weight, padding = (self.weight * self.weight_gain).to(x.dtype), self.kernel // 2
        if self.down == 2:
            before, after = (padding + side for side in downsample_padding(4, 2))
            x = F.pad(x, tuple(Padding(before, after, before, after)))
            x, padding = filtered(x, self.resample_filter.sum(dim=0)), 0
        bias = None if self.bias is None else self.bias.to(x.dtype)
        x = F.conv2d(x, weight, bias, stride=self.down, padding=padding)
        if self.bias is None:
            return x * gain
        x = F.leaky_relu(x, 0.2) * (math.sqrt(2) * gain)
        return x if self.clamp is None else x.clamp(-self.clamp * gain, self.clamp * gain)


class PlainRecipe(AnyResRecipe):
    """The recipe with plain networks, plain Adam and one batch judged after the other."""

    def __init__(self, config: AnyResConfig, loop: LoopConfig) -> None:
        super().__init__(config, loop)
        self.discriminator.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        for network in self.networks.values():
            make_plain(network)

    def optimizer(self, network: str) -> torch.optim.Optimizer:
        group = super().optimizer(network).param_groups[0]
        return torch.optim.Adam(group["params"], lr=group["lr"], betas=group["betas"])

    def _judge_both(
        self, fake: Tensor, real: Tensor, c: Tensor | None, context: StepContext
    ) -> tuple[Tensor, Tensor]:
        return self._judge(fake, c, context), self._judge(real, c, context)


def make_plain(network: torch.nn.Module) -> None:
    """Have the layers of a generator or discriminator compute in plain torch, in place."""
    for module in network.modules():
        if isinstance(module, SynthesisLayer):
            module.__class__ = PlainSynthesisLayer
        elif isinstance(module, ConvLayer):
            module.__class__ = PlainConvLayer


def largest_difference(recipe: AnyResRecipe, plain: PlainRecipe, n: int = 4) -> float:
    """By how much images and logits of both differ, over their largest value."""
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(n, recipe.config.generator.z_dim, generator=rng)
    worst = 0.0
    with torch.no_grad():
        ours, theirs = recipe.generator_network(z), plain.generator_network(z)
        worst = max(worst, float((ours - theirs).abs().max() / ours.abs().max()))
        ours, theirs = recipe.discriminator(ours), plain.discriminator(ours)
        worst = max(worst, float((ours - theirs).abs().max() / ours.abs().max()))
    return worst
