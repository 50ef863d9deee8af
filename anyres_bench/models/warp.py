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
_REACH = 16 * _UP - 1  # taps on either side of the filter's centre
_WIDE = 64 * _UP - 1  # the same while it is made, so that nothing wraps around
_BEFORE, _AFTER = 2, 1  # zeros that centre the upsampled image
_BORDER = 2 * _REACH + 1  # upsampled pixels at the edge that the filter saw zeros in

Array = NDArray[np.float64]


def resample(x: Tensor, matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Move images by affine transforms of the picture, [-1/2, 1/2] on both axes.

    Args:
        x: (n, c, h, w); gradients flow back to it.
        matrices: (n, 3, 3), in (x, y, 1) columns: where each point of the picture goes to. The
            window-to-canvas transform of a patch puts it at its place in the base image; the
            inverse cuts the patch from the base image.

    Returns:
        Images like `x`, and a mask (n, 1, h, w) of 0 and 1: which pixels saw no border.

    Source: Alias-Free Generative Adversarial Networks (Karras et al., 2021), appendix E.3.
    """
    moved = [_resample_one(image[None], matrix) for image, matrix in zip(x, matrices, strict=True)]
    return torch.cat([image for image, _ in moved]), torch.cat([mask for _, mask in moved])


def _resample_one(x: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
    height, width = x.shape[2:]
    grid = _grid(matrix.to(x), height, width)
    a, b, c, d = (float(v) for v in matrix[:2, :2].flatten())
    if b == 0 and c == 0:
        along_y = _axis_matrix(_axis_filter(d), grid[0, :, 0, 1])
        along_x = _axis_matrix(_axis_filter(a), grid[0, 0, :, 0])
        inside = _inside(grid[0, :, 0, 1])[:, None] * _inside(grid[0, 0, :, 0])
        return along_y @ x @ along_x.T, inside[None, None]
    fine = _upsample(x, torch.from_numpy(_plane_filter(a, b, c, d)).to(x))
    mask = F.pad(torch.ones_like(fine[:, :1, 2 * _BORDER :, 2 * _BORDER :]), (_BORDER,) * 4)
    mask = F.grid_sample(mask, grid, mode="nearest", align_corners=False)
    return F.grid_sample(fine, grid, mode="bilinear", align_corners=False), mask


def _fine_size(size: int) -> int:
    return size * _UP + 2 * _REACH


def _grid(matrix: Tensor, height: int, width: int) -> Tensor:
    """Where each output pixel looks in the upsampled image, (1, h, w, 2) in [-1, 1]."""
    theta = matrix.inverse()[:2].clone()
    size = theta.new_tensor([width, height])
    theta[:, 2] = theta[:, 2] * 2 + 1 / (_UP * size)
    theta *= (size * _UP / (size * _UP + 2 * _REACH))[:, None]
    return F.affine_grid(theta[None], [1, 1, height, width], align_corners=False)


def _position(coordinates: Tensor) -> Tensor:
    """From [-1, 1] to the index of a pixel of the upsampled axis."""
    return ((coordinates + 1) * _fine_size(len(coordinates)) - 1) / 2


def _inside(coordinates: Tensor) -> Tensor:
    nearest = _position(coordinates).round()
    last = _fine_size(len(coordinates)) - 1
    return ((nearest >= _BORDER) & (nearest <= last - _BORDER)).to(coordinates.dtype)


def _axis_matrix(taps: Array, coordinates: Tensor) -> Tensor:
    """Upsampling and bilinear sampling of one axis, as a matrix (n, n)."""
    n, position = len(coordinates), _position(coordinates)
    kernel = torch.from_numpy(taps * _UP).to(position)
    pixels = torch.arange(n, device=position.device)
    low = position.floor()
    matrix = position.new_zeros(n, n)
    for index, weight in ((low, low + 1 - position), (low + 1, position - low)):
        weight = weight * ((index >= 0) & (index < _fine_size(n)))
        tap = index.long()[:, None] - _BEFORE - _UP * pixels
        values = kernel[tap.clamp(0, len(kernel) - 1)] * ((tap >= 0) & (tap < len(kernel)))
        matrix += weight[:, None] * values
    return matrix


def _upsample(x: Tensor, kernel: Tensor) -> Tensor:
    """The upsampled image (1, c, fine, fine), filtered as a product of spectra."""
    height, width = x.shape[2:]
    # The spectrum of an image with zeros between its pixels is that of the image, repeated.
    size = height + _REACH // 2 + 1, width + _REACH // 2 + 1
    spectrum = torch.fft.fft2(x, s=size).repeat(1, 1, _UP, _UP)
    fine = [n * _UP for n in size]
    full = torch.fft.ifft2(spectrum * torch.fft.fft2(kernel * _UP**2, s=fine)).real
    full = full[:, :, : _fine_size(height) - _BEFORE, : _fine_size(width) - _BEFORE]
    return F.pad(full, (_BEFORE, 0, _BEFORE, 0))


def plane_filter(matrix: Tensor) -> Tensor:
    """The filter that is band-limited before and after a transform, at 4 times the resolution.

    Args:
        matrix: (3, 3); the translation does not count.

    Returns:
        (127, 127) float64 with a sum of 1, one 16th for each phase.

    Source: Alias-Free Generative Adversarial Networks (Karras et al., 2021), appendix E.3.
    """
    a, b, c, d = (float(v) for v in matrix[:2, :2].flatten())
    if b == 0 and c == 0:
        return torch.from_numpy(np.outer(_axis_filter(d), _axis_filter(a)))
    return torch.from_numpy(_plane_filter(a, b, c, d))


@functools.lru_cache(maxsize=64)
def _axis_filter(scale: float) -> Array:
    """One axis of the filter of a transform that only scales: (127,), sum 1."""
    x = _positions()

    def both(window: Callable[[Array], Array]) -> Array:
        spectrum = np.fft.fft(window(x)) * np.fft.fft(window(x * scale))
        return np.asarray(np.fft.ifft(spectrum).real)

    phases = np.pad(_centre(both(np.sinc) * both(_lanczos)), (0, 1)).reshape(-1, _UP)
    return np.asarray((phases / phases.sum(axis=0) / _UP).reshape(-1)[:-1])


@functools.lru_cache(maxsize=16)
def _plane_filter(a: float, b: float, c: float, d: float) -> Array:
    """The filter of any transform: (127, 127), sum 1."""
    y, x = np.meshgrid(_positions(), _positions(), indexing="ij")

    def both(window: Callable[[Array], Array]) -> Array:
        before = np.fft.fft2(window(x) * window(y))
        after = np.fft.fft2(window(a * x + b * y) * window(c * x + d * y))
        return np.asarray(np.fft.ifft2(before * after).real)

    taps = np.pad(_centre(_centre(both(np.sinc) * both(_lanczos)).T).T, (0, 1))
    n = len(taps) // _UP
    phases = taps.reshape(n, _UP, n, _UP)
    phases = phases / phases.sum(axis=(0, 2), keepdims=True) / _UP**2
    return np.asarray(phases.reshape(n * _UP, n * _UP)[:-1, :-1])


def _positions() -> Array:
    """Where the taps are, in pixels, zero first as FFTs want it."""
    return np.fft.ifftshift(np.arange(-_WIDE, _WIDE + 1) / _UP)


def _centre(taps: Array) -> Array:
    """The part of the first axis that is kept, zero in the middle."""
    return np.fft.fftshift(taps, axes=0)[_WIDE - _REACH : _WIDE + _REACH + 1]


def _lanczos(x: Array) -> Array:
    return np.asarray(np.sinc(x / _LOBES) * (np.abs(x) < _LOBES))
