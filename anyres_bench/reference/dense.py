"""The filtered leaky ReLU of small images, by one dense matrix an axis.

Rows of the images are laid side by side, so filtering along either axis is one product of two plain
matrices, which BLAS does best. Images go through all stages a few at a time, in buffers that stay
in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.core.threads import Job, in_halves
from anyres_bench.models.fir import Fir

_CHUNK = 1 << 17  # upsampled values at once: what a core's own cache holds


@dataclass(frozen=True)
class DenseFilter:
    """A 2-D filter as a sum of separable terms.

    Attributes:
        terms: matrices along y (h', h) and along x (w, w').
    """

    terms: Sequence[tuple[Tensor, Tensor]]

    @classmethod
    def of(cls, terms: Sequence[tuple[Fir, Fir]]) -> DenseFilter:
        """From filters (y, x)."""
        return cls([(y.whole, x.whole.T) for y, x in terms])

    @property
    def adjoint(self) -> DenseFilter:
        """The transposed matrices."""
        return DenseFilter([(y.T, x.T) for y, x in self.terms])

    def into(self, target: Tensor, images: Tensor, between: Tensor) -> Tensor:
        """Filter images (h, n, w) into `target` (h', n, w').

        Args:
            target: contiguous.
            images: contiguous.
            between: room for h * n * w' values.
        """
        height, n, width = images.shape
        for i, (y, x) in enumerate(self.terms):
            rows = between[: height * n * x.shape[1]].view(height * n, -1)
            torch.mm(images.view(-1, width), x, out=rows)
            flat = target.view(len(y), -1)
            torch.addmm(flat, y, rows.view(height, -1), beta=min(i, 1), out=flat)
        return target


class Dense(NamedTuple):
    """The operation on images of one size.

    Attributes:
        up, down: the filters, which carry the gains.
        slope: of the leaky ReLU, below zero.
        bound: on values behind it, before the gain.
    """

    up: DenseFilter
    down: DenseFilter
    slope: float
    bound: float

    @property
    def fine(self) -> tuple[int, int]:
        """Height and width of the upsampled image."""
        y, x = self.up.terms[0]
        return len(y), x.shape[1]

    @property
    def out(self) -> tuple[int, int]:
        """Height and width of the result."""
        y, x = self.down.terms[0]
        return len(y), x.shape[1]

    @property
    def n_planes(self) -> int:
        """How many images at once."""
        return max(1, _CHUNK // math.prod(self.fine))


class DenseFunction(torch.autograd.Function):
    """Scale (n, c), bias (c,), and the operation on images (n, c, h, w); differentiable once.

    The upsampled images are kept for the gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, bias: Tensor, dense: Dense) -> Tensor:
        n, c, height, width = x.shape
        planes = x.reshape(-1, height, width)
        scales, biases = scale.reshape(-1, 1), bias.repeat(n)[:, None]
        out = x.new_empty(n * c, *dense.out)
        is_kept = any(ctx.needs_input_grad)
        kept: dict[int, Tensor] = {}

        def run(some: Sequence[slice]) -> None:
            work = _Work(x, dense)
            for part in some:
                images = work.plain(len(planes[part]))
                torch.addcmul(biases[part], planes[part].transpose(0, 1), scales[part], out=images)
                fine = work.fine(images.shape[1], fresh=is_kept)
                dense.up.into(fine, images, work.between)
                F.hardtanh_(F.leaky_relu_(fine, dense.slope), -dense.bound, dense.bound)
                small = dense.down.into(work.small(images.shape[1]), fine, work.between)
                out[part] = small.transpose(0, 1)
                if is_kept:
                    kept[part.start] = fine

        in_parts(run, chunks(len(planes), dense.n_planes), planes)
        ctx.dense = dense
        ctx.save_for_backward(x, scale, *(kept[first] for first in sorted(kept)))
        return out.view(n, c, *dense.out)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        check_single()
        dense: Dense = ctx.dense
        x, scale, *kept = ctx.saved_tensors
        grads = grad.reshape(-1, *dense.out)
        out = x.new_empty(len(grads), *x.shape[2:])
        up, down = dense.up.adjoint, dense.down.adjoint

        def run(some: Sequence[slice]) -> None:
            work = _Work(x, dense)
            for part in some:
                fine = kept[part.start // dense.n_planes]
                small = work.small(fine.shape[1]).copy_(grads[part].transpose(0, 1))
                change = down.into(work.fine(fine.shape[1]), small, work.between)
                _gradient_(change, fine, dense)
                result = up.into(work.plain(fine.shape[1]), change, work.between)
                out[part] = result.transpose(0, 1)

        in_parts(run, chunks(len(out), dense.n_planes), out)
        out = out.view(x.shape)
        by_scale = torch.einsum("nchw,nchw->nc", out, x)
        return out * scale[:, :, None, None], by_scale, out.sum(dim=(0, 2, 3)), None


def check_single() -> None:
    """Refuse a backward pass that is to be differentiated itself.

    Raises:
        UsageError: it is.
    """
    if torch.is_grad_enabled():  # what create_graph asks for would be silently wrong
        raise UsageError(
            "filtered_lrelu can be differentiated once; a gradient with create_graph=True "
            "through the generator is not possible"
        )


class _Work:
    """Buffers for a chunk of planes, with rows side by side: (height, planes, width)."""

    def __init__(self, like: Tensor, dense: Dense) -> None:
        self._sizes = tuple(like.shape[2:]), dense.fine, dense.out
        (_, width), (fine_height, fine_width), (height, _) = self._sizes
        n_planes = dense.n_planes
        self._buffers = [like.new_empty(n_planes * h * w) for h, w in self._sizes]
        widest = max(fine_height * max(width, self._sizes[2][1]), self._sizes[0][0] * fine_width)
        self.between = like.new_empty(n_planes * max(widest, height * fine_width))

    def plain(self, n: int) -> Tensor:
        """For what comes in."""
        return self._view(0, n)

    def fine(self, n: int, fresh: bool = False) -> Tensor:
        """For what is upsampled; fresh memory where it is kept."""
        height, width = self._sizes[1]
        return self._buffers[1].new_empty(height, n, width) if fresh else self._view(1, n)

    def small(self, n: int) -> Tensor:
        """For the result."""
        return self._view(2, n)

    def _view(self, i: int, n: int) -> Tensor:
        height, width = self._sizes[i]
        return self._buffers[i][: height * n * width].view(height, n, width)


def _gradient_(grad: Tensor, activated: Tensor, dense: Dense) -> None:
    """Take `grad` back through clamp and leaky ReLU, in place."""
    aten = torch.ops.aten
    bounds = -dense.bound, dense.bound
    aten.hardtanh_backward.grad_input(grad, activated, *bounds, grad_input=grad)
    aten.leaky_relu_backward.grad_input(grad, activated, dense.slope, True, grad_input=grad)


def chunks(n: int, size: int) -> list[slice]:
    """Slices of n, `size` at a time."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def in_parts(run: Callable[[Sequence[Job]], None], jobs: Sequence[Job], where: Tensor) -> None:
    """Run jobs on a tensor; on a CPU both halves of them side by side."""
    if where.is_cpu:
        in_halves(run, jobs)
    else:
        run(jobs)
