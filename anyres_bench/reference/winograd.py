"""Convolutions of 3 x 3 in float32 on a GPU in 2.25 times fewer products, as matrix products.

Winograd's F(2 x 2, 3 x 3): squares of 4 x 4 inputs and the weights are transformed to 16 numbers
each, whose products, summed over channels, are transformed back to 2 x 2 outputs. The sums are
matrix products, which libraries compute nearly twice as fast as convolutions where TF32 is not
allowed; rounding is two to three times that of a direct convolution.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from anyres_bench.models.resample import Padding
from anyres_bench.reference.fused import KERNELS, on_gpu, wants_grad

_VALUES = 1 << 28  # transformed ones at once: a gigabyte
_LEAST = 64  # channels; transforms of fewer take as long as what they save
_BLOCK = 256  # squares of a program


def winograd(x: Tensor, weight: Tensor, style: Tensor, zeros: Padding) -> Tensor | None:
    """Convolve `x` (n, c, h, w), times `style` (n, c), with one set of weights.

    Args:
        x: of a pass without gradients.
        weight: (n_out, c, 3, 3).
        style: of every channel.
        zeros: around it.

    Returns:
        (n, n_out, h', w'). None where the library has to convolve, or may as well: on a CPU, for a
        gradient, where less than single precision is asked for, with few channels.
    """
    if not _takes(x, weight, style):
        return None
    left, right, top, bottom = zeros
    (n, c, height, width), n_out = x.shape, len(weight)
    out = x.new_empty(n, n_out, height + top + bottom - 2, width + left + right - 2)
    tiles = [-(-side // 2) for side in out.shape[2:]]
    n_rows = n * tiles[0]
    rows = max(1, _VALUES // (16 * (c + n_out) * tiles[1]))
    factors = (_of_weights(x.device) @ weight.reshape(-1, 9).T).view(16, n_out, c)
    x, style = x.contiguous(), style.contiguous()

    def run(kernels: Any) -> Tensor:
        for first in range(0, n_rows, rows):
            n_tiles = min(rows, n_rows - first) * tiles[1]
            where, programs = (*tiles, first, n_tiles, _BLOCK), -(-n_tiles // _BLOCK)
            seen = x.new_empty(16, c, n_tiles)
            kernels.winograd_in[programs, c](x, style, seen, c, height, width, top, left, *where)
            products = torch.bmm(factors, seen)
            kernels.winograd_out[programs, n_out](products, out, *out.shape[1:], *where)
        return out

    return KERNELS.attempt(x, run)


def _takes(x: Tensor, weight: Tensor, style: Tensor) -> bool:
    plain = on_gpu(x) and not wants_grad(x, weight, style)
    half = torch.backends.cudnn.allow_tf32 or torch.is_autocast_enabled("cuda")
    single = x.dtype == weight.dtype == torch.float32 and not half
    return plain and single and weight.shape[2:] == (3, 3) and min(weight.shape[:2]) >= _LEAST


@functools.lru_cache(8)
def _of_weights(device: torch.device) -> Tensor:
    """(16, 9), from 3 x 3 weights to what they multiply."""
    g = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
    return torch.kron(g, g).to(device)
