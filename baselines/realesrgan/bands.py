"""A Real-ESRGAN network over bands of rows.

Every layer keeps the few rows that its next band needs, so nothing but the first convolution, which
is cheap, is computed twice. What all blocks of the large network keep is as much as 1,587 rows of
its trunk: a trunk of fewer is kept whole instead, and blocks run one after the other in its place.
More rows run through all blocks at once, so memory does not grow with the height. On a CPU the
channels of a pixel lie together, which convolves faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anyres_bench.baselines.realesrgan.network import (
    RRDB,
    DenseBlock,
    Network,
    RRDBNet,
    SRVGGNetCompact,
    enlarge,
    leaky,
)
from anyres_bench.baselines.realesrgan.published import grow, scaled
from anyres_bench.core.geometry import Box, Size

BAND = 32  # input rows at a time; divisible by every fold
TAIL_BAND = 8  # rows of the trunk at a time, behind it
Bands = Iterator[tuple[Tensor, bool]]  # rows, and whether they are the last
TAIL = 2  # trunk pixels on every side that the layers behind the trunk reach


def _room(like: Tensor, channels: int, rows: int) -> Tensor:
    """Room for rows as wide as others, (n, channels, rows, w)."""
    layout = torch.channels_last if like.is_cpu else torch.contiguous_format
    shape = (len(like), channels, rows, like.shape[3])
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout)


def _joined(parts: list[Tensor]) -> Tensor:
    """Rows one below the other; empty ones would lose the layout."""
    full = [part for part in parts if part.shape[2]]
    return torch.cat(full, 2) if len(full) > 1 else (full or parts)[0]


def _convolved(rows: Tensor, conv: nn.Conv2d) -> Tensor:
    """The rows that have a row above and below them."""
    if rows.shape[2] < 3:
        return _room(rows, conv.out_channels, 0)
    return F.conv2d(rows, conv.weight, conv.bias, padding=(0, 1))


class _Waiting:
    """Rows that wait until the layers beside them have caught up."""

    def __init__(self) -> None:
        self.rows: Tensor | None = None

    @property
    def n_rows(self) -> int:
        """How many wait."""
        return 0 if self.rows is None else self.rows.shape[2]

    def add(self, rows: Tensor) -> None:
        """Append rows."""
        self.rows = rows if self.rows is None else _joined([self.rows, rows])

    def take(self, n: int) -> Tensor:
        """The first `n` of all that wait."""
        assert self.rows is not None
        taken, self.rows = self.rows[:, :, :n], self.rows[:, :, n:].clone()
        return taken


class _ConvRows:
    """A 3x3 convolution that is fed band after band; its output lags one row behind."""

    def __init__(self, conv: nn.Module) -> None:
        assert isinstance(conv, nn.Conv2d)
        self.conv = conv
        self.kept: Tensor | None = None

    def __call__(self, rows: Tensor, last: bool) -> Tensor:
        border = _room(rows, rows.shape[1], 1).zero_()
        bands = [border if self.kept is None else self.kept, rows]
        rows = _joined([*bands, border] if last else bands)
        self.kept = rows[:, :, -2:].clone()
        return _convolved(rows, self.conv)


class _DenseRows:
    """A dense block that is fed band after band; its output lags a row a convolution behind.

    All that its convolutions see lies in the channels of one tensor, whose last rows are kept once
    for all of them.
    """

    def __init__(self, block: DenseBlock) -> None:
        self.convs = block.convs
        self.row = 0  # of the image, at which the next band begins
        self.kept: Tensor | None = None

    def __call__(self, x: Tensor, last: bool) -> Tensor:
        above, (channels, h) = len(self.convs) + 1, x.shape[1:3]
        seen = _room(x, self.convs[-1].in_channels, above + h + last)
        seen[:, :, :above] = 0 if self.kept is None else self.kept
        seen[:, :channels, above : above + h] = x
        if last:
            seen[:, :, -1] = 0
        y, own = x, slice(0, 0)
        for lag, conv in enumerate(self.convs, 1):
            first = above - min(lag, self.row)
            own = slice(first, max(first, above + h - (0 if last else lag)))
            y = _convolved(seen[:, : conv.in_channels, own.start - 1 : own.stop + 1], conv)
            if lag < len(self.convs):
                grown = slice(conv.in_channels, conv.in_channels + conv.out_channels)
                seen[:, grown, own] = leaky(y)
        self.kept = seen[:, :, h : h + above].clone()
        self.row += h
        return y * 0.2 + seen[:, :channels, own]


class _RRDBRows:
    def __init__(self, block: nn.Module) -> None:
        assert isinstance(block, RRDB)
        self.blocks = [_DenseRows(dense) for dense in (block.rdb1, block.rdb2, block.rdb3)]
        self.waiting = _Waiting()

    def __call__(self, x: Tensor, last: bool) -> Tensor:
        self.waiting.add(x)
        y = x
        for block in self.blocks:
            y = block(y, last)
        return y * 0.2 + self.waiting.take(y.shape[2])


class Crop:
    """The rows and columns of a box, of everything that is fed band after band."""

    def __init__(self, box: Box) -> None:
        self.box, self.row = box, 0

    def __call__(self, rows: Tensor) -> Tensor:
        n = rows.shape[2]
        first, end = (min(max(edge - self.row, 0), n) for edge in (self.box.top, self.box.bottom))
        self.row += n
        return rows[:, :, first:end, self.box.left : self.box.right]


def _banded(rows: Tensor) -> Bands:
    """Rows, a band at a time."""
    bands = torch.split(rows, BAND, dim=2)
    return ((band, i == len(bands)) for i, band in enumerate(bands, 1))


def _fed(bands: Bands, layer: Callable[[Tensor, bool], Tensor], most: int) -> Bands:
    """What a layer makes of bands, fed some rows at a time.

    At the end every layer gives the rows that it lagged behind; all of them at once, they would be
    a large part of the image.
    """
    for rows, last in bands:
        parts = torch.split(rows, most, dim=2)
        for part in parts:
            ends = last and part is parts[-1]
            yield layer(part, ends), ends


class _Tail:
    """What lies behind the trunk, where a row is sixteen times as large."""

    def __init__(self, network: RRDBNet) -> None:
        self.ups = [_ConvRows(network.conv_up1), _ConvRows(network.conv_up2)]
        self.hr, self.last = _ConvRows(network.conv_hr), _ConvRows(network.conv_last)

    def __call__(self, x: Tensor, last: bool) -> Tensor:
        if not x.shape[2]:  # none yet, or none any more that the box needs
            return _room(x.repeat_interleave(4, 3), self.last.conv.out_channels, 0)
        for conv in self.ups:
            x = leaky(conv(enlarge(x, 2), last))
        return self.last(leaky(self.hr(x, last)), last)


def _rrdbnet_rows(network: RRDBNet, image: Tensor, needed: Box) -> Bands:
    """What the rows and columns of a box become."""
    height = image.shape[2] // network.fold
    is_tall = network.conv_body.in_channels * height > sum(_n_kept(b) for b in network.body)
    if is_tall:
        bands = _first(network, image)
        for block in network.body:
            bands = _fed(bands, _RRDBRows(block), BAND)
    else:
        bands = _block_by_block(network.body, _first(network, image), height)
    bands = _fed(bands, _ConvRows(network.conv_body), BAND)
    crop = Crop(scaled(needed, 1, network.fold))
    return _fed(_skipped(bands, _first(network, image), crop), _Tail(network), TAIL_BAND)


def _n_kept(block: nn.Module) -> int:
    """Numbers of a column that the layers of a block keep from band to band."""
    assert isinstance(block, RRDB)
    dense = [one.convs for one in (block.rdb1, block.rdb2, block.rdb3)]
    seen = sum((len(convs) + 1) * convs[-1].in_channels for convs in dense)
    return seen + sum(map(len, dense)) * dense[0][0].in_channels


def _block_by_block(blocks: nn.Sequential, bands: Bands, height: int) -> Bands:
    """What blocks make of all rows, one after the other in the place of the rows before it."""
    trunk: Tensor | None = None
    for block in blocks:
        row = 0
        for rows, _ in _fed(bands, _RRDBRows(block), BAND):
            trunk = _room(rows, rows.shape[1], height) if trunk is None else trunk
            trunk[:, :, row : row + rows.shape[2]] = rows
            row += rows.shape[2]
        assert trunk is not None
        bands = _banded(trunk)
    yield from bands


def _first(network: RRDBNet, image: Tensor) -> Bands:
    """What enters the trunk, and is made anew where it is added to what leaves it."""
    layer = _ConvRows(network.conv_first)
    for rows, last in _banded(image):
        yield layer(F.pixel_unshuffle(rows, network.fold), last), last


def _skipped(bands: Bands, entering: Bands, crop: Crop) -> Bands:
    """What is needed of the trunk's result, with what entered it."""
    waiting = _Waiting()
    waiting.add(next(entering)[0])
    for x, last in bands:
        while waiting.n_rows < x.shape[2]:
            waiting.add(next(entering)[0])
        yield crop(x + waiting.take(x.shape[2])), last


