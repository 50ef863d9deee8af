"""GPU kernels, in Triton, which compiles them when they are first needed.

A program of `forward` and `backward` takes one tile of one plane through all stages of the filtered
leaky ReLU: every filter is a small matrix along either axis, so the tile of the upsampled plane is
never outside the multiprocessor. Sums are float32; `PRECISION` is how float32 factors are taken.
`modulate` is a layer's weights for a batch of styles; `winograd_in` and `winograd_out` are what
Winograd's convolution does before and after its matrix products.
"""

from __future__ import annotations

import triton
import triton.language as tl

_SIZES = ["n_channels", "h", "w", "out_h", "out_w", "tiles_y", "tiles_x", "step", "tile"]
_SIZES += ["top", "left", "rows", "columns", "grad_top", "grad_left", "grad_rows", "grad_columns"]
_SIZES += ["grad_step", "n", "n_in", "n_tiles", "first"]
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


@_compiled_once
def modulate(
    weight, style, gain, out_weight, out_style, out_scale, n, n_in, epsilon,
    TAPS: tl.constexpr, ALL_TAPS: tl.constexpr, N: tl.constexpr, BLOCK: tl.constexpr,
    WEIGHTS: tl.constexpr,
):  # fmt: skip
    """Bring an output channel of every sample to unit variance: programs (channels, n / N).

    Args:
        weight, style, gain: (channels, n_in, TAPS), (n, n_in), a number.
        out_weight: the weights with unit norm, if `WEIGHTS`.
        out_style, out_scale: (n, n_in) with unit mean square, (n, channels).
        ALL_TAPS: the power of two from TAPS on.
    """
    channel, k = tl.program_id(0), tl.arange(0, ALL_TAPS)
    samples = tl.program_id(1) * N + tl.arange(0, N)
    of_styles, of_both = tl.zeros((N,), tl.float32), tl.zeros((N,), tl.float32)
    of_weights = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, n_in, BLOCK):
        i = start + tl.arange(0, BLOCK)
        at = (channel * n_in + i[:, None]) * TAPS + k[None, :]
        taps = tl.load(weight + at, mask=(i < n_in)[:, None] & (k < TAPS)[None, :], other=0.0)
        power = tl.sum(taps * taps, axis=1)
        there = (samples < n)[:, None] & (i < n_in)[None, :]
        s = tl.load(style + samples[:, None] * n_in + i[None, :], mask=there, other=0.0)
        of_weights += power
        of_styles += tl.sum(s * s, axis=1)
        of_both += tl.sum(s * s * power[None, :], axis=1)
    total = tl.sum(of_weights, axis=0)
    mean, square = total / (n_in * TAPS), of_styles / n_in
    scale = tl.load(gain) / (tl.sqrt_rn(of_both / square / mean + epsilon) * tl.sqrt_rn(mean))
    if WEIGHTS:
        scale *= tl.sqrt_rn(total + epsilon)
    tl.store(out_scale + samples * tl.num_programs(0) + channel, scale, mask=samples < n)
    if WEIGHTS and tl.program_id(1) == 0:
        for start in range(0, n_in, BLOCK):
            i = start + tl.arange(0, BLOCK)
            at = (channel * n_in + i[:, None]) * TAPS + k[None, :]
            there = (i < n_in)[:, None] & (k < TAPS)[None, :]
            taps = tl.load(weight + at, mask=there, other=0.0) / tl.sqrt_rn(total + epsilon)
            tl.store(out_weight + at, taps.to(out_weight.dtype.element_ty), mask=there)
    if channel == 0:
        by = 1 / tl.sqrt_rn(square)
        for start in range(0, n_in, BLOCK):
            i = start + tl.arange(0, BLOCK)
            at = samples[:, None] * n_in + i[None, :]
            there = (samples < n)[:, None] & (i < n_in)[None, :]
            s = tl.load(style + at, mask=there, other=0.0) * by[:, None]
            tl.store(out_style + at, s.to(out_style.dtype.element_ty), mask=there)


@triton.jit
def _square(p, first, tiles_y, tiles_x):
    """Image, row and column of squares of two by two outputs, counted from row `first` on."""
    row = first + p // tiles_x
    return row // tiles_y, row % tiles_y, p % tiles_x


