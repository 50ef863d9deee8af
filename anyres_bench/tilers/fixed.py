"""Encoders that make a fixed number of tokens of any image: FastVLM and ViTAR.

Source: FastVLM (Vasu et al., CVPR 2025); ViTAR (Fan et al., 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.layouts import columns_of, one_rectangle, single, single_listing
from anyres_bench.tilers.plan import Decision, Ints, Listing, Plan, Tiler, require
from anyres_bench.tilers.rounding import ROUND


@dataclass(frozen=True)
class FastVLM:
    """One square picture, however large: the encoder alone shrinks it, 64 px a token.

    Attributes:
        side: of the square, px.
        stride: pixels a token along each axis.
        shape: "pad" keeps the aspect, black around the middle; "squash" does not.
    """

    native: ClassVar[bool] = True

    name: str = "fastvlm"
    side: int = 1024
    stride: int = 64
    shape: Literal["pad", "squash"] = "pad"

    def __post_init__(self) -> None:
        if self.stride < 1 or self.side < self.stride or self.side % self.stride:
            raise ConfigError(
                f"{self.name}: side {self.side} px is no multiple of the stride {self.stride} px"
            )
        if self.shape not in ("pad", "squash"):
            raise ConfigError(f"{self.name}: shape {self.shape} is neither pad nor squash")

    def plan(self, image: Size) -> Plan:
        """See `Tiler.plan`."""
        require(image)
        canvas, resized = Size.square(self.side), self._fitted(image)
        top, left = (self.side - resized.height) // 2, (self.side - resized.width) // 2
        layer = replace(single(canvas), resized=resized, top=top, left=left)
        tokens = Size.square(self.side // self.stride)
        return Plan(
            tiler=self.name,
            image=image,
            layers=(layer,),
            patch=self.stride,
            encoder=(tokens.pixels,),
            grids=one_rectangle(tokens, self.stride),
            tokens=tokens.pixels,
            decisions=(Decision("resize", self.shape, "half-even"),),
        )

    @property
    def patch(self) -> int:
        """Pixels of a token along each axis."""
        return self.stride

    def _fitted(self, image: Size) -> Size:
        if self.shape == "squash":
            return Size.square(self.side)
        return Size(*(max(1, round(side * self.side / image.longer)) for side in image))

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """See `Tiler.listing`."""
        sides = columns_of(heights, widths)
        resized = np.full_like(sides, self.side)
        if self.shape == "pad":
            share = sides * self.side / sides.max(axis=1, keepdims=True)
            resized = np.maximum(1, np.rint(share).astype(np.int64))
        one = np.ones(len(sides), np.int64)
        n = one * (self.side // self.stride) ** 2
        listing = single_listing(np.full_like(sides, self.side), n, n, 0 * one)
        return replace(listing, resized=resized, offset=(self.side - resized) // 2)

    def rivals(self) -> Mapping[str, Tiler]:
        """See `Tiler.rivals`."""
        other: Literal["pad", "squash"] = "squash" if self.shape == "pad" else "pad"
        return {f"image shaped by {other}": replace(self, shape=other)}


@dataclass(frozen=True)
class Vitar:
    """ViTAR: any number of patches, fused by grid attention to a fixed grid of tokens.

    Along each axis of H tokens and a target of G: two and two are fused while H is at least twice G
    (one row of padding where H is odd), then G < H < 2G is padded to 2G and fused once. Fewer than
    G are padded to G. Padding is at the end, so the last tokens may see nothing of the image.

    Attributes:
        patch: px.
        target: tokens along each axis in the end.
    """

    native: ClassVar[bool] = True

    name: str = "vitar"
    patch: int = 16
    target: int = 14

    def __post_init__(self) -> None:
        if self.patch < 1 or self.target < 1:
            raise ConfigError(
                f"{self.name}: patch {self.patch} and target {self.target}; expected 1 or more"
            )

    def plan(self, image: Size) -> Plan:
        """See `Tiler.plan`."""
        require(image)
        p, g = self.patch, self.target
        rows, columns = (max(1, ROUND["half-even"](side / p)) for side in image)
        cells = Size(kernel(rows, g), kernel(columns, g))
        canvas = Size(g * cells.height * p, g * cells.width * p)
        layer = single(canvas, Size(rows * p, columns * p))
        values = (("rows", float(rows)), ("columns", float(columns)))
        grid = one_rectangle(Size(g, g), p)[0]
        grid = replace(
            grid,
            rows=replace(grid.rows, cell=p * cells.height, tile=canvas.height),
            columns=replace(grid.columns, cell=p * cells.width, tile=canvas.width),
        )
        fused = Decision("fuse", f"{cells.height} x {cells.width} patches a token", "", values)
        return Plan(
            tiler=self.name,
            image=image,
            layers=(layer,),
            patch=p,
            encoder=(g * g,),
            grids=(grid,),
            tokens=g * g,
            decisions=(Decision("resize", "nearest multiple", "half-even"), fused),
        )

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """See `Tiler.listing`."""
        sides, p, g = columns_of(heights, widths), self.patch, self.target
        patches = np.maximum(1, np.rint(sides / p).astype(np.int64))
        cells = kernels(patches, g)
        n = np.full(len(sides), g * g, np.int64)
        listing = single_listing(g * cells * p, n, n, 0 * n)
        return replace(listing, resized=patches * p)

    def rivals(self) -> Mapping[str, Tiler]:
        """See `Tiler.rivals`."""
        return {}


def kernel(n: int, target: int) -> int:
    """Patches a token covers in the end along an axis of `n`; `fusions` lists the steps.

    >>> kernel(70, 14)
    8
    """
    cells = 1
    while n > target:
        n, cells = fuse(n, target), 2 * cells
    return cells


def fuse(n: int, target: int) -> int:
    """Tokens along an axis after one fusion of `n`, which is more than `target`."""
    return -(-n // 2) if n >= 2 * target else target


def kernels(n: Ints, target: int) -> Ints:
    """`kernel` of many."""
    cells = np.ones_like(n)
    while (over := n > target).any():
        cells = np.where(over, 2 * cells, cells)
        n = np.where(over, np.where(n >= 2 * target, -(-n // 2), target), n)
    return cells


FASTVLM = FastVLM()
VITAR = Vitar()
