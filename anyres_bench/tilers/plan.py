"""What a tiler does to an image of one size, as data.

A `Plan` is made of integers and holds all that follows from (height, width):

    layers      the whole image at one size on one canvas, and the windows of it that are encoded.
                Most tilers have one layer of tiles, and some a second one that shows all of the
                image at once (thumbnail, base image); a canvas cut at several scales has more
    encoder     tokens of each picture that the encoder sees, one number a region, in its order
    grids       what the language model reads, in its order: rectangles of tokens, each of them with
                its place on a layer, and what is put after each row (newline, row break)
    decisions   the branch and the rounding that chose each number: what `explain` and `check` say

A plan of a size that a tiler cannot take is an `ImageError` with the reason. A size that the
published code lets through although a side becomes 0 is planned as it is: `tokens` is then 0 and
nothing can be cut.

A `Tiler` is a frozen dataclass of options with a `name`, so `dataclasses.replace` makes its
variants; `rivals` are the variants known to be confused with it.

Coordinates are continuous, (y, x), in pixels of what they lie on: pixel (0, 0) covers [0, 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.pixels import Pixels

Ints = NDArray[np.int64]
Role = Literal["tiles", "overview"]


def require(image: Size) -> None:
    """Check that an image has pixels.

    Raises:
        ImageError: a side is below 1 px.
    """
    if min(image) < 1:
        raise ImageError("empty", f"an image of {image} has no pixels; sides start at 1 px")


@dataclass(frozen=True, slots=True)
class Layer:
    """The whole image at one size on one canvas, and the windows of it that are encoded.

    Attributes:
        canvas: what is cut.
        resized: size of the image on the canvas; the rest is padding.
        top, left: where the image begins on the canvas.
        regions: windows of the canvas in the encoder's order; a window may reach outside.
        grid: rows and columns of the regions where they are a full mosaic, row by row; else (0, 0).
        role: "overview" where one window shows all of the image beside finer layers.
        via: sizes that the image is resized to first, one after the other.
    """

    canvas: Size
    resized: Size
    top: int
    left: int
    regions: tuple[Region, ...]
    grid: Size
    role: Role = "tiles"
    via: tuple[Size, ...] = ()

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """Padded rows and columns: top, left, bottom, right."""
        bottom = self.canvas.height - self.resized.height - self.top
        return self.top, self.left, bottom, self.canvas.width - self.resized.width - self.left


@dataclass(frozen=True, slots=True)
class Axis:
    """Tokens along one axis of a rectangle of tokens.

    Cells are what the encoder makes of a tile, `cells` a tile of `cell` pixels each; the pixels
    that are left at a tile's end are seen by no cell. Tokens are cells, or, where the mosaic was
    pooled, equal shares of `span` cells.

    Attributes:
        n: tokens.
        first: the first cell covered, counted over all tiles.
        span: cells covered; `n` where nothing was pooled.
        cells: cells a tile.
        tile: pixels a tile.
        cell: pixels a cell.
        start: where the first tile begins on the canvas.
    """

    n: int
    first: int
    span: int
    cells: int
    tile: int
    cell: int
    start: int = 0

    @classmethod
    def plain(cls, n: int, cell: int, start: int = 0) -> Axis:
        """`n` tokens of `cell` pixels, one after the other."""
        return cls(n, 0, n, n, n * cell, cell, start)

    def edges(self) -> NDArray[np.float64]:
        """Where each token begins and ends on the canvas, (n, 2) pixels."""
        at = self.first + np.arange(self.n + 1) * (self.span / max(self.n, 1))
        begin, end = np.floor(at[:-1] / self.cells), np.ceil(at[1:] / self.cells) - 1
        tiles = np.stack([begin, end], axis=1)
        inside = np.stack([at[:-1], at[1:]], axis=1) - tiles * self.cells
        return np.asarray(self.start + tiles * self.tile + inside * self.cell, np.float64)


@dataclass(frozen=True, slots=True)
class TokenGrid:
    """A rectangle of tokens that the language model reads row by row.

    Attributes:
        layer: index of the layer that it lies on.
        region: index among the plan's regions; None where it spans all regions of the layer.
        rows, columns: its two axes.
        separators: tokens put after each row (a newline, a row break); they have no place.
        end: tokens put after the last row, likewise.
        merge: encoder tokens that one cell was made of, along each axis.
        pool: how an axis with fewer tokens than cells was pooled.
    """

    layer: int
    region: int | None
    rows: Axis
    columns: Axis
    separators: int = 0
    end: int = 0
    merge: int = 1
    pool: Literal["bilinear", "max"] = "bilinear"

    @property
    def tokens(self) -> int:
        """Tokens with the separators."""
        return self.rows.n * (self.columns.n + self.separators) + self.end


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice of a tiler.

    Attributes:
        step: what was chosen: "canvas", "grid", "resize", "unpad", "pool", ...
        branch: the branch that was taken.
        rounding: how the numbers were made whole, such as "half-even"; "" where none was.
        values: the numbers that decided, by name.
    """

    step: str
    branch: str
    rounding: str = ""
    values: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a tiler does to an image of one size.

    Attributes:
        tiler: name of the tiler.
        image: size of the image.
        layers: in the encoder's order.
        patch: side of the encoder's patches, px.
        encoder: encoder tokens of each region, in the order of `regions`.
        grids: what the language model reads, in its order; empty where the tiler announces a
            number of tokens that no layout has.
        tokens: tokens of the image for the language model, separators counted.
        markers: text tokens that frame the image, not counted in `tokens`.
        windows: lengths of the encoder's attention windows; empty where attention is global.
        filter_name: how the image is resized, a filter of `anyres_bench.data.pixels`.
        fill: grey level of the padding.
    """

    tiler: str
    image: Size
    layers: tuple[Layer, ...]
    patch: int
    encoder: tuple[int, ...]
    grids: tuple[TokenGrid, ...]
    tokens: int
    decisions: tuple[Decision, ...]
    markers: int = 0
    windows: tuple[int, ...] = ()
    filter_name: str = "bicubic"
    fill: int = 0

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Every window that is encoded, in the encoder's order, each on its layer's canvas."""
        return tuple(region for layer in self.layers for region in layer.regions)

    @property
    def main(self) -> Layer:
        """The layer of tiles that decides; where there are several, the coarsest."""
        return next((x for x in self.layers if x.role == "tiles"), self.layers[0])

    @property
    def canvas(self) -> Size:
        """Canvas of the main layer."""
        return self.main.canvas

    @property
    def resized(self) -> Size:
        """Size of the image on the main layer."""
        return self.main.resized

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """Padding of the main layer: top, left, bottom, right."""
        return self.main.padding

    @property
    def grid(self) -> Size:
        """Rows and columns of the main layer's tiles."""
        return self.main.grid

    @property
    def encoder_tokens(self) -> int:
        """Tokens of all pictures that the encoder sees."""
        return sum(self.encoder)


