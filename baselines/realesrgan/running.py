"""Two ways to run a Real-ESRGAN network on an image of any size, besides the published one.

exact       bands of rows through all layers at once: the result of the whole image, in memory that
            grows with its width only
tiled       columns of the image, each run like `exact`, with a halo of 64 px beside it: memory does
            not grow; how far neighbours disagree where they meet is measured and bounded
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anyres_bench.baselines.realesrgan.network import (
    RRDB,
    DenseBlock,
    Network,
    RRDBNet,
    SRVGGNetCompact,
    leaky,
)
from anyres_bench.baselines.realesrgan.published import cut, grow, inside, reflect, scaled
from anyres_bench.core.errors import ConfigError, GeneratorError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.core.reporting import detail

MAX_SEAM = 0.5  # grey levels of 255 by which two columns may disagree where they meet
BAND = 32  # input rows at a time; divisible by every fold
TAIL = 2  # trunk pixels on every side that the layers behind the trunk reach


# Bands of rows through all layers.


class _Waiting:
    """Rows that wait until the layers beside them have caught up."""

    def __init__(self) -> None:
        self.rows: Tensor | None = None

    def __call__(self, rows: Tensor, n: int) -> Tensor:
        """Append rows and take the first `n` of all that wait."""
        rows = rows if self.rows is None else torch.cat([self.rows, rows], 2)
        self.rows = rows[:, :, n:].clone()
        return rows[:, :, :n]


class _ConvRows:
    """A 3x3 convolution that is fed band after band; its output lags one row behind."""

    def __init__(self, conv: nn.Module) -> None:
        assert isinstance(conv, nn.Conv2d)
        self.conv = conv
        self.kept: Tensor | None = None

    def __call__(self, rows: Tensor, last: bool) -> Tensor:
        border = rows.new_zeros(*rows.shape[:2], 1, rows.shape[3])
        bands = [border if self.kept is None else self.kept, rows]
        rows = torch.cat([*bands, border] if last else bands, 2)
        self.kept = rows[:, :, -2:].clone()
        if rows.shape[2] < 3:
            return rows.new_empty(len(rows), self.conv.out_channels, 0, rows.shape[3])
        return F.conv2d(rows, self.conv.weight, self.conv.bias, padding=(0, 1))


class _DenseRows:
    def __init__(self, block: DenseBlock) -> None:
        self.convs = [_ConvRows(conv) for conv in block.convs]
        self.waiting = [_Waiting() for _ in self.convs]

    def __call__(self, x: Tensor, last: bool) -> Tensor:
        seen = x
        for conv, waiting in zip(self.convs[:-1], self.waiting, strict=False):
            grown = leaky(conv(seen, last))
            seen = torch.cat([waiting(seen, grown.shape[2]), grown], 1)
        y = self.convs[-1](seen, last)
        return y * 0.2 + self.waiting[-1](x, y.shape[2])


class _RRDBRows:
    def __init__(self, block: nn.Module) -> None:
        assert isinstance(block, RRDB)
        self.blocks = [_DenseRows(dense) for dense in (block.rdb1, block.rdb2, block.rdb3)]
        self.waiting = _Waiting()

    def __call__(self, x: Tensor, last: bool) -> Tensor:
        y = x
        for block in self.blocks:
            y = block(y, last)
        return y * 0.2 + self.waiting(x, y.shape[2])


class Crop:
    """The rows and columns of a box, of everything that is fed band after band."""

    def __init__(self, box: Box) -> None:
        self.box, self.row = box, 0

    def __call__(self, rows: Tensor) -> Tensor:
        n = rows.shape[2]
        first, end = (min(max(edge - self.row, 0), n) for edge in (self.box.top, self.box.bottom))
        self.row += n
        return rows[:, :, first:end, self.box.left : self.box.right]


class RRDBNetRows:
    def __init__(self, network: RRDBNet, needed: Box) -> None:
        self.fold = network.fold
        self.crop = Crop(scaled(needed, 1, network.fold))
        self.first, self.conv_body = _ConvRows(network.conv_first), _ConvRows(network.conv_body)
        self.blocks = [_RRDBRows(block) for block in network.body]
        self.ups = [_ConvRows(network.conv_up1), _ConvRows(network.conv_up2)]
        self.hr, self.last = _ConvRows(network.conv_hr), _ConvRows(network.conv_last)
        self.waiting = _Waiting()

    def __call__(self, rows: Tensor, last: bool) -> Tensor:
        first = self.first(F.pixel_unshuffle(rows, self.fold), last)
        x = first
        for block in self.blocks:
            x = block(x, last)
        x = self.conv_body(x, last)
        x = self.crop(x + self.waiting(first, x.shape[2]))
        for conv in self.ups:
            x = leaky(conv(x.repeat_interleave(2, 2).repeat_interleave(2, 3), last))
        return self.last(leaky(self.hr(x, last)), last)


class _CompactRows:
    def __init__(self, network: SRVGGNetCompact) -> None:
        self.scale = network.scale
        self.layers = [
            _ConvRows(layer) if isinstance(layer, nn.Conv2d) else layer for layer in network.body
        ]
        self.waiting = _Waiting()

    def __call__(self, rows: Tensor, last: bool) -> Tensor:
        y = rows
        for layer in self.layers:
            y = layer(y, last) if isinstance(layer, _ConvRows) else layer(y)
        below = self.waiting(rows, y.shape[2])
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
        run: Callable[[Tensor, bool], Tensor] = RRDBNetRows(network, needed)
    else:
        run, needed = _CompactRows(network), Box.whole(whole)
    inner = Box(box.top - needed.top, box.left - needed.left, box.height, box.width)
    crop = Crop(scaled(inner, network.scale))
    bands = torch.split(image, BAND, dim=2)
    for i, band in enumerate(bands):
        rows = crop(run(band, i == len(bands) - 1))
        if rows.shape[2]:
            yield rows


# A part of an image, by each of the three ways.


@dataclass(frozen=True)
class Exact:
    """The network's result on the whole image, from as much of it as the part depends on."""

    @property
    def id(self) -> str:
        """Names the way."""
        return "exact"

    def window(self, network: Network, image: Size, box: Box) -> Box:
        """The pixels of the image that a box of it depends on."""
        return grow(box, network.halo, image, network.fold)

    def __call__(
        self, network: Network, pixels: Tensor, image: Size, window: Box, box: Box
    ) -> Tensor:
        """Enlarge a box of an image.

        Args:
            network: any of the networks.
            pixels: (n, c, h, w) RGB in [0, 1], the pixels `window`.
            image: size of the whole image.
            window: at least what the method of that name says.
            box: the part to give.

        Returns:
            (n, c, box.height scale, box.width scale), not clamped.
        """
        folded = reflect_to(pixels, network.fold)
        return torch.cat(list(run_rows(network, folded, inside(box, window))), 2)


