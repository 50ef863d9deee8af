"""Qwen2-VL, 2.5 and 3: one native picture whose sides are multiples of a patch group.

`smart_resize` rounds each side to the nearest multiple (half to even: 42 becomes 56, 70 becomes 56
with 28), then shrinks into or grows to a budget of pixels. Its copies differ in what they clamp:

    flavour             first rounding   shrinking           a side below the multiple
    transformers-4.49   not clamped      can return 0        refused
    transformers-5      not clamped      clamped, may exceed allowed
    qwen-vl-utils       clamped          can return 0        allowed

Source: transformers 5.23.0 and 4.49.0, `qwen2_vl/image_processing_qwen2_vl.py`; qwen-vl-utils
0.0.14, `vision_process.py`; transformers 5.23.0, `qwen2_5_vl` for the windows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import ConfigError, ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.layouts import columns_of, one_rectangle, single, single_listing
from anyres_bench.tilers.patches import window_lengths
from anyres_bench.tilers.plan import Decision, Ints, Listing, Plan, Tiler, require
from anyres_bench.tilers.rounding import ROUND, Rounding, whole_many

Flavour = Literal["transformers-5", "transformers-4.49", "qwen-vl-utils"]
_FLAVOURS: tuple[Flavour, ...] = ("transformers-5", "transformers-4.49", "qwen-vl-utils")


@dataclass(frozen=True)
class Qwen:
    """Smart resize, block-major patches, 2 x 2 patches a token.

    Attributes:
        patch: side of the encoder's patch, px.
        merge: patches a token takes along each axis.
        min_pixels, max_pixels: budget of the resized image.
        max_aspect: longer side over shorter side above which an image is refused.
        flavour: which copy of smart_resize.
        rounding: of the first step; all published copies round half to even.
        window: side of the encoder's attention windows, px; 0 where attention is global.
    """

    native: ClassVar[bool] = True

    name: str = "qwen2-vl"
    patch: int = 14
    merge: int = 2
    min_pixels: int = 56 * 56
    max_pixels: int = 1280 * 28 * 28
    max_aspect: int = 200
    flavour: Flavour = "transformers-5"
    rounding: Rounding = "half-even"
    window: int = 0

    def __post_init__(self) -> None:
        if self.flavour not in _FLAVOURS or self.rounding not in ROUND:
            raise ConfigError(
                f"{self.name}: flavour {self.flavour} or rounding {self.rounding} is unknown; "
                f"flavours: {', '.join(_FLAVOURS)}; roundings: {', '.join(ROUND)}"
            )
        if not (0 < self.min_pixels <= self.max_pixels and self.patch > 0 and self.merge > 0):
            raise ConfigError(
                f"{self.name}: budget {self.min_pixels} to {self.max_pixels} px with patches of "
                f"{self.patch} px; expected 0 < min_pixels <= max_pixels and a positive patch"
            )

    @property
    def factor(self) -> int:
        """Side of a token, px: each resized side is a multiple."""
        return self.patch * self.merge

    def plan(self, image: Size) -> Plan:
        """Resize within the budget; see `Tiler.plan`."""
        require(image)
        self._refuse(image)
        resized, decisions = self.smart_resize(image)
        rows, columns = resized.height // self.patch, resized.width // self.patch
        tokens = Size(rows // self.merge, columns // self.merge)
        windows = window_lengths([(1, rows, columns)], self._window_tokens, self.merge)
        return Plan(
            tiler=self.name,
            image=image,
            layers=(single(resized),),
            patch=self.patch,
            encoder=(rows * columns,) if rows * columns else (),
            grids=one_rectangle(tokens, self.factor, self.merge),
            tokens=tokens.pixels,
            decisions=decisions,
            markers=2,
            windows=tuple(windows) if self.window else (),
        )

    @property
    def _window_tokens(self) -> int:
        """Merged tokens along a window's side; one where there are no windows."""
        return max(self.window // self.factor, 1)

    def _refuse(self, image: Size) -> None:
        if self.flavour == "transformers-4.49" and image.shorter < self.factor:
            raise ImageError(
                "side-below-factor",
                f"{self.name} takes no side below {self.factor} px; got {image}: enlarge it first",
            )
        if image.longer / image.shorter > self.max_aspect:
            raise ImageError(
                "aspect",
                f"{self.name} takes no aspect over {self.max_aspect}; {image} has "
                f"{image.longer / image.shorter:.1f}: cut it into parts",
            )

    def smart_resize(self, image: Size) -> tuple[Size, tuple[Decision, ...]]:
        """The resized size and what chose it; a side is 0 where the published code makes it so."""
        f, whole = self.factor, ROUND[self.rounding]
        least = f if self.flavour == "qwen-vl-utils" else 0
        rounded = Size(*(max(least, whole(side / f) * f) for side in image))
        values = tuple(
            (f"{n} / {f}", s / f) for n, s in zip(("height", "width"), image, strict=True)
        )
        first = Decision("round", "nearest multiple", self.rounding, values)
        if rounded.pixels > self.max_pixels:
            beta = math.sqrt(image.pixels / self.max_pixels)
            clamp = f if self.flavour == "transformers-5" else 0
            size = Size(*(max(clamp, math.floor(side / beta / f) * f) for side in image))
            return size, (first, self._budget("shrink", "floor", beta, size))
        if rounded.pixels < self.min_pixels:
            beta = math.sqrt(self.min_pixels / image.pixels)
            size = Size(*(math.ceil(side * beta / f) * f for side in image))
            return size, (first, self._budget("grow", "ceil", beta, size))
        return rounded, (first, Decision("budget", "keep"))

    def _budget(self, branch: str, rounding: str, beta: float, size: Size) -> Decision:
        if 0 in size:
            branch += ": a side becomes 0"
        elif size.pixels > self.max_pixels:
            branch += ": clamped over the budget"
        return Decision("budget", branch, rounding, (("beta", beta),))

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """See `Tiler.listing`."""
        sides, f = columns_of(heights, widths), self.factor
        pixels = sides.prod(axis=1)
        resized = whole_many(sides / f, self.rounding) * f
        if self.flavour == "qwen-vl-utils":
            resized = np.maximum(resized, f)
        area = resized.prod(axis=1)
        over, under = np.flatnonzero(area > self.max_pixels), np.flatnonzero(area < self.min_pixels)
        beta = np.sqrt(pixels[over] / self.max_pixels)[:, None]
        shrunk = np.floor(sides[over] / beta / f).astype(np.int64) * f
        resized[over] = np.maximum(shrunk, f) if self.flavour == "transformers-5" else shrunk
        beta = np.sqrt(self.min_pixels / pixels[under])[:, None]
        resized[under] = np.ceil(sides[under] * beta / f).astype(np.int64) * f
        patches = resized // self.patch
        tokens = (patches // self.merge).prod(axis=1)
        return single_listing(resized, patches.prod(axis=1), tokens, self._refused(sides))

    def _refused(self, sides: Ints) -> NDArray[np.bool_]:
        shorter, longer = sides.min(axis=1), sides.max(axis=1)
        refused = longer / shorter > self.max_aspect
        if self.flavour == "transformers-4.49":
            refused |= shorter < self.factor
        return np.asarray(refused)

    def rivals(self) -> Mapping[str, Tiler]:
        """See `Tiler.rivals`."""
        rivals: dict[str, Tiler] = {
            f"rounding {rule}": replace(self, rounding=rule)
            for rule in ROUND
            if rule != self.rounding
        }
        for flavour in _FLAVOURS:
            if flavour != self.flavour:
                rivals[f"clamping as {flavour}"] = replace(self, flavour=flavour)
        return rivals


QWEN2_VL = Qwen()
QWEN2_VL_449 = Qwen(name="qwen2-vl-4.49", flavour="transformers-4.49")
QWEN2_VL_UTILS = Qwen(
    name="qwen2-vl-utils",
    flavour="qwen-vl-utils",
    min_pixels=4 * 28 * 28,
    max_pixels=16384 * 28 * 28,
)
QWEN25_VL = Qwen(name="qwen2.5-vl", window=112)
QWEN3_VL = Qwen(name="qwen3-vl", patch=16, min_pixels=4 * 32 * 32, max_pixels=16384 * 32 * 32)
QWEN3_VL_UTILS = replace(QWEN3_VL, name="qwen3-vl-utils", flavour="qwen-vl-utils")
