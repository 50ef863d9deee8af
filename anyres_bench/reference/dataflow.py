"""Which samples of every layer a window of a canvas is made of.

A network whose layers filter and convolve can be run on a plane of any size: each layer's samples
lie on a lattice that spans the canvas, and a window of the last layer needs a window of the layer
before it that is a few samples larger, and so on down to the input. Cut so, every window shows what
one pass over the whole canvas would, wherever it is cut, and computes little that it does not show.

The lattices are those of the network's own window, whose first pixel is the canvas' first; beyond
the canvas they end where that window's do, a margin further on. (A canvas smaller than the
network's window is the middle of it.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from anyres_bench.core.geometry import Box, Size
from anyres_bench.models.resample import Padding
from anyres_bench.reference.activation import values_at_once
from anyres_bench.reference.layers import LARGE, strip_pixels
from anyres_bench.reference.schedule import LayerSpec, Signal

_BYTES = 4  # of a value
_BUFFERS = 3  # of the upsampled image that the filters keep, smaller ones counted together


class Reach(NamedTuple):
    """Samples [low, high) of an axis."""

    low: int
    high: int

    @property
    def length(self) -> int:
        """How many."""
        return self.high - self.low


@dataclass(frozen=True)
class Part:
    """How a layer computes one window of its target.

    Attributes:
        zeros: around the window of its source, where that ends.
        padding: of its filters, in upsampled samples.
        sizes: (h, w) of source, convolved source, and target.
    """

    zeros: Padding
    padding: Padding
    sizes: tuple[Size, Size, Size]


@dataclass(frozen=True)
class Dataflow:
    """A window from the input's samples to pixels.

    Attributes:
        source: samples of the input, counted from the first of the network's own window.
        signal: that the input hands on.
        parts: of each layer, from first to last.
    """

    source: Box
    signal: Signal
    parts: tuple[Part, ...]

    @property
    def shape(self) -> tuple[Size, tuple[Part, ...]]:
        """What is equal in windows that can be computed in one batch."""
        return self.source.size, self.parts

    def shift(self) -> Tensor:
        """Matrix (3, 3) from the middle of the source to that of the network's own window."""
        box, signal = self.source, self.signal
        y = (box.top + (box.height - signal.size) / 2) / signal.rate
        x = (box.left + (box.width - signal.size) / 2) / signal.rate
        return torch.tensor([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=torch.float64)


def dataflow(schedule: Sequence[LayerSpec], window: Box, canvas: Size | None) -> Dataflow:
    """What a window needs.

    Args:
        schedule: of the network.
        window: in pixels, counted from the first of the network's own window.
        canvas: that the lattices end with; None for a plane without end.
    """
    side = schedule[-1].target.size
    grown = [max(0, length - side) for length in canvas or ()]
    below, right = (None, None) if canvas is None else grown
    rows = _axis(schedule, Reach(window.top, window.bottom), below)
    columns = _axis(schedule, Reach(window.left, window.right), right)
    parts = [
        Part(
            Padding(*x.zeros, *y.zeros),
            Padding(*x.padding, *y.padding),
            (
                Size(y.source.length, x.source.length),
                Size(y.convolved, x.convolved),
                Size(y.target.length, x.target.length),
            ),
        )
        for y, x in zip(rows, columns, strict=True)
    ]
    y, x = rows[0].source, columns[0].source
    return Dataflow(Box(y.low, x.low, y.length, x.length), schedule[0].source, tuple(parts))


def largest_map(schedule: Sequence[LayerSpec], flow: Dataflow) -> int:
    """Values of the largest map that a layer makes of one window."""
    return max(
        max(size.pixels for size in part.sizes[1:]) * layer.target.channels
        for layer, part in zip(schedule, flow.parts, strict=True)
    )


def n_bytes(schedule: Sequence[LayerSpec], flow: Dataflow, device: torch.device) -> int:
    """About the most memory that one window needs at once, beside the weights.

    A layer's source stays while it is convolved: styled, laid out and convolved are copies of their
    own, and the result is laid out twice. After that it stays while the filters run. On a CPU
    channels are laid out in sixteens, and large planes convolved in strips, whose memory is not
    given back, from one half of a workspace into the other; only what the first sees lies outside.
    """
    needs, held = [], 0
    for layer, part in zip(schedule, flow.parts, strict=True):
        source, convolved, target = part.sizes
        n_in, n_out, reach = layer.source.channels, layer.target.channels, layer.kernel - 1
        before, after = source.pixels * n_in, convolved.pixels * n_out
        padded = (convolved.height + reach) * (convolved.width + reach)
        copies = padded * (n_in + _laid_out(n_in, device))
        copies += convolved.pixels * _laid_out(n_out, device)
        fine = target.pixels * layer.down**2
        filtering = _BUFFERS * min(values_at_once(device, fine), fine * n_out)
        if device.type == "cpu" and source.pixels > LARGE:
            held = held or before + 2 * largest_map(schedule, flow)
            strips = (copies + after) * 2 * strip_pixels(n_out, n_in) // convolved.pixels
            needs.append(held + strips + filtering)
        else:
            needs.append(before + after + max(copies, filtering + target.pixels * n_out))
    return _BYTES * max(needs)


def _laid_out(n_channels: int, device: torch.device) -> int:
    """Channels that a convolution sees."""
    return -(-n_channels // 16) * 16 if device.type == "cpu" else n_channels


def n_products(schedule: Sequence[LayerSpec], flow: Dataflow) -> int:
    """Multiplications of the convolutions of one window, by which the work is told."""
    return sum(
        part.sizes[1].pixels * layer.source.channels * layer.target.channels * layer.kernel**2
        for layer, part in zip(schedule, flow.parts, strict=True)
    )


class _Step(NamedTuple):
    """One layer along one axis."""

    source: Reach
    target: Reach
    convolved: int
    zeros: tuple[int, int]
    padding: tuple[int, int]


def _axis(schedule: Sequence[LayerSpec], pixels: Reach, grown: int | None) -> list[_Step]:
    steps = []
    for layer in reversed(schedule):
        end = None if grown is None else _end(layer.source, grown, schedule[-1].target.size)
        steps.append(_step(layer, pixels, end))
        pixels = steps[-1].source
    return steps[::-1]


def _end(signal: Signal, grown: int, side: int) -> int:
    """Samples along an axis that is `grown` pixels longer than the network's window of `side`."""
    return signal.size - (-grown * signal.rate // side)


def _step(layer: LayerSpec, target: Reach, end: int | None) -> _Step:
    """What a layer needs for samples of its target, where its source ends at `end`.

    Its source, convolved with `kernel - 1` zeros around it, is upsampled and padded; row t of the
    target sees rows t * down and as many more as both filters reach of that.
    """
    up, offset, kernel = layer.up, layer.padding.left, layer.kernel
    first = target.low * layer.down
    last = (target.high - 1) * layer.down + layer.up_taps + layer.down_taps - 2
    low, high = -((offset - first) // up), (last - offset) // up + 1
    if end is not None:
        low, high = max(low, 0), min(high, end + kernel - 1)
    before = low * up + offset - first
    after = last + 1 - first - (high - low) * up - before
    start, stop = low - kernel + 1, high
    source = Reach(start, stop) if end is None else Reach(max(start, 0), min(stop, end))
    zeros = source.low - start, stop - source.high
    return _Step(source, target, high - low, zeros, (before, after))