@triton.jit
def _seen(row, y, x, h, w, by, real):
    """Four inputs along a row from column x on, transformed."""
    real = real & (y >= 0) & (y < h)
    d0 = tl.load(row, mask=real & (x >= 0) & (x < w), other=0.0) * by
    d1 = tl.load(row + 1, mask=real & (x >= -1) & (x < w - 1), other=0.0) * by
    d2 = tl.load(row + 2, mask=real & (x >= -2) & (x < w - 2), other=0.0) * by
    d3 = tl.load(row + 3, mask=real & (x >= -3) & (x < w - 3), other=0.0) * by
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@triton.jit
def _put_four(out, step, v0, v1, v2, v3, real):
    """Store four numbers of every square."""
    tl.store(out, v0, mask=real)
    tl.store(out + step, v1, mask=real)
    tl.store(out + 2 * step, v2, mask=real)
    tl.store(out + 3 * step, v3, mask=real)


@_compiled_once
def winograd_in(
    x, style, out, n_channels, h, w, top, left, tiles_y, tiles_x, first, n_tiles,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Squares of 4 x 4 inputs of a channel to 16 numbers: programs (n_tiles / BLOCK, channels).

    Args:
        x, style, out: (n, n_channels, h, w), (n, n_channels), (16, n_channels, n_tiles).
        top, left: zeros beside the planes.
        tiles_y, tiles_x, first, n_tiles: squares of a plane, the first row of them, how many.
    """
    channel, p = tl.program_id(1), tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    real = p < n_tiles
    image, tile_y, tile_x = _square(p, first, tiles_y, tiles_x)
    plane = image * n_channels + channel
    by = tl.load(style + plane, mask=real, other=0.0)
    at_y, at_x = 2 * tile_y - top, 2 * tile_x - left
    row = x + plane.to(tl.int64) * h * w + at_y * w + at_x
    a0, a1, a2, a3 = _seen(row, at_y, at_x, h, w, by, real)
    b0, b1, b2, b3 = _seen(row + w, at_y + 1, at_x, h, w, by, real)
    c0, c1, c2, c3 = _seen(row + 2 * w, at_y + 2, at_x, h, w, by, real)
    d0, d1, d2, d3 = _seen(row + 3 * w, at_y + 3, at_x, h, w, by, real)
    step = n_channels * n_tiles
    to = out + channel * n_tiles + p
    _put_four(to, step, a0 - c0, a1 - c1, a2 - c2, a3 - c3, real)
    _put_four(to + 4 * step, step, b0 + c0, b1 + c1, b2 + c2, b3 + c3, real)
    _put_four(to + 8 * step, step, c0 - b0, c1 - b1, c2 - b2, c3 - b3, real)
    _put_four(to + 12 * step, step, b0 - d0, b1 - d1, b2 - d2, b3 - d3, real)


@triton.jit
def _two_rows(products, step, real):
    """A column of four numbers of every square as two."""
    m0 = tl.load(products, mask=real, other=0.0)
    m1 = tl.load(products + 4 * step, mask=real, other=0.0)
    m2 = tl.load(products + 8 * step, mask=real, other=0.0)
    m3 = tl.load(products + 12 * step, mask=real, other=0.0)
    return m0 + m1 + m2, m1 - m2 - m3


@triton.jit
def _put_pair(row, left, right, x, w, real):
    """Store two neighbours of every square."""
    at = tl.arange(0, 2)
    there = real[:, None] & (x[:, None] + at[None, :] < w)
    tl.store(row[:, None] + at[None, :], tl.join(left, right), mask=there)


@_compiled_once
def winograd_out(
    products, out, n_channels, h, w, tiles_y, tiles_x, first, n_tiles, BLOCK: tl.constexpr
):
    """16 numbers of each square to 2 x 2 outputs: programs (n_tiles / BLOCK, channels).

    Args:
        products, out: (16, n_channels, n_tiles), (n, n_channels, h, w).
        tiles_y, tiles_x, first, n_tiles: as in `winograd_in`.
    """
    channel, p = tl.program_id(1), tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    real = p < n_tiles
    image, tile_y, tile_x = _square(p, first, tiles_y, tiles_x)
    step = n_channels * n_tiles
    at = products + channel * n_tiles + p
    a0, b0 = _two_rows(at, step, real)
    a1, b1 = _two_rows(at + step, step, real)
    a2, b2 = _two_rows(at + 2 * step, step, real)
    a3, b3 = _two_rows(at + 3 * step, step, real)
    y, x = 2 * tile_y, 2 * tile_x
    row = out + (image * n_channels + channel).to(tl.int64) * h * w + y * w + x
    _put_pair(row, a0 + a1 + a2, a1 - a2 - a3, x, w, real)
    _put_pair(row + w, b0 + b1 + b2, b1 - b2 - b3, x, w, real & (y + 1 < h))