@dataclass(frozen=True)
class Listing:
    """The numbers of many plans, in order; -1 throughout where a size is refused.

    Attributes:
        grid, canvas, resized, offset: (n, 2) of the main layer, (height, width) or (top, left).
        regions, encoder_tokens, tokens: (n,).
    """

    grid: Ints
    canvas: Ints
    resized: Ints
    offset: Ints
    regions: Ints
    encoder_tokens: Ints
    tokens: Ints

    @property
    def refused(self) -> NDArray[np.bool_]:
        """Sizes that the tiler cannot take, (n,)."""
        return self.tokens < 0


class Tiler(Protocol):
    """(height, width) to a plan; a frozen dataclass of options.

    Attributes:
        native: whether the encoder sees one picture near the image's own size, cut into patches
            alone; engines then call the rows and columns of its patches the grid.
    """

    native: ClassVar[bool]

    @property
    def name(self) -> str:
        """How the tiler and its options are written."""
        ...

    @property
    def patch(self) -> int:
        """Side of the encoder's patches, px."""
        ...

    def plan(self, image: Size) -> Plan:
        """What is done to an image of this size.

        Raises:
            ImageError: the tiler cannot take it; `reason` says why in a word.
        """
        ...

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """The numbers of the plans of many sizes, equal to `plan`'s to the last bit."""
        ...

    def rivals(self) -> Mapping[str, Tiler]:
        """Variants that are known to be confused with this one; the key says what they do."""
        ...


@runtime_checkable
class ContentTiler(Tiler, Protocol):
    """A tiler that looks at the image; without one, `plan` takes it to have no detail."""

    def plan_image(self, pixels: Pixels) -> Plan:
        """What is done to this (h, w, 3) uint8 image; raises as `plan`."""
        ...
