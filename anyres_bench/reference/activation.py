"""StyleGAN3's filtered leaky ReLU: upsample, activate, downsample, so that nothing aliases."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.core.geometry import Size
from anyres_bench.models.fir import Fir, Inlet, PlaneFilter, separate
from anyres_bench.models.resample import NO_PADDING, Padding
from anyres_bench.reference.dense import (
    Dense,
    DenseFilter,
    DenseFunction,
    check_single,
    chunks,
    in_parts,
)
from anyres_bench.reference.fused import Tiles, on_gpu, tiled, tiled_gradient
from anyres_bench.reference.layers import Workspace, room

_FINE_BLOCK = 32  # samples a block of a filter; less wastes calls, more wastes products with zeros
_CPU_CHUNK, _GPU_CHUNK = 1 << 21, 1 << 27  # upsampled values at once: what the caches hold
_CPU_BAND = 1 << 22  # of a larger plane: narrower bands call for too many small products
_BACKWARD = 4  # times as many values are held at once for the gradient
_KEPT = 256  # filters of layers and sizes: several networks take turns
_DENSE_SIDE = 128  # of an upsampled image that is filtered by whole matrices on a CPU

Terms = list[tuple[Fir, Fir]]
Kernels = tuple[Tensor | None, Tensor | None]


def values_at_once(device: torch.device, fine: int) -> int:
    """Upsampled values that are filtered at once, of planes that have `fine` of them.

    On a CPU half of them on each half of the threads. What is larger comes in bands of rows.
    """
    if device.type != "cpu":
        return _GPU_CHUNK
    return min(max(_CPU_CHUNK, 2 * fine), _CPU_BAND)


@dataclass(frozen=True)
class FilteredLRelu:
    """Everything about the operation but its tensors.

    Attributes:
        up, down: integer resampling factors.
        padding: zeros around the upsampled image, in its pixels; negative values crop.
        gain: factor after the leaky ReLU, positive.
        slope: of the leaky ReLU, below zero.
        clamp: bound on the value after the gain; None for no bound.
    """

    up: int = 1
    down: int = 1
    padding: Padding = NO_PADDING
    gain: float = 2.0**0.5
    slope: float = 0.2
    clamp: float | None = None

    @property
    def bound(self) -> float:
        """Bound on the value before the gain."""
        return math.inf if self.clamp is None else self.clamp / self.gain


def filtered_lrelu(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    kernels: Kernels,
    op: FilteredLRelu,
    workspace: Workspace | None = None,
) -> Tensor:
    """Scale, add the bias, upsample, leaky ReLU, gain, clamp, downsample.

    Differentiable once: the backward pass computes the upsampled image again, in chunks, instead
    of keeping it, which would take ten times the memory of `x`. Large images go through all stages
    a band of rows at a time; only for the gradient are they upsampled as a whole. Small images on a
    CPU, up to 128 px upsampled, are filtered by whole matrices instead, and kept
    (`anyres_bench.reference.dense`).

    Args:
        x: (n, c, h, w).
        scale: (n, c), of each channel.
        bias: (c,).
        kernels: to upsample and to downsample with, each (taps,) separable, (taps_y, taps_x), or
            None for the identity.
        op: what to do.
        workspace: for the result of a pass without gradients.

    Returns:
        (n, c, h', w'), dtype of `x`.

    Source: Alias-Free Generative Adversarial Networks (Karras et al., 2021), section 3.
    """
    scale, bias = scale.to(x.dtype), bias.to(x.dtype)
    if kernels[1] is None and op.down == 1:
        return _unfiltered(x, scale, bias, kernels[0], op)
    filters = Filters.make(x, Size(*x.shape[2:]), kernels, op)
    if x.device.type == "cpu" and max(filters.fine) <= _DENSE_SIDE:
        # As the type rounds it: what was clamped is seen to be so by the gradient.
        bound = float(torch.tensor(op.bound, dtype=x.dtype))
        whole = Dense(*filters.dense, op.slope, bound)
        small: Tensor = DenseFunction.apply(x, scale, bias, whole)  # type: ignore[no-untyped-call]
        return small
    given = x, scale, bias, filters, op, workspace
    result: Tensor = _Function.apply(*given)  # type: ignore[no-untyped-call]
    return result


def _unfiltered(
    x: Tensor, scale: Tensor, bias: Tensor, kernel: Tensor | None, op: FilteredLRelu
) -> Tensor:
    """The same where nothing is downsampled, by operations that are kept whole for the gradient."""
    scale, bias = scale * op.gain, bias * op.gain  # the leaky ReLU hands positive factors on
    x = torch.addcmul(bias[:, None, None], x, scale[:, :, None, None])
    if kernel is not None:
        x = _upsample(x, kernel, op)
    elif op.padding != NO_PADDING:
        x = F.pad(x, tuple(op.padding))
    x = F.leaky_relu(x, op.slope) if op.slope != 1 else x
    return x if op.clamp is None else F.hardtanh(x, -op.clamp, op.clamp)


def _upsample(x: Tensor, kernel: Tensor, op: FilteredLRelu) -> Tensor:
    """Pad and upsample by one matrix an axis."""
    left, right, top, bottom = op.padding
    terms = []
    for a, b in separate(kernel.to(x.dtype) * op.up**kernel.ndim):
        y = Fir.of(a, x.shape[2], (op.up, 1), (top, bottom), op.up)
        terms.append((y, Fir.of(b, x.shape[3], (op.up, 1), (left, right), op.up)))
    return _product(terms, x)


def _product(terms: Terms, x: Tensor) -> Tensor:
    """One matrix an axis, and the sum over the terms."""
    first, *more = (y.whole @ (x @ along.whole.T) for y, along in terms)
    return sum(more, first)


@dataclass(frozen=True)
class Filters:
    """The filters of both stages, each a sum of separable terms (y, x)."""

    up: Terms
    down: Terms

    @classmethod
    def make(cls, like: Tensor, size: Size, kernels: Kernels, op: FilteredLRelu) -> Filters:
        """Filters for images of a size, of the dtype and device of `like`.

        They carry the gains of the whole operation, and are kept for who asks next.
        """
        up, down = map(_Taps, kernels)
        return _made(up, down, size, op, like.dtype, like.device)

    @classmethod
    def _of(cls, up: Tensor, down: Tensor, size: Size, op: FilteredLRelu) -> Filters:
        unit = math.lcm(op.up, op.down)
        block = unit * -(-_FINE_BLOCK // unit)
        left, right, top, bottom = op.padding
        grow = [
            (
                Fir.of(a, size.height, (op.up, 1), (top, bottom), block),
                Fir.of(b, size.width, (op.up, 1), (left, right), block),
            )
            for a, b in separate(up * op.up**up.ndim)
        ]
        height, width = grow[0][0].n_out, grow[0][1].n_out
        shrink = [
            (
                Fir.of(a, height, (1, op.down), (0, 0), block),
                Fir.of(b, width, (1, op.down), (0, 0), block),
            )
            for a, b in separate(down * op.gain ** (down.ndim / 2))
        ]
        return cls(grow, shrink)

    @functools.cached_property
    def dense(self) -> tuple[DenseFilter, DenseFilter]:
        """Both stages as whole matrices."""
        return DenseFilter.of(self.up), DenseFilter.of(self.down)

    @property
    def fine(self) -> tuple[int, int]:
        """Height and width of the upsampled image."""
        return self.down[0][0].n_in, self.down[0][1].n_in

    @functools.cached_property
    def tiles(self) -> Tiles | None:
        """How a GPU takes planes through both stages at once, where it can."""
        return Tiles.of(self.down, self.up) if len(self.up) == 1 else None

    @functools.cached_property
    def gradient_tiles(self) -> Tiles | None:
        """The same for the gradient."""
        back, up = _adjoint(self.down), _adjoint(self.up)
        return Tiles.of(up, back, self.up) if len(up) == 1 else None

    @property
    def n_blocks(self) -> int:
        """Blocks of rows that both stages need."""
        return max(self.up[0][0].n_blocks, self.down[0][0].n_blocks)

    @property
    def halo(self) -> int:
        """Upsampled rows that a block of the second stage looks at beyond its own."""
        y = self.down[0][0]
        return y.down * max(0, -(-(y.reach - y.block) // y.down))

    @property
    def out(self) -> tuple[int, int]:
        """Height and width of the result."""
        return self.down[0][0].n_out, self.down[0][1].n_out


class _Taps:
    """A kernel, None for the identity; equal to another that is the same tensor, unchanged."""

    def __init__(self, kernel: Tensor | None) -> None:
        self._kernel = kernel
        counted = None if kernel is None or kernel.is_inference() else kernel
        self._key = id(kernel), None if counted is None else counted._version

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Taps) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def to(self, dtype: torch.dtype, device: torch.device) -> Tensor:
        """As a tensor."""
        kernel = self._kernel
        return torch.ones(1, dtype=dtype, device=device) if kernel is None else kernel.to(dtype)


@functools.lru_cache(_KEPT)
def _made(
    up: _Taps, down: _Taps, size: Size, op: FilteredLRelu, dtype: torch.dtype, device: torch.device
) -> Filters:
    """A dozen small steps a filter and, of a radial one, a decomposition: of what never changes."""
    return Filters._of(up.to(dtype, device), down.to(dtype, device), size, op)


class _Forward:
    """Buffers and filters that take one chunk of planes through the three stages.

    Args:
        like: dtype and device.
        n_planes: at once.
        filters, op: of the operation.
        n_blocks: of rows at once, of a single plane; None for all.
    """

    def __init__(
        self,
        like: Tensor,
        n_planes: int,
        filters: Filters,
        op: FilteredLRelu,
        n_blocks: int | None = None,
    ) -> None:
        (up_y, up_x), (down_y, down_x) = filters.up[0], filters.down[0]
        n_y = n_blocks or filters.n_blocks
        halo = filters.halo if n_y < filters.n_blocks else 0
        self._inlet = Inlet(like, n_planes, up_y, up_x, (n_y, max(up_x.n_blocks, down_x.n_blocks)))
        self._up = PlaneFilter(filters.up, self._inlet.buffer)
        self._down = PlaneFilter(filters.down, self._up.target, halo)
        self._ratio = up_y.step / down_y.outputs
        self._late, self._op = halo // op.down, op

    def upsample(self, x: Tensor, scale: Tensor, bias: Tensor, top: int = 0) -> Tensor:
        """The upsampled planes in the buffer, or a band of them from row `top` of `x` on."""
        inside, part = self._inlet.place(x, top)
        torch.addcmul(bias, part, scale, out=inside)
        self._up.run()
        return self._up.target

    def into(self, out: Tensor, x: Tensor, scale: Tensor, bias: Tensor, top: int = 0) -> None:
        """The result, from row `top` on, a multiple of a block's rows."""
        made = self._down.target
        for first in range(-self._late, out.shape[1], made.shape[1]):
            row = int((top + first + self._late) * self._ratio)
            activate(self.upsample(x, scale, bias, row), self._op.slope, self._op.bound)
            self._down.run()
            rows = slice(max(first, 0), min(first + made.shape[1], out.shape[1]))
            seen = made[: len(x), rows.start - first : rows.stop - first]
            out[:, rows] = seen[:, :, : out.shape[2]]


