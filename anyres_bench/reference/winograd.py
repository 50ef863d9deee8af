"""Convolutions of 3 x 3 in float32 in 2.25 times fewer products, as matrix products.

Winograd's F(2 x 2, 3 x 3): squares of 4 x 4 inputs and the weights are transformed to 16 numbers
each, whose products, summed over channels, are transformed back to 2 x 2 outputs. Rounding is that
of a direct convolution, two to three times over. On a GPU the transforms are kernels, and libraries
compute matrix products nearly twice as fast as convolutions where TF32 is not allowed; on a CPU
they are steps of torch on as many squares as the caches hold.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.core.threads import in_halves
from anyres_bench.models.resample import Padding
from anyres_bench.reference.fused import KERNELS, on_gpu, wants_grad

# Channels; transforms of fewer take as long as what they save
_LEAST_ON_GPU, _LEAST_ON_CPU = 64, 160
_LEAST_PIXELS = 256  # of a plane on a CPU
_GPU_VALUES, _CPU_VALUES = 1 << 28, 1 << 23  # transformed ones at once
_BLOCK = 256  # squares of a program


def suits(x: Tensor, weight: Tensor, style: Tensor) -> bool:
    """Whether a convolution is faster so: with many channels, where single precision is asked for.

    Never where a gradient may be wanted.
    """
    few, device = min(weight.shape[:2]), x.device.type
    if weight.shape[2:] != (3, 3) or not x.dtype == weight.dtype == torch.float32:
        return False
    if device not in ("cpu", "cuda") or torch.is_autocast_enabled(device):
        return False
    if wants_grad(x, weight, style):
        return False
    if on_gpu(x):
        return few >= _LEAST_ON_GPU and not torch.backends.cudnn.allow_tf32
    return few >= _LEAST_ON_CPU and x[0, 0].numel() >= _LEAST_PIXELS


def winograd(
    x: Tensor, weight: Tensor, style: Tensor, zeros: Padding, out: Tensor
) -> Tensor | None:
    """Convolve `x` (n, c, h, w), times `style` (n, c), with one set of weights.

    Args:
        x, weight, style: that it `suits`; weights (n_out, c, 3, 3).
        zeros: around `x`.
        out: (n, n_out, h', w') contiguous.

    Returns:
        `out`. None where kernels do not work.
    """
    factors = (_of_weights(x.device) @ weight.reshape(-1, 9).T).view(16, *weight.shape[:2])
    if on_gpu(x):
        return _by_kernels(x.contiguous(), factors, style.contiguous(), zeros, out)
    tiles_y, tiles_x = _tiles(out)
    rows = min(tiles_y, max(1, _CPU_VALUES // (16 * sum(weight.shape[:2]) * tiles_x)))
    tops = range(0, tiles_y, rows)
    jobs = [(i, top, min(rows, tiles_y - top)) for i in range(len(x)) for top in tops]

    def run(some: Sequence[tuple[int, int, int]]) -> None:
        band = functools.cache(functools.partial(_Band, factors, n_columns=tiles_x))
        for i, first, n in some:
            band(n).convolve(x[i], style[i], zeros, out[i], first)

    in_halves(run, jobs)
    return out


def _tiles(out: Tensor) -> tuple[int, int]:
    """Squares along y and x."""
    height, width = out.shape[2:]
    return -(-height // 2), -(-width // 2)


def _by_kernels(
    x: Tensor, factors: Tensor, style: Tensor, zeros: Padding, out: Tensor
) -> Tensor | None:
    (n, c, height, width), n_out, tiles = x.shape, out.shape[1], _tiles(out)
    n_rows = n * tiles[0]
    rows = max(1, _GPU_VALUES // (16 * (c + n_out) * tiles[1]))

    def run(kernels: Any) -> Tensor:
        for first in range(0, n_rows, rows):
            n_tiles = min(rows, n_rows - first) * tiles[1]
            where, programs = (*tiles, first, n_tiles, _BLOCK), -(-n_tiles // _BLOCK)
            plane = height, width, zeros.top, zeros.left
            seen = x.new_empty(16, c, n_tiles)
            kernels.winograd_in[programs, c](x, style, seen, c, *plane, *where)
            products = torch.bmm(factors, seen)
            kernels.winograd_out[programs, n_out](products, out, *out.shape[1:], *where)
        return out

    return KERNELS.attempt(x, run)


class _Band:
    """Buffers that take a few rows of squares from inputs to outputs, one after another.

    Args:
        factors: (16, n_out, c) transformed weights.
        n_rows, n_columns: of squares.
    """

    def __init__(self, factors: Tensor, n_rows: int, n_columns: int) -> None:
        _, n_out, c = factors.shape
        self._factors, self._size = factors, (n_rows, n_columns)
        # Even columns and odd ones, so that every step reads and writes neighbours
        self._halves = factors.new_empty(2, c, 2 * n_rows + 2, n_columns + 1)
        self._along_y = factors.new_empty(4, 2, c, n_rows, n_columns + 1)
        self._seen = factors.new_empty(4, 4, c, n_rows, n_columns)
        self._products = factors.new_empty(4, 4, n_out, n_rows, n_columns)

    def convolve(self, x: Tensor, style: Tensor, zeros: Padding, out: Tensor, first: int) -> None:
        """Planes (c, h, w) to (n_out, h', w'), from a row of squares on."""
        self._read(x, style, zeros, first)
        _four(self._halves[:, :, ::2], self._halves[:, :, 1::2], 2, self._along_y)
        for (even, odd), made in zip(self._along_y, self._seen, strict=True):
            _four(even, odd, 2, made)
        seen, products = (one.view(16, -1, *self._size) for one in (self._seen, self._products))
        torch.bmm(self._factors, seen.flatten(2), out=products.flatten(2))
        rows = out[:, 2 * first : 2 * (first + self._size[0])]
        for y, along_y in enumerate(_two(self._products)):
            for x_, made in enumerate(_two(along_y)):
                place = rows[:, y::2, x_::2]
                place.copy_(made[:, : place.shape[1], : place.shape[2]])

    def _read(self, x: Tensor, style: Tensor, zeros: Padding, first: int) -> None:
        (_, height, width), (n_rows, n_columns) = x.shape, self._size
        top, bottom = (2 * row - zeros.top for row in (first, first + n_rows + 1))
        right = 2 * n_columns + 2 - zeros.left - width
        above, below = min(max(-top, 0), bottom - top), max(bottom - max(height, top), 0)
        seen = x[:, max(top, 0) : max(bottom, 0)]
        padded = F.pad(seen, (zeros.left, right, above, below))
        pairs = padded.view(len(x), -1, n_columns + 1, 2).permute(3, 0, 1, 2)
        torch.mul(pairs, style[:, None, None], out=self._halves)


def _four(even: Tensor, odd: Tensor, dim: int, out: Tensor) -> None:
    """Four neighbours a square, of which two are the next square's, transformed along an axis."""
    n = even.shape[dim] - 1
    d0, d2, d1, d3 = (half.narrow(dim, at, n) for half in (even, odd) for at in (0, 1))
    torch.sub(d0, d2, out=out[0])
    torch.add(d1, d2, out=out[1])
    torch.sub(d2, d1, out=out[2])
    torch.sub(d1, d3, out=out[3])


def _two(m: Tensor) -> tuple[Tensor, Tensor]:
    """Two outputs of four products along an axis, in the place of the outer ones."""
    m0, m1, m2, m3 = m
    m0.add_(m1).add_(m2)
    m3.neg_().sub_(m2).add_(m1)
    return m0, m3


@functools.lru_cache(8)
def _of_weights(device: torch.device) -> Tensor:
    """(16, 9), from 3 x 3 weights to what they multiply."""
    g = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
    return torch.kron(g, g).to(device)
