"""The anti-aliased affine resampler that ties a patch to the teacher's image.

Upsampling by 4 with a filter that is band-limited before and after the transform, then bilinear
sampling. A patch's transform only scales and shifts, and then all of it is one matrix for each
axis; the general case filters by FFT.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

_LOBES = 3  # of the Lanczos windows
_UP = 4  # the image is sampled from a version of itself this much larger
_SUPPORT = 16  # px on either side of the filter's centre
_WIDE = 64  # px, the same while it is made, so that nothing wraps around
_BEFORE, _AFTER = 2, 1  # zeros that centre the upsampled image

Array = NDArray[np.float64]


def affine_resample(x: Tensor, matrices: Tensor, support: int = _SUPPORT) -> tuple[Tensor, Tensor]:
    """Move images by affine transforms of the picture, [-1/2, 1/2] on both axes.

    Args:
        x: (n, c, h, w); gradients flow back to it.
        matrices: (n, 3, 3), in (x, y, 1) columns: where each point of the picture goes to. The
            window-to-canvas transform of a patch puts it at its place in the base image; the
            inverse cuts the patch from the base image.
        support: of the filter on either side of its centre, px.

    Returns:
        Images like `x`, and a mask (n, 1, h, w) of 0 and 1: which pixels saw no border.

    Source: Alias-Free Generative Adversarial Networks (Karras et al., 2021), appendix E.3.
    """
    reach = support * _UP - 1
    pairs = zip(x, matrices, strict=True)
    moved = [_resample_one(image[None], matrix, reach) for image, matrix in pairs]
    return torch.cat([image for image, _ in moved]), torch.cat([mask for _, mask in moved])


def _resample_one(x: Tensor, matrix: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """`reach` is the number of the filter's taps on either side of its centre."""
    height, width = x.shape[2:]
    grid = _grid(matrix.to(x), height, width, reach)
    a, b, c, d = matrix[:2, :2].flatten().tolist()
    if b == 0 and c == 0:
        along_y = _axis_matrix(_axis_filter(d, reach), grid[0, :, 0, 1], reach)
        along_x = _axis_matrix(_axis_filter(a, reach), grid[0, 0, :, 0], reach)
        inside = _inside(grid[0, :, 0, 1], reach)[:, None] * _inside(grid[0, 0, :, 0], reach)
        return along_y @ x @ along_x.T, inside[None, None]
    fine = _upsample(x, torch.from_numpy(_plane_filter(a, b, c, d, _UP, reach)).to(x), reach)
    border = _border(reach)
    mask = F.pad(torch.ones_like(fine[:, :1, 2 * border :, 2 * border :]), (border,) * 4)
    mask = F.grid_sample(mask, grid, mode="nearest", align_corners=False)
    return F.grid_sample(fine, grid, mode="bilinear", align_corners=False), mask


def _fine_size(size: int, reach: int) -> int:
    return size * _UP + 2 * reach


def _border(reach: int) -> int:
    """Upsampled pixels at the edge that the filter saw zeros in."""
    return 2 * reach + 1


def _grid(matrix: Tensor, height: int, width: int, reach: int) -> Tensor:
    """Where each output pixel looks in the upsampled image, (1, h, w, 2) in [-1, 1]."""
    theta = matrix.inverse()[:2].clone()
    size = theta.new_tensor([width, height])
    theta[:, 2] = theta[:, 2] * 2 + 1 / (_UP * size)
    theta *= (size * _UP / (size * _UP + 2 * reach))[:, None]
    return F.affine_grid(theta[None], [1, 1, height, width], align_corners=False)


def _position(coordinates: Tensor, reach: int) -> Tensor:
    """From [-1, 1] to the index of a pixel of the upsampled axis."""
    return ((coordinates + 1) * _fine_size(len(coordinates), reach) - 1) / 2


def _inside(coordinates: Tensor, reach: int) -> Tensor:
    nearest, border = _position(coordinates, reach).round(), _border(reach)
    last = _fine_size(len(coordinates), reach) - 1
    return ((nearest >= border) & (nearest <= last - border)).to(coordinates.dtype)