@dataclass(frozen=True)
class Tiled:
    """Columns of the image one after the other: memory does not grow with the image.

    Attributes:
        tile: width of a column in input pixels.
        halo: pixels of its neighbours that a column also sees. A network whose own halo is
            smaller is exact.
    """

    tile: int = 512
    halo: int = 64

    def __post_init__(self) -> None:
        if self.tile < 16 or self.halo < 1:
            raise ConfigError(
                f"columns of {self.tile} px with a halo of {self.halo} px; a column has at least "
                "16 px, a halo at least 1"
            )

    @property
    def id(self) -> str:
        """Names the way."""
        return f"tiled{self.tile}+{self.halo}"

    def columns(self, image: Size, box: Box) -> list[Box]:
        """The columns that a box touches, at the height of the box."""
        n = -(-image.width // self.tile)
        edges = [4 * round(i * image.width / n / 4) for i in range(n)] + [image.width]
        return [
            Box(box.top, left, box.height, right - left)
            for left, right in pairwise(edges)
            if left < box.right and right > box.left
        ]

    def seen(self, network: Network, image: Size, column: Box) -> Box:
        """The pixels that a column is made from: exact rows above and below, a halo beside."""
        tall = grow(column, network.halo, image, network.fold)
        # one more than the network's own halo, for the comparison with the neighbour
        wide = grow(column, min(self.halo, network.halo + 1), image, network.fold)
        return Box(tall.top, wide.left, tall.height, wide.width)

    def window(self, network: Network, image: Size, box: Box) -> Box:
        """The pixels of the image that a box of it depends on."""
        seen = [self.seen(network, image, column) for column in self.columns(image, box)]
        width = seen[-1].right - seen[0].left
        return Box(seen[0].top, seen[0].left, seen[0].height, width)

    def __call__(
        self, network: Network, pixels: Tensor, image: Size, window: Box, box: Box
    ) -> Tensor:
        """As `Exact`; how far columns differ where they meet is told as a detail.

        Raises:
            GeneratorError: two columns disagree by more than `MAX_SEAM` where they meet.
        """
        enlarged, seam = self.measured(network, pixels, image, window, box)
        detail(f"columns differ by at most {seam:.3f} grey levels where they meet")
        if seam > MAX_SEAM:
            raise GeneratorError(
                f"{self.id}: two columns differ by {seam:.2f} grey levels where they meet, more "
                f"than {MAX_SEAM}; choose a larger halo, or the mode exact"
            )
        return enlarged

    def measured(
        self, network: Network, pixels: Tensor, image: Size, window: Box, box: Box
    ) -> tuple[Tensor, float]:
        """The enlarged box, and the largest disagreement of columns in grey levels of 255.

        Both columns at a seam also make the other's last pixels. Those are nearer to the end of
        what a column sees than any pixel that is kept, so nothing that is kept is worse off.
        """
        parts, seam = [], 0.0
        previous: Tensor | None = None
        for column in self.columns(image, box):
            seen = self.seen(network, image, column)
            shown = grow(column, 1, image)  # one pixel more on each side, to compare
            shown = Box(column.top, shown.left, column.height, shown.width)
            source = reflect_to(cut(pixels, inside(seen, window)), network.fold)
            rows = torch.cat(list(run_rows(network, source, inside(shown, seen))), 2)
            if previous is not None:
                both = (previous.clamp(0, 1) - rows[..., : previous.shape[-1]].clamp(0, 1)).abs()
                seam = max(seam, 255 * float(both.max()))
            previous = rows[..., -2 * network.scale :]
            parts.append(cut(rows, inside(_overlap(column, box), shown), network.scale))
        return torch.cat(parts, 3), seam


def _overlap(column: Box, box: Box) -> Box:
    left, right = max(column.left, box.left), min(column.right, box.right)
    return Box(column.top, left, column.height, right - left)


def reflect_to(pixels: Tensor, fold: int) -> Tensor:
    """Reflected at the right and bottom until the sides are divisible."""
    return reflect(pixels, Size(*(-(-side // fold) * fold for side in pixels.shape[2:])))
