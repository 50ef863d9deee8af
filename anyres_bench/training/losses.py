"""Losses that recipes share: adversarial terms, the R1 penalty, masked and perceptual distances.

Source: StyleGAN2 (Karras et al., CVPR 2020), appendix B, for the adversarial part.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Perceptual = Callable[[Tensor, Tensor], Tensor]
"""Two (n, 3, h, w) batches in [-1, 1] -> (n, 1, h, w) distance a pixel."""


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Non-saturating loss of the generator, -log sigmoid(D(fake)); the shape of the logits."""
    return F.softplus(-fake_logits)


def discriminator_loss(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """Logistic loss of the discriminator; the shape of the logits."""
    return F.softplus(fake_logits) + F.softplus(-real_logits)


def r1_penalty(real_logits: Tensor, real: Tensor, scale: float = 1.0) -> Tensor:
    """Squared gradient of the logits at real images, (n,).

    Args:
        real_logits: (n, 1) logits of `real`.
        real: (n, c, h, w) images that require a gradient.
        scale: `grad_scale` of the context.

    Source: Mescheder et al., "Which training methods for GANs do actually converge?", ICML 2018.
    """
    total = real_logits.float().sum() * scale
    [gradient] = torch.autograd.grad([total], [real], create_graph=True)
    return (gradient / scale).square().sum(dim=(1, 2, 3))


def fade_sigma(n_images: float, fade_kimg: float, start: float = 10.0) -> float:
    """Blur of what the discriminator sees, px: from `start` to nothing over `fade_kimg`."""
    return max(1 - n_images / (fade_kimg * 1000), 0.0) * start if fade_kimg > 0 else 0.0


def fade_blur(images: Tensor, sigma: float) -> Tensor:
    """Blur images with taps 2^-(i / sigma)^2 out to floor(3 sigma), zeros outside.

    Args:
        images: (n, c, h, w).
        sigma: px; below 1/3 nothing happens.
    """
    half = int(sigma * 3)
    if half < 1:
        return images
    offsets = torch.arange(-half, half + 1, dtype=torch.float32, device=images.device)
    taps = (-(offsets / sigma).square()).exp2()
    taps = (taps / taps.sum()).to(images.dtype)
    channels = images.shape[1]
    row, column = taps.view(1, 1, 1, -1), taps.view(1, 1, -1, 1)
    blurred = F.conv2d(images, row.repeat(channels, 1, 1, 1), padding=(0, half), groups=channels)
    return F.conv2d(blurred, column.repeat(channels, 1, 1, 1), padding=(half, 0), groups=channels)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of values where the mask is set, (n,).

    Args:
        values: (n, c, h, w).
        mask: (n, 1, h, w) in [0, 1]; a sample without any set pixel has a mean of 0, where the
            official code divides 0 by 0.
    """
    weight = mask.expand_as(values)
    total = weight.sum(dim=(1, 2, 3))
    return (values * weight).sum(dim=(1, 2, 3)) / total.clamp(min=1e-12)


def masked_l1(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of two (n, c, h, w) batches where the mask is set, (n,)."""
    return masked_mean((a - b).abs(), mask)


def masked_perceptual(a: Tensor, b: Tensor, mask: Tensor, distance: Perceptual) -> Tensor:
    """Mean perceptual distance where the mask is set, (n,), on at most 256 x 256 px."""
    return masked_mean(distance(at_most_256(a), at_most_256(b)), at_most_256(mask, "nearest"))


def at_most_256(images: Tensor, mode: str = "bilinear") -> Tensor:
    """Images clamped to [-1, 1] and, where wider, reduced to 256 x 256 without antialiasing.

    Args:
        images: (n, c, h, w).
        mode: "bilinear" for pictures, "nearest" for masks.
    """
    images = images.clamp(-1, 1)
    if images.shape[-1] <= 256:
        return images
    align = False if mode == "bilinear" else None
    return F.interpolate(images, size=(256, 256), mode=mode, align_corners=align)


def laplacian_distance(a: Tensor, b: Tensor) -> Tensor:
    """A built-in perceptual distance: absolute differences in three octaves of a Laplacian pyramid.

    Args:
        a, b: (n, 3, h, w).

    Returns:
        (n, 1, h, w).
    """
    difference, total = a - b, torch.zeros_like(a[:, :1])
    size = a.shape[2:]
    for octave in range(3):
        if min(difference.shape[2:]) < 2:
            break
        low = F.avg_pool2d(difference, 2)
        upper = F.interpolate(low, size=difference.shape[2:], mode="bilinear", align_corners=False)
        band = (difference - upper).abs().mean(dim=1, keepdim=True) * 2**octave
        total = total + F.interpolate(band, size=size, mode="nearest")
        difference = low
    return total
