"""GPU kernels, in Triton, which compiles them when they are first needed.

A program of `forward` and `backward` takes one tile of one plane through all stages of the filtered
leaky ReLU: every filter is a small matrix along either axis, so the tile of the upsampled plane is
never outside the multiprocessor. Sums are float32; `PRECISION` is how float32 factors are taken.
"""

from __future__ import annotations

import triton
import triton.language as tl

_SIZES = ["n_channels", "h", "w", "out_h", "out_w", "tiles_y", "tiles_x", "step", "tile"]
_SIZES += ["top", "left", "rows", "columns", "grad_top", "grad_left", "grad_rows", "grad_columns"]
_SIZES += ["grad_step"]
_compiled_once = triton.jit(do_not_specialize=_SIZES)  # not again for sizes that divide by 16


@triton.jit
def _whose(tiles_y, tiles_x):
    """The plane, row and column of this program's tile."""
    program = tl.program_id(0)
    return program // (tiles_x * tiles_y), program // tiles_x % tiles_y, program % tiles_x


@triton.jit
def _patch(plane, top, left, h, w, rows, columns, K: tl.constexpr):
    """Where a (K, K) patch of a plane lies in it, and which of its pixels there are."""
    k = tl.arange(0, K)
    y, x = top + k, left + k
    has_y, has_x = (y >= 0) & (y < h) & (k < rows), (x >= 0) & (x < w) & (k < columns)
    return plane.to(tl.int64) * h * w + y[:, None] * w + x[None, :], has_y[:, None] & has_x[None, :]


@triton.jit
def _matrix(values, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """A contiguous matrix."""
    at = tl.arange(0, ROWS)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    return tl.load(values + at)


@triton.jit
def _filtered(x, y_matrix, x_matrix, IN: tl.constexpr, OUT: tl.constexpr, PRECISION: tl.constexpr):
    """(OUT, OUT) float32 of x (IN, IN), by matrices (OUT, IN) and (IN, OUT)."""
    rows = tl.dot(_matrix(y_matrix, OUT, IN), x, input_precision=PRECISION).to(x.dtype)
    return tl.dot(rows, _matrix(x_matrix, IN, OUT), input_precision=PRECISION)


@triton.jit
def _upsampled(
    x, scale, bias, up_y, up_x, plane, n_channels, top, left, h, w, rows, columns,
    K: tl.constexpr, FINE: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """A tile of the scaled and biased plane, (FINE, FINE) float32."""
    at, there = _patch(plane, top, left, h, w, rows, columns, K)
    by, more = tl.load(scale + plane), tl.load(bias + plane % n_channels)
    values = tl.load(x + at, mask=there, other=0.0)
    values = tl.where(there, values * by + more, 0.0).to(x.dtype.element_ty)
    return _filtered(values, up_y, up_x, K, FINE, PRECISION)


@triton.jit
def _put(out, made, plane, tile_y, tile_x, tile, out_h, out_w, OUT: tl.constexpr):
    """Write a tile of the result."""
    at, there = _patch(plane, tile_y * tile, tile_x * tile, out_h, out_w, tile, tile, OUT)
    tl.store(out + at, made.to(out.dtype.element_ty), mask=there)


@_compiled_once
def forward(
    x, scale, bias, out, up_y, up_x, down_y, down_x,
    n_channels, h, w, out_h, out_w, tiles_y, tiles_x, tile,
    top, left, rows, columns, step, slope, bound,
    TERMS: tl.constexpr, K: tl.constexpr, FINE: tl.constexpr, OUT: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Planes (p, h, w) to (p, out_h, out_w): scale, bias, upsample, leaky ReLU, clamp, downsample.

    Args:
        x, scale, bias, out: the planes, (p,), (n_channels,), the result.
        up_y, up_x: (FINE, K) and (K, FINE), of the fine tile.
        down_y, down_x: (TERMS, OUT, FINE) and (TERMS, FINE, OUT).
        tiles_y, tiles_x, tile: their number, and outputs a side.
        top, left, rows, columns, step: where the first tile's inputs lie, how many they are, and
            how far the next tile's are.
    """
    plane, tile_y, tile_x = _whose(tiles_y, tiles_x)
    fine = _upsampled(
        x, scale, bias, up_y, up_x, plane, n_channels,
        top + tile_y * step, left + tile_x * step, h, w, rows, columns, K, FINE, PRECISION,
    )  # fmt: skip
    fine = tl.where(fine > 0, fine, fine * slope)
    fine = tl.minimum(tl.maximum(fine, -bound), bound).to(x.dtype.element_ty)
    made = tl.zeros((OUT, OUT), tl.float32)
    for i in tl.static_range(TERMS):
        at = i * OUT * FINE
        made += _filtered(fine, down_y + at, down_x + at, FINE, OUT, PRECISION)
    _put(out, made, plane, tile_y, tile_x, tile, out_h, out_w, OUT)


@_compiled_once
def backward(
    grad, x, scale, bias, out, grow_y, grow_x, up_y, up_x, shrink_y, shrink_x,
    n_channels, out_h, out_w, h, w, tiles_y, tiles_x, tile,
    grad_top, grad_left, grad_rows, grad_columns, grad_step,
    top, left, rows, columns, step, slope, bound,
    TERMS: tl.constexpr, GRAD_K: tl.constexpr, K: tl.constexpr, FINE: tl.constexpr,
    OUT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Gradient at the scaled and biased planes (p, h, w) of that at the result (p, out_h, out_w).

    Args:
        grad, x, scale, bias, out: the latter gradient, what `forward` had, the former gradient.
        grow_y, grow_x: adjoints of what downsamples, (TERMS, FINE, GRAD_K), (TERMS, GRAD_K, FINE).
        up_y, up_x: as in `forward`, of the fine tile that this one needs.
        shrink_y, shrink_x: adjoints of what upsamples, (OUT, FINE) and (FINE, OUT).
        tiles_y, tiles_x, tile, top, left, rows, columns, step: as in `forward`; `grad_` of `grad`.
    """
    plane, tile_y, tile_x = _whose(tiles_y, tiles_x)
    fine = _upsampled(
        x, scale, bias, up_y, up_x, plane, n_channels,
        top + tile_y * step, left + tile_x * step, h, w, rows, columns, K, FINE, PRECISION,
    )  # fmt: skip
    at, there = _patch(
        plane, grad_top + tile_y * grad_step, grad_left + tile_x * grad_step,
        out_h, out_w, grad_rows, grad_columns, GRAD_K,
    )  # fmt: skip
    seen = tl.load(grad + at, mask=there, other=0.0)
    change = tl.zeros((FINE, FINE), tl.float32)
    for i in tl.static_range(TERMS):
        part = i * FINE * GRAD_K
        change += _filtered(seen, grow_y + part, grow_x + part, GRAD_K, FINE, PRECISION)
    activated = tl.where(fine > 0, fine, fine * slope)
    change = tl.where((activated > -bound) & (activated < bound), change, 0.0)
    change = tl.where(fine > 0, change, change * slope).to(x.dtype.element_ty)
    made = _filtered(change, shrink_y, shrink_x, FINE, OUT, PRECISION)
    _put(out, made, plane, tile_y, tile_x, tile, h, w, OUT)
