"""Which windows make up an image that is larger than what the network renders.

Along each axis an assembly is a row of windows, each of which keeps an interval of the canvas; the
intervals follow each other without gap or overlap, so every pixel comes from one window. Where
windows lie depends on the canvas alone, so a region is the crop of the whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.registry import nearest
from anyres_bench.reference.dataflow import Dataflow

Windows = Literal["overlap", "official"]


class Span(NamedTuple):
    """A window along one axis, in canvas pixels: it starts at `start` and keeps [low, high)."""

    start: int
    low: int
    high: int


@dataclass(frozen=True)
class Piece:
    """A window to render, and what becomes of it.

    Attributes:
        window: what the network renders.
        source: the part of it that is kept.
        target: where that goes in the region that was asked for.
        flow: to what is rendered instead, on the plane that the window lies in.
    """

    window: Region
    source: Box
    target: Box
    flow: Dataflow | None = None


@dataclass(frozen=True)
class Tiling:
    """How canvases are cut into windows.

    Attributes:
        resolution: side of a window in pixels.
        assembly: "official" sets windows side by side and moves the last row and column inwards
            until they fit, and renders a region of a window's size by one window, wherever it
            lies. "overlap" spreads windows evenly so that neighbours overlap by twice the margin
            or more, and cuts them in the middle of that.
        margin: pixels at least from every cut between windows to the windows' edges.
        turn: whether the left and the right edge of a canvas meet.
    """

    resolution: int
    assembly: Windows = "overlap"
    margin: int = 0
    turn: bool = False

    def __post_init__(self) -> None:
        if self.assembly not in get_args(Windows):
            raise ConfigError(
                f"unknown assembly {self.assembly!r}; {nearest(self.assembly, get_args(Windows))}"
            )
        if not 0 <= 2 * self.margin < self.resolution:
            raise ConfigError(
                f"margin {self.margin} of a window of {self.resolution}; expected less than half"
            )

    @property
    def step(self) -> int:
        """The most that one window keeps between two others."""
        return self.resolution - 2 * self.margin

    def pieces(self, region: Region) -> list[Piece]:
        """The windows that make up a region, row by row."""
        if self.assembly == "official" and region.size == Size.square(self.resolution):
            whole = Box.whole(region.size)
            return [Piece(region, whole, whole)]
        canvas, (height, width) = region.canvas, region.size
        columns = list(self._between(canvas.width, region.left, region.left + width, self.turn))
        rows = self._between(canvas.height, region.top, region.top + height, False)
        return [self._piece(region, y, x) for y in rows for x in columns]

    def bands(self, canvas: Size) -> Iterator[Region]:
        """The canvas as full-width regions, one row of windows each, from top to bottom."""
        for span in self._row(canvas.height, False):
            yield Region(canvas, span.low, 0, Size(span.high - span.low, canvas.width))

    def _piece(self, region: Region, y: Span, x: Span) -> Piece:
        size = Size(y.high - y.low, x.high - x.low)
        start = x.start % region.canvas.width if self.turn else x.start
        return Piece(
            window=Region(region.canvas, y.start, start, Size.square(self.resolution)),
            source=Box(y.low - y.start, x.low - x.start, *size),
            target=Box(y.low - region.top, x.low - region.left, *size),
        )

    def _between(self, side: int, low: int, high: int, turn: bool) -> Iterator[Span]:
        """The windows that [low, high) needs, cut to it."""
        for span in self._endless(side, low, high, turn):
            if span.low < high and span.high > low:
                yield Span(span.start, max(span.low, low), min(span.high, high))

    def _endless(self, side: int, low: int, high: int, turn: bool) -> Iterator[Span]:
        """The row of windows, continued beyond the canvas as far as [low, high) reaches."""
        row = self._row(side, turn)
        if turn:
            for lap in range(low // side, -(-high // side)):
                for start, begin, end in row:
                    yield Span(start + lap * side, begin + lap * side, end + lap * side)
            return
        for i in range(low // self.step, 0):
            yield Span(i * self.step - self.margin, i * self.step, (i + 1) * self.step)
        yield from row
        for begin in range(side, high, self.step):
            yield Span(begin - self.margin, begin, begin + self.step)

    def _row(self, side: int, turn: bool) -> list[Span]:
        """The windows of one canvas axis; they keep [0, side)."""
        if turn and self.assembly == "overlap":
            n = -(-side // self.step)
            cuts = [i * side // n for i in range(n + 1)]
            return [
                Span((low + high - self.resolution) // 2, low, high)
                for low, high in itertools.pairwise(cuts)
            ]
        starts = self._starts(side)
        cuts = [0, *self._cuts(starts), side]
        return [Span(start, cuts[i], cuts[i + 1]) for i, start in enumerate(starts)]

    def _starts(self, side: int) -> list[int]:
        slack = side - self.resolution
        if self.assembly == "official":
            return [max(0, min(i, slack)) for i in range(0, side, self.resolution)]
        if slack <= 0:
            return [slack // 2]
        n = 1 + -(-slack // self.step)
        return [i * slack // (n - 1) for i in range(n)]

    def _cuts(self, starts: list[int]) -> list[int]:
        if self.assembly == "official":
            return starts[1:]
        return [(a + self.resolution + b) // 2 for a, b in itertools.pairwise(starts)]