class _Backward:
    """The same for the gradient; the upsampled image is computed again."""

    def __init__(self, like: Tensor, n_planes: int, filters: Filters, op: FilteredLRelu) -> None:
        down, up = _adjoint(filters.down), _adjoint(filters.up)
        self._forward = _Forward(like, n_planes, filters, op)
        self._inlet = Inlet(like, n_planes, *down[0])
        self._down = PlaneFilter(down, self._inlet.buffer)
        self._fine = Inlet(like, n_planes, *up[0])
        self._up = PlaneFilter(up, self._fine.buffer)
        self._out, self._op = (up[0][0].n_out, up[0][1].n_out), op

    def __call__(self, grad: Tensor, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        """Gradient with respect to the scaled and biased input, in the buffer."""
        _, fine = self._fine.place(self._forward.upsample(x, scale, bias))
        inside, part = self._inlet.place(grad)
        inside.copy_(part)
        self._down.run()
        inside, fine_grad = self._fine.place(self._down.target)
        inside.copy_(_gradient(fine_grad, fine, self._op.slope, self._op.bound))
        self._up.run()
        return self._up.target[: len(x), : self._out[0], : self._out[1]]


def activate(x: Tensor, slope: float, bound: float) -> Tensor:
    """Leaky ReLU and clamp, in place."""
    return F.leaky_relu_(x, slope).clamp_(-bound, bound)


def _gradient(grad: Tensor, x: Tensor, slope: float, bound: float) -> Tensor:
    """Gradient at the input `x` of leaky ReLU and clamp."""
    grad = torch.ops.aten.hardtanh_backward(grad, F.leaky_relu(x, slope), -bound, bound)
    result: Tensor = torch.ops.aten.leaky_relu_backward(grad, x, slope, False)
    return result


class _Function(torch.autograd.Function):
    """Chunk after chunk of planes, forwards and backwards."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        scale: Tensor,
        bias: Tensor,
        filters: Filters,
        op: FilteredLRelu,
        workspace: Workspace | None,
    ) -> Tensor:
        ctx.save_for_backward(x, scale, bias)
        ctx.plan = filters, op
        tiles = filters.tiles if on_gpu(x) else None
        if (made := tiled(x, scale, bias, tiles, op.slope, op.bound)) is not None:
            return made
        planes, scales, biases = _planes(x, scale, bias)
        out = room(x, workspace, len(planes), *filters.out)
        size, n_blocks = _chunk_size(planes, filters), _band_blocks(planes, filters, op)

        def run(some: Sequence[tuple[slice, slice]]) -> None:
            chunk = _Forward(x, size, filters, op, n_blocks)
            for part, rows in some:
                target = out[part, rows]
                chunk.into(target, planes[part], scales[part], biases[part], rows.start)

        n_rows = filters.out[0] if n_blocks == filters.n_blocks else _half(filters)
        jobs = itertools.product(chunks(len(planes), size), chunks(filters.out[0], n_rows))
        in_parts(run, list(jobs), planes)
        return out.view(*x.shape[:2], *filters.out)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        check_single()
        x, scale, bias = ctx.saved_tensors
        filters, op = ctx.plan
        tiles = filters.gradient_tiles if on_gpu(x) else None
        out = tiled_gradient(grad, x, scale, bias, tiles, op.slope, op.bound)
        if out is None:
            out = _in_chunks(grad, x, scale, bias, filters, op)
        by_scale = torch.einsum("nchw,nchw->nc", out, x)
        by_bias = out.sum(dim=(0, 2, 3))
        return out * scale[:, :, None, None], by_scale, by_bias, None, None, None


def _in_chunks(
    grad: Tensor, x: Tensor, scale: Tensor, bias: Tensor, filters: Filters, op: FilteredLRelu
) -> Tensor:
    """Gradient at the scaled and biased input, some planes at a time."""
    planes, scales, biases = _planes(x, scale, bias)
    grad = grad.reshape(len(planes), *filters.out)
    out = torch.empty_like(planes)
    size = _chunk_size(planes, filters, _BACKWARD)

    def run(some: Sequence[slice]) -> None:
        chunk = _Backward(x, size, filters, op)
        for part in some:
            out[part] = chunk(grad[part], planes[part], scales[part], biases[part])

    in_parts(run, chunks(len(planes), size), planes)
    return out.view(x.shape)


def _adjoint(terms: Terms) -> Terms:
    """The transposed filters."""
    return [(y.adjoint, x.adjoint) for y, x in terms]


def _planes(x: Tensor, scale: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    planes = x.reshape(-1, *x.shape[2:])
    return planes, scale.reshape(-1, 1, 1), bias.repeat(len(x))[:, None, None]


def _at_once(like: Tensor, filters: Filters) -> int:
    """Upsampled values of one of the parts that run side by side."""
    return values_at_once(like.device, math.prod(filters.fine)) // (2 if like.is_cpu else 1)


def _chunk_size(planes: Tensor, filters: Filters, share: int = 1) -> int:
    """Planes at a time, where each has a share of what else it would."""
    n = _at_once(planes, filters) // (share * math.prod(filters.fine))
    return max(1, min(len(planes), n))


def _band_blocks(planes: Tensor, filters: Filters, op: FilteredLRelu) -> int:
    """Blocks of rows at a time; all of planes that are not too large."""
    at_once, (y, x) = _at_once(planes, filters), filters.down[0]
    if op.up == 1 or op.down == 1 or math.prod(filters.fine) <= at_once:
        return filters.n_blocks  # no schedule has factors of 1, where rows pass in another order
    most = max(1, at_once // (y.block * x.n_blocks * x.block), -(-filters.halo // y.block))
    half = -(-filters.n_blocks // 2) + 1  # the first rows of a band are late by the halo
    return min(filters.n_blocks, -(-half // -(-half // most)))


def _half(filters: Filters) -> int:
    """Rows of half of the result, in whole blocks."""
    return filters.down[0][0].outputs * -(-filters.n_blocks // 2)
