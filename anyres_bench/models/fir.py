"""FIR filters with resampling, as batched matrix products over fixed buffers.

Filtering and resampling along one axis is a matrix that repeats itself: a block of some thirty
neighbouring outputs is always the same small dense matrix times a window of the input, and the
windows follow each other at a constant distance. So one batched product over overlapping views
does a whole axis of many image planes. It multiplies a little more often than polyphase sums would
have to, and runs several times faster, because it runs in the BLAS and from cache.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_OVERRUN = 64  # rows behind a buffer that the last window may look at: more than any filter's taps
_NEGLIGIBLE = 1e-7  # of the largest singular value: below float32 resolution


@dataclass(frozen=True)
class Fir:
    """One axis of `upfirdn2d`: out[o] = sum over i of taps[up * i + before - down * o] * in[i].

    Attributes:
        taps: (n,), in the order of correlation.
        n_in, n_out: length of the axis before and after.
        up, down: resampling factors.
        before: zeros in front of the upsampled axis; negative crops.
        block: upsampled samples that are computed as one block, a multiple of `up` and `down`.
    """

    taps: Tensor
    n_in: int
    n_out: int
    up: int
    down: int
    before: int
    block: int

    @classmethod
    def of(
        cls,
        kernel: Tensor,
        n_in: int,
        factors: tuple[int, int],
        padding: tuple[int, int],
        block: int,
    ) -> Fir:
        """The filter that convolves with `kernel`; `factors` are up and down."""
        up, down = factors
        n_out = (n_in * up + sum(padding) - len(kernel)) // down + 1
        return cls(kernel.flip(0), n_in, n_out, up, down, padding[0], block)

    @functools.cached_property
    def adjoint(self) -> Fir:
        """The transposed matrix: factors swapped, taps reversed."""
        before = len(self.taps) - 1 - self.before
        taps = self.taps.flip(0)
        return Fir(taps, self.n_out, self.n_in, self.down, self.up, before, self.block)

    @property
    def step(self) -> int:
        """Inputs from one block to the next."""
        return self.block // self.up

    @property
    def outputs(self) -> int:
        """Outputs of one block."""
        return self.block // self.down

    @property
    def first(self) -> int:
        """The first input that output 0 looks at; negative ones are zeros of the padding."""
        return -(self.before // self.up)

    @property
    def reach(self) -> int:
        """Inputs that one block looks at."""
        return self._reach(self.outputs)

    @property
    def n_blocks(self) -> int:
        """Blocks that cover all outputs, and all inputs that these look at."""
        return max(-(-self.n_out // self.outputs), -(-self._reach(self.n_out) // self.step))

    @functools.cached_property
    def matrix(self) -> Tensor:
        """One block, (outputs, inputs), dtype and device of the taps."""
        return self.window(0, self.outputs)[1]

    @functools.cached_property
    def whole(self) -> Tensor:
        """The whole axis as one matrix (n_out, n_in), dtype and device of the taps."""
        return self._weights(0, self.n_out, 0, self.n_in)

    def window(self, start: int, n_out: int) -> tuple[int, Tensor]:
        """The first input that outputs from `start` on look at, and what they take, (n_out, n_in).

        Inputs and outputs beyond the axis are those of an axis without ends.
        """
        first = -((self.before - self.down * start) // self.up)
        last = (self.down * (start + n_out - 1) - self.before + len(self.taps) - 1) // self.up
        return first, self._weights(start, n_out, first, last - first + 1)

    def _weights(self, start: int, n_out: int, first: int, n_in: int) -> Tensor:
        """What outputs from `start` on take of the inputs from `first` on, (n_out, n_in)."""
        outputs = torch.arange(n_out, device=self.taps.device) + start
        inputs = torch.arange(n_in, device=self.taps.device) + first
        tap = self.up * inputs[None, :] + self.before - self.down * outputs[:, None]
        inside = (tap >= 0) & (tap < len(self.taps))
        return torch.where(inside, self.taps[tap.clamp(0, len(self.taps) - 1)], 0.0)

    def place(self, length: int, skip: int = 0) -> tuple[slice, slice]:
        """Where the inputs lie in a buffer that begins at `first`, or `skip` inputs further on.

        Slices of it and of them.
        """
        first = self.first + skip
        start = max(first, 0)
        end = max(start, min(self.n_in, first + length))
        return slice(start - first, end - first), slice(start, end)

    def _reach(self, n_out: int) -> int:
        last = (self.down * (n_out - 1) - self.before + len(self.taps) - 1) // self.up
        return last - self.first + 1


@dataclass(frozen=True)
class AxisPass:
    """One axis of one filter, from a fixed buffer of planes into another, as a batched product.

    A plane may be a row of pixels whose channels lie together, (width, channels): its y is x.
    """

    left: Tensor
    right: Tensor
    out: Tensor
    target: Tensor

    def run(self, add: bool = False) -> None:
        if add:
            self.out.baddbmm_(self.left, self.right)
        else:
            torch.bmm(self.left, self.right, out=self.out)

    @classmethod
    def along_y(cls, fir: Fir, source: Tensor, target: Tensor | None) -> AxisPass:
        n_planes, height, width = source.shape
        n, rest = divmod(height, fir.step)
        assert rest == 0, (height, fir)
        assert n >= fir.n_blocks or n_planes == 1, (height, fir)  # one plane may come in bands
        target = buffer(source, n_planes, n * fir.outputs, width) if target is None else target
        matrix = fir.matrix
        shape = (n_planes * n, matrix.shape[1], width)
        windows = source.as_strided(shape, (fir.step * width, width, 1))
        out = target.view(n_planes * n, fir.outputs, width)
        return cls(matrix.expand(n_planes * n, -1, -1), windows, out, target)

    @classmethod
    def along_x(cls, fir: Fir, source: Tensor, target: Tensor | None) -> AxisPass:
        n_planes, height, width = source.shape
        n, rest = divmod(width, fir.step)
        assert rest == 0, (width, fir)
        assert n >= fir.n_blocks, (width, fir)
        target = buffer(source, n_planes, height, n * fir.outputs) if target is None else target
        matrix = fir.matrix.T
        rows = n_planes * height
        windows = source.as_strided((n, rows, len(matrix)), (fir.step, width, 1))
        out = target.as_strided((n, rows, fir.outputs), (fir.outputs, n * fir.outputs, 1))
        return cls(windows, matrix.expand(n, -1, -1), out, target)


class PlaneFilter:
    """A 2-D filter, as a sum of separable terms, from one fixed buffer into another.

    A single plane may come in bands of rows from top to bottom. A filter that upsamples finds the
    rows below a band behind the buffer; one that downsamples along x first keeps what it needs.

    Args:
        terms: filters (y, x); all have the same lengths and factors.
        source: (p, h, w) buffer whose pixel (0, 0) is input (y.first, x.first), zero where there
            is no input; its sides are multiples of the filters' steps.
        halo: rows of the bands before that are filtered with one, a multiple of `down`; by these
            inputs the result begins earlier.

    Attributes:
        target: (p, h', w') buffer with the result; beyond `n_out` it is finite and arbitrary.
    """

    def __init__(self, terms: Sequence[tuple[Fir, Fir]], source: Tensor, halo: int = 0) -> None:
        self._passes: list[tuple[AxisPass, AxisPass]] = []
        self._halo, self._kept = halo, list[Tensor]()
        n_planes, height, width = source.shape
        between = target = None
        assert all(len(fir.taps) <= _OVERRUN for term in terms for fir in term)
        assert halo <= (height if n_planes == 1 else 0), (halo, source.shape)
        for y, x in terms:
            if y.up > y.down:  # along y first, while the rows are short
                assert not halo
                first = AxisPass.along_y(y, source, between)
                between = first.target
                second = AxisPass.along_x(x, between, target)
            else:
                if between is None or halo:  # what is kept is each term's own
                    shape = halo + height, width // x.step * x.outputs
                    between = buffer(source, n_planes, *shape)
                    between[:, :halo] = 0
                    self._kept.append(between)
                first = AxisPass.along_x(x, source, between[:, halo:])
                second = AxisPass.along_y(y, between[:, :height], target)
            target = second.target
            self._passes.append((first, second))
        self.target = self._passes[-1][1].target

    def run(self) -> None:
        """Filter what the source holds now."""
        for i, (first, second) in enumerate(self._passes):
            first.run()
            second.run(add=i > 0)
        if self._halo:
            for rows in self._kept:
                rows[:, : self._halo] = rows[:, -self._halo :]


class Inlet:
    """A buffer that a filter reads from, and where an image lies in it.

    Args:
        like: dtype and device.
        n_planes: planes at once.
        y, x: the filters that will read it.
        n_blocks: blocks along y and x; None for as many as the filters need. Fewer along y hold a
            band of one plane, with the rows below it that its last block looks at.

    Attributes:
        buffer: (n_planes, h, w) for a `PlaneFilter`, zero around the image.
    """

    def __init__(
        self,
        like: Tensor,
        n_planes: int,
        y: Fir,
        x: Fir,
        n_blocks: tuple[int, int] | None = None,
    ) -> None:
        n_y, n_x = n_blocks or (y.n_blocks, x.n_blocks)
        self._y, self._is_band = y, n_y < y.n_blocks
        below = max(0, y.reach - y.step) if self._is_band else 0
        self._rows = buffer(like, n_planes, n_y * y.step + below, n_x * x.step).zero_()
        self._columns = x.place(n_x * x.step)
        self.buffer = self._rows[:, : n_y * y.step]

    def place(self, image: Tensor, top: int = 0) -> tuple[Tensor, Tensor]:
        """Where an image (p, h, w) goes, and the part of it that goes there.

        Args:
            image: planes.
            top: rows of it that lie above the band.
        """
        rows, seen = self._y.place(self._rows.shape[1], top)
        if self._is_band:
            self._rows[:, : rows.start] = 0
            self._rows[:, rows.stop :] = 0
        columns, across = self._columns
        return self._rows[: len(image), rows, columns], image[:, seen, across]


def buffer(like: Tensor, n_planes: int, height: int, width: int) -> Tensor:
    """Memory (n_planes, height, width) with zeros behind it for the last window to overrun."""
    used = n_planes * height * width
    memory = like.new_empty(used + _OVERRUN * (width + 1))
    memory[used:] = 0
    return memory[:used].view(n_planes, height, width)


def separate(kernel: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Pairs of taps (y, x) whose outer products sum up to a kernel, to float32 precision."""
    if kernel.ndim == 1:
        return [(kernel, kernel)]
    left, strength, right = torch.linalg.svd(kernel.double(), full_matrices=False)
    rank = int((strength > strength[0] * _NEGLIGIBLE).sum())
    left, right = left * strength.sqrt(), right * strength.sqrt()[:, None]
    return [(left[:, i].to(kernel.dtype), right[i].to(kernel.dtype)) for i in range(rank)]
