"""Up- and downsampling by FIR filters, differentiable any number of times.

Upsampling is a transposed convolution and downsampling a strided one: both are the polyphase form,
in which no inserted zero is ever multiplied and no dropped pixel is ever computed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Padding(NamedTuple):
    """Zeros around the upsampled image, in its pixels; negative values crop."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


NO_PADDING = Padding()


def upfirdn2d(
    x: Tensor,
    kernel: Tensor,
    *,
    up: int = 1,
    down: int = 1,
    padding: Padding = NO_PADDING,
    gain: float = 1.0,
    flip: bool = False,
) -> Tensor:
    """Insert zeros, pad, filter, decimate: what that would give, without doing it.

    Args:
        x: (n, c, h, w).
        kernel: (taps,) separable or (taps_y, taps_x).
        up: integer factor; up - 1 zeros would follow every pixel, the last one included.
        down: every `down`-th filtered pixel is kept, from the first.
        padding: around the upsampled image.
        gain: factor on the whole result, in 2-D.
        flip: correlate with the kernel instead of convolving.

    Returns:
        (n, c, h', w') with h' = (h * up + top + bottom - taps) // down + 1, dtype of `x`.

    Source: Analyzing and Improving the Image Quality of StyleGAN (Karras et al., 2020).
    """
    kernel = kernel.to(x.dtype)
    if kernel.ndim == 2:
        return _along_both(x, kernel * gain, (up, up), (down, down), padding, flip)
    row, column = kernel[None, :] * math.sqrt(gain), kernel[:, None] * math.sqrt(gain)
    left, right, top, bottom = padding
    x = _along_both(x, row, (1, up), (1, down), Padding(left, right), flip)
    return _along_both(x, column, (up, 1), (down, 1), Padding(0, 0, top, bottom), flip)


def filter2d(x: Tensor, kernel: Tensor) -> Tensor:
    """Filter without changing the size; the image is zero outside."""
    taps_y, taps_x = kernel.shape[0], kernel.shape[-1]
    padding = Padding(taps_x // 2, (taps_x - 1) // 2, taps_y // 2, (taps_y - 1) // 2)
    return upfirdn2d(x, kernel, padding=padding)


def upsample2d(x: Tensor, kernel: Tensor, up: int = 2, extra: int = 0) -> Tensor:
    """Upsample by `up`, keeping brightness; `extra` zeros on every side, in upsampled pixels."""
    before, after = _upsample_padding(kernel.shape[-1], up)
    above, below = _upsample_padding(kernel.shape[0], up)
    padding = Padding(before + extra, after + extra, above + extra, below + extra)
    return upfirdn2d(x, kernel, up=up, padding=padding, gain=up * up)


def downsample2d(x: Tensor, kernel: Tensor, down: int = 2) -> Tensor:
    """Downsample by `down`."""
    before, after = downsample_padding(kernel.shape[-1], down)
    above, below = downsample_padding(kernel.shape[0], down)
    return upfirdn2d(x, kernel, down=down, padding=Padding(before, after, above, below))


def _upsample_padding(taps: int, up: int) -> tuple[int, int]:
    return (taps + up - 1) // 2, (taps - up) // 2


def downsample_padding(taps: int, down: int) -> tuple[int, int]:
    """Padding before and after that centres a decimating filter of `taps` taps."""
    return (taps - down + 1) // 2, (taps - down) // 2


def _along_both(
    x: Tensor,
    kernel: Tensor,
    up: tuple[int, int],
    down: tuple[int, int],
    padding: Padding,
    flip: bool,
) -> Tensor:
    if up == (1, 1):
        correlated = kernel if flip else kernel.flip(0, 1)
        x = F.pad(x, tuple(padding))
        return F.conv2d(x, _depthwise(correlated, x), stride=down, groups=x.shape[1])
    # A transposed convolution gives everything that one tap or more reaches; take our part of it.
    taps_y, taps_x = kernel.shape
    left, right, top, bottom = padding
    convolved = kernel.flip(0, 1) if flip else kernel
    full = F.conv_transpose2d(x, _depthwise(convolved, x), stride=up, groups=x.shape[1])
    after_x, after_y = right + up[1] - taps_x, bottom + up[0] - taps_y
    full = F.pad(full, (left - taps_x + 1, after_x, top - taps_y + 1, after_y))
    return full[:, :, :: down[0], :: down[1]]


def _depthwise(kernel: Tensor, x: Tensor) -> Tensor:
    return kernel.expand(x.shape[1], 1, *kernel.shape)
