"""Real-ESRGAN's random degradation: blur, resizing, noise and JPEG, twice over.

Every image draws its own numbers, so a batch is as varied as the official one becomes only through
its pool of 180 samples.

Source: Wang et al., "Real-ESRGAN", ICCV Workshops 2021, section 3 and appendix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from anyres_bench.baselines.realesrgan.degradation import (
    Kernel,
    KernelRanges,
    Uniform,
    filter2d,
    jpeg,
    mixed_kernel,
    pad_kernel,
    sinc_kernel,
)
from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import Stream

KERNEL_SIDE = 21  # of all kernels, the smaller ones with zeros around them
SMALLEST = 80  # px a side; shrunk by the first order, smaller images have no place for a kernel
_SINC, _FINAL_SINC, _GREY, _GAUSSIAN, _JPEG_LAST = 0.1, 0.8, 0.4, 0.5, 0.5  # probabilities
_QUALITY = (30.0, 95.0)
_LUMA = (0.2989, 0.587, 0.114)
_MODES = ("area", "bilinear", "bicubic")


@dataclass(frozen=True)
class DegradationOrder:
    """One round of the degradation.

    Attributes:
        blur: probability that it blurs.
        sigma: range of the kernels' standard deviations, px.
        larger, smaller: probabilities that it enlarges and that it shrinks.
        most, least: factors up to which it does.
        gaussian: range of the standard deviation of Gaussian noise, grey levels.
        poisson: range of the strength of Poisson noise.
    """

    blur: float
    sigma: tuple[float, float]
    larger: float
    smaller: float
    most: float
    least: float
    gaussian: tuple[float, float]
    poisson: tuple[float, float]


FIRST = DegradationOrder(1.0, (0.2, 3.0), 0.2, 0.7, 1.5, 0.15, (1, 30), (0.05, 3.0))
SECOND = DegradationOrder(0.8, (0.2, 1.5), 0.3, 0.4, 1.2, 0.3, (1, 25), (0.05, 2.5))


def degrade(image: Tensor, scale: int, rng: Stream) -> Tensor:
    """A small, bad picture of an image.

    Args:
        image: (1, 3, h, w) RGB in [0, 1], at least `SMALLEST` px a side.
        scale: by which the result is smaller.
        rng: all random numbers come from here.

    Returns:
        (1, 3, h // scale, w // scale) in [0, 1], rounded to 8 bits.

    Raises:
        UsageError: the image is too small.
    """
    h, w = image.shape[2:]
    if min(h, w) < SMALLEST:
        raise UsageError(f"images of {SMALLEST} px a side or more are degraded, got {h}x{w}")
    uniform = _uniform(rng)
    x = _blurred(image, FIRST, uniform, rng)
    factor = _factor(FIRST, uniform)
    x = _resized(x, Size(int(h * factor), int(w * factor)), rng)
    x = _with_noise(x, FIRST, uniform, rng)
    x = jpeg(x, uniform(*_QUALITY))

    small = Size(h // scale, w // scale)
    x = _blurred(x, SECOND, uniform, rng)
    factor = _factor(SECOND, uniform)
    x = _resized(x, Size(int(h / scale * factor), int(w / scale * factor)), rng)
    x = _with_noise(x, SECOND, uniform, rng)
    last = torch.from_numpy(_last_kernel(uniform))[None]
    if uniform(0, 1) < _JPEG_LAST:
        x = filter2d(_resized(x, small, rng), last).clamp(0, 1)
        x = jpeg(x, uniform(*_QUALITY))
    else:
        x = jpeg(x, uniform(*_QUALITY))
        x = filter2d(_resized(x, small, rng), last)
    return (x.clamp(0, 1) * 255).round() / 255


def draw_kernel(sigma: tuple[float, float], uniform: Uniform) -> Kernel:
    """A random blur kernel, (21, 21) with sum 1: seldom one that rings, mostly a bell.

    Args:
        sigma: range of the standard deviations, px.
        uniform: called for the side, the kind, and what the kind needs.
    """
    side = 7 + 2 * min(int(uniform(0, 8)), 7)
    if uniform(0, 1) < _SINC:
        low = math.pi / 3 if side < 13 else math.pi / 5
        return sinc_kernel(side, uniform(low, math.pi), pad_to=KERNEL_SIDE)
    ranges = KernelRanges(sigma_x=sigma, sigma_y=sigma)
    kinds, chances = zip(*ranges.kinds, strict=True)
    place = np.searchsorted(np.cumsum(chances)[:-1], uniform(0, 1), side="right")
    kind = kinds[int(place)]
    return pad_kernel(mixed_kernel(kind, side, ranges, uniform), KERNEL_SIDE)


def _last_kernel(uniform: Uniform) -> Kernel:
    """What the result is filtered with: a low-pass that rings, or nothing."""
    if uniform(0, 1) < _FINAL_SINC:
        side = 7 + 2 * min(int(uniform(0, 8)), 7)
        return sinc_kernel(side, uniform(math.pi / 3, math.pi), pad_to=KERNEL_SIDE)
    kernel = torch.zeros(KERNEL_SIDE, KERNEL_SIDE, dtype=torch.float64)
    kernel[KERNEL_SIDE // 2, KERNEL_SIDE // 2] = 1
    return kernel.numpy()


def _uniform(rng: Stream) -> Uniform:
    return lambda low, high: low + (high - low) * float(rng.uniform())


def _blurred(x: Tensor, order: DegradationOrder, uniform: Uniform, rng: Stream) -> Tensor:
    if uniform(0, 1) >= order.blur:
        return x
    return filter2d(x, torch.from_numpy(draw_kernel(order.sigma, uniform))[None])


def _factor(order: DegradationOrder, uniform: Uniform) -> float:
    choice = uniform(0, 1)
    if choice < order.larger:
        return uniform(1, order.most)
    return uniform(order.least, 1) if choice < order.larger + order.smaller else 1.0


def _resized(x: Tensor, size: Size, rng: Stream) -> Tensor:
    mode = _MODES[rng.integer(0, len(_MODES) - 1)]
    align = None if mode == "area" else False
    return F.interpolate(x, tuple(size), mode=mode, align_corners=align)


def _with_noise(x: Tensor, order: DegradationOrder, uniform: Uniform, rng: Stream) -> Tensor:
    """Gaussian or Poisson noise, in colour or grey; the result is clamped to [0, 1]."""
    gaussian, grey = uniform(0, 1) < _GAUSSIAN, uniform(0, 1) < _GREY
    if gaussian:
        shape = (1, 1 if grey else 3, *x.shape[2:])
        noise = torch.from_numpy(rng.normal(shape)).float()
        return (x + uniform(*order.gaussian) / 255 * noise).clamp(0, 1)
    return (x + uniform(*order.poisson) * poisson_noise(x, grey, rng)).clamp(0, 1)


def poisson_noise(images: Tensor, grey: bool, rng: Stream) -> Tensor:
    """Shot noise of an image as a sensor with as many levels as the image uses would have it.

    Args:
        images: (1, 3, h, w).
        grey: the same for all channels, of the image's luma.
        rng: seeds the noise.

    Returns:
        (1, 1 or 3, h, w), to be added.
    """
    x = (
        (images.clamp(0, 1) * images.new_tensor(_LUMA).view(3, 1, 1)).sum(1, True)
        if grey
        else images
    )
    x = (x.clamp(0, 1) * 255).round() / 255
    levels = 1 << math.ceil(math.log2(len(torch.unique(x))))
    source = torch.Generator().manual_seed(int(rng.words(1)[0]) >> 1)
    counts: Tensor = torch.poisson(x * levels, generator=source)
    return counts / levels - x