class _CompactRows:
    def __init__(self, network: SRVGGNetCompact) -> None:
        self.scale = network.scale
        self.layers = [
            _ConvRows(layer) if isinstance(layer, nn.Conv2d) else layer for layer in network.body
        ]
        self.waiting = _Waiting()

    def __call__(self, rows: Tensor, last: bool) -> Tensor:
        self.waiting.add(rows)
        y = rows
        for layer in self.layers:
            y = layer(y, last) if isinstance(layer, _ConvRows) else layer(y)
        below = self.waiting.take(y.shape[2])
        below = below.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)
        n, c, h, w = below.shape
        return y.new_empty(n, c, 0, w) if h == 0 else F.pixel_shuffle(y, self.scale) + below


def run_rows(network: Network, image: Tensor, box: Box | None = None) -> Iterator[Tensor]:
    """Enlarge exactly as the network enlarges the whole image, band after band.

    Args:
        network: any of the networks.
        image: (n, c, h, w) RGB in [0, 1], sides divisible by the network's `fold`.
        box: the part of the image to give, in input pixels; all of it when None.

    Yields:
        Consecutive bands (n, c, any, box.width scale), not clamped.
    """
    whole = Size(*image.shape[2:])
    box = box or Box.whole(whole)
    # behind the trunk, only what the box needs goes on
    needed = grow(box, TAIL * network.fold, whole, network.fold)
    if isinstance(network, RRDBNet):
        bands = _rrdbnet_rows(network, image, needed)
    else:
        bands, needed = _fed(_banded(image), _CompactRows(network), BAND), Box.whole(whole)
    inner = Box(box.top - needed.top, box.left - needed.left, box.height, box.width)
    crop = Crop(scaled(inner, network.scale))
    for band, _ in bands:
        rows = crop(band)
        if rows.shape[2]:
            yield rows


def enlarged(network: Network, image: Tensor, box: Box | None = None) -> Tensor:
    """All bands of `run_rows`, one below the other: (n, c, box.height scale, box.width scale)."""
    height, row = (box.height if box else image.shape[2]) * network.scale, 0
    made: Tensor | None = None
    for rows in run_rows(network, image, box):
        made = _room(rows, rows.shape[1], height) if made is None else made
        made[:, :, row : row + rows.shape[2]] = rows
        row += rows.shape[2]
    assert made is not None
    return made
