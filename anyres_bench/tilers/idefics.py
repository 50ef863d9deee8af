"""Idefics3 and SmolVLM: two resizes in a row, squares of the encoder's size, then the whole image.

The longer side is brought to `longest_edge`, the other is made even; then both are brought up to
multiples of the tile, so every picture is resized twice and its aspect changes twice.

Source: transformers 5.23.0, `idefics3` and `smolvlm` (read, no golden).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.layouts import columns_of, mosaic, overview, per_region
from anyres_bench.tilers.plan import Decision, Ints, Layer, Listing, Plan, Tiler, require

_MAX_SIDE = 4096  # px, of any picture before it is split


@dataclass(frozen=True)
class Idefics:
    """Tiles row by row, then the whole image.

    Attributes:
        tile: side of a tile, px.
        longest_edge: of the image before it is split, px.
        patch: side of the encoder's patch, px.
        merge: encoder tokens a language-model token takes along each axis (pixel shuffle).
        split: whether the image is split at all.
    """

    native: ClassVar[bool] = False

    name: str = "idefics3"
    tile: int = 364
    longest_edge: int = 1456
    patch: int = 14
    merge: int = 2
    split: bool = True

    def __post_init__(self) -> None:
        if min(self.tile, self.longest_edge, self.patch, self.merge) < 1 or (
            self.tile % (self.patch * self.merge)
        ):
            raise ConfigError(
                f"{self.name}: a tile of {self.tile} px is no multiple of a token's "
                f"{self.patch * self.merge} px, or a size is below 1"
            )

    @property
    def side(self) -> int:
        """Language-model tokens along a tile's side."""
        return self.tile // self.patch // self.merge

    def plan(self, image: Size) -> Plan:
        """See `Tiler.plan`."""
        require(image)
        first = self._longest(image)
        canvas = self._multiples(first)
        grid = Size(canvas.height // self.tile, canvas.width // self.tile)
        tile = Size.square(self.tile)
        whole = overview(tile, via=(first, canvas) if self.split else (first,))
        split = self.split and grid.pixels > 1
        layers: tuple[Layer, ...] = (mosaic(grid, tile, via=(first,)), whole) if split else (whole,)
        n = sum(len(layer.regions) for layer in layers)
        branch = "width leads" if image.width >= image.height else "height leads"
        values = (("height", float(first.height)), ("width", float(first.width)))
        return Plan(
            tiler=self.name,
            image=image,
            layers=layers,
            patch=self.patch,
            encoder=((self.tile // self.patch) ** 2,) * n,
            grids=per_region(layers, self.side, self.patch * self.merge, self.merge),
            tokens=n * self.side**2,
            decisions=(
                Decision("longest edge", branch, "truncate, then up to even", values),
                Decision("grid", "split" if split else "one picture", "ceil"),
            ),
            markers=grid.height * (2 * grid.width + 1) + 4 if split else 3,
            filter_name="lanczos",
        )

    def _longest(self, image: Size) -> Size:
        """The longer side at its length, the other in proportion and even; never over 4096."""
        aspect, longest = image.width / image.height, self.longest_edge
        if image.width >= image.height:
            size = Size(max(_even(int(longest / aspect)), 1), longest)
        else:
            size = Size(longest, max(_even(int(longest * aspect)), 1))
        if size.longer <= _MAX_SIDE:
            return size
        aspect = size.width / size.height
        if size.width >= size.height:
            return Size(max(int(_MAX_SIDE / aspect), 1), _MAX_SIDE)
        return Size(_MAX_SIDE, max(int(_MAX_SIDE * aspect), 1))

    def _multiples(self, size: Size) -> Size:
        """Both sides up to multiples of the tile; the shorter follows the longer's change."""
        aspect, tile = size.width / size.height, self.tile
        if size.width >= size.height:
            width = -(-size.width // tile) * tile
            return Size(-(-int(width / aspect) // tile) * tile, width)
        height = -(-size.height // tile) * tile
        return Size(height, -(-int(height * aspect) // tile) * tile)

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """See `Tiler.listing`."""
        sides = columns_of(heights, widths)
        wide = sides[:, 1] >= sides[:, 0]
        canvas = self._multiples_many(self._longest_many(sides, wide))
        grid = canvas // self.tile
        split = self.split & (grid.prod(axis=1) > 1)
        grid = np.where(split[:, None], grid, 1)
        regions = np.where(split, grid.prod(axis=1) + 1, 1)
        return Listing(
            grid=grid,
            canvas=grid * self.tile,
            resized=grid * self.tile,
            offset=np.zeros_like(grid),
            regions=regions,
            encoder_tokens=regions * (self.tile // self.patch) ** 2,
            tokens=regions * self.side**2,
        )

    def _longest_many(self, sides: Ints, wide: NDArray[np.bool_]) -> Ints:
        aspect, longest = sides[:, 1] / sides[:, 0], self.longest_edge
        other = np.where(wide, longest / aspect, longest * aspect).astype(np.int64)
        other = np.maximum(other + other % 2, 1)
        size = _by(wide, np.full_like(other, longest), other)
        if longest <= _MAX_SIDE:
            return size
        aspect = size[:, 1] / size[:, 0]
        wide = size[:, 1] >= size[:, 0]
        other = np.where(wide, _MAX_SIDE / aspect, _MAX_SIDE * aspect).astype(np.int64)
        return _by(wide, np.full_like(other, _MAX_SIDE), np.maximum(other, 1))

    def _multiples_many(self, size: Ints) -> Ints:
        aspect, tile = size[:, 1] / size[:, 0], self.tile
        wide = size[:, 1] >= size[:, 0]
        longer = -(-np.where(wide, size[:, 1], size[:, 0]) // tile) * tile
        other = np.where(wide, longer / aspect, longer * aspect).astype(np.int64)
        return _by(wide, longer, -(-other // tile) * tile)

    def rivals(self) -> Mapping[str, Tiler]:
        """See `Tiler.rivals`."""
        return {"never split" if self.split else "split": replace(self, split=not self.split)}


def _even(n: int) -> int:
    return n + n % 2


def _by(wide: NDArray[np.bool_], longer: Ints, shorter: Ints) -> Ints:
    """(height, width) of longer and shorter sides."""
    height, width = np.where(wide, shorter, longer), np.where(wide, longer, shorter)
    return np.stack([height, width], axis=1)


IDEFICS3 = Idefics()
SMOLVLM = Idefics(name="smolvlm", tile=512, longest_edge=2048, patch=16, merge=4)