def _axis_matrix(taps: Array, coordinates: Tensor, reach: int) -> Tensor:
    """Upsampling and bilinear sampling of one axis, as a matrix (n, n)."""
    n, position = len(coordinates), _position(coordinates, reach)
    kernel = torch.from_numpy(taps * _UP).to(position)
    pixels = torch.arange(n, device=position.device)
    low = position.floor()
    matrix = position.new_zeros(n, n)
    for index, weight in ((low, low + 1 - position), (low + 1, position - low)):
        weight = weight * ((index >= 0) & (index < _fine_size(n, reach)))
        tap = index.long()[:, None] - _BEFORE - _UP * pixels
        values = kernel[tap.clamp(0, len(kernel) - 1)] * ((tap >= 0) & (tap < len(kernel)))
        matrix += weight[:, None] * values
    return matrix


def _upsample(x: Tensor, kernel: Tensor, reach: int) -> Tensor:
    """The upsampled image (1, c, fine, fine), filtered as a product of spectra."""
    height, width = x.shape[2:]
    # The spectrum of an image with zeros between its pixels is that of the image, repeated.
    size = height + reach // 2 + 1, width + reach // 2 + 1
    spectrum = torch.fft.fft2(x, s=size).repeat(1, 1, _UP, _UP)
    fine = [n * _UP for n in size]
    full = torch.fft.ifft2(spectrum * torch.fft.fft2(kernel * _UP**2, s=fine)).real
    fine_height, fine_width = _fine_size(height, reach), _fine_size(width, reach)
    full = full[:, :, : fine_height - _BEFORE, : fine_width - _BEFORE]
    return F.pad(full, (_BEFORE, 0, _BEFORE, 0))


def plane_filter(matrix: Tensor, *, support: int = _SUPPORT, up: int = _UP) -> Tensor:
    """The filter that is band-limited before and after a transform.

    Args:
        matrix: (3, 3); the translation does not count.
        support: on either side of its centre, px.
        up: taps a pixel.

    Returns:
        (n, n) float64 with n = 2 * support * up - 1 and a sum of 1, an equal share for each phase.

    Source: Alias-Free Generative Adversarial Networks (Karras et al., 2021), appendix E.3.
    """
    a, b, c, d = matrix[:2, :2].flatten().tolist()
    reach = support * up - 1
    if b == 0 and c == 0 and up == _UP:
        return torch.from_numpy(np.outer(_axis_filter(d, reach), _axis_filter(a, reach)))
    return torch.from_numpy(_plane_filter(a, b, c, d, up, reach))


@functools.lru_cache(maxsize=64)
def _axis_filter(scale: float, reach: int) -> Array:
    """One axis of the filter of a transform that only scales: (2 reach + 1,), sum 1."""
    x = _positions(_UP)

    def both(window: Callable[[Array], Array]) -> Array:
        spectrum = np.fft.fft(window(x)) * np.fft.fft(window(x * scale))
        return np.asarray(np.fft.ifft(spectrum).real)

    taps = _centre(both(np.sinc) * both(_lanczos), reach)
    phases = np.pad(taps, (0, 1)).reshape(-1, _UP)
    return np.asarray((phases / phases.sum(axis=0) / _UP).reshape(-1)[:-1])


@functools.lru_cache(maxsize=16)
def _plane_filter(a: float, b: float, c: float, d: float, up: int, reach: int) -> Array:
    """The filter of any transform: (2 reach + 1, 2 reach + 1), sum 1."""
    y, x = np.meshgrid(_positions(up), _positions(up), indexing="ij")

    def both(window: Callable[[Array], Array]) -> Array:
        before = np.fft.fft2(window(x) * window(y))
        after = np.fft.fft2(window(a * x + b * y) * window(c * x + d * y))
        return np.asarray(np.fft.ifft2(before * after).real)

    product = both(np.sinc) * both(_lanczos)
    taps = np.pad(_centre(_centre(product, reach).T, reach).T, (0, 1))
    n = len(taps) // up
    phases = taps.reshape(n, up, n, up)
    phases = phases / phases.sum(axis=(0, 2), keepdims=True) / up**2
    return np.asarray(phases.reshape(n * up, n * up)[:-1, :-1])


def _positions(up: int) -> Array:
    """Where the taps are, in pixels, zero first as FFTs want it."""
    wide = _WIDE * up - 1
    return np.fft.ifftshift(np.arange(-wide, wide + 1) / up)


def _centre(taps: Array, reach: int) -> Array:
    """The part of the first axis that is kept, zero in the middle."""
    middle = len(taps) // 2
    return np.fft.fftshift(taps, axes=0)[middle - reach : middle + reach + 1]


def _lanczos(x: Array) -> Array:
    return np.asarray(np.sinc(x / _LOBES) * (np.abs(x) < _LOBES))
