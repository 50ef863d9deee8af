"""Encoders that take one picture near its own size: SigLIP2 NaFlex, Pixtral, NaViT.

Source: transformers 5.23.0 and 4.49.0, `siglip2` and `pixtral`; NaViT (Dehghani et al., NeurIPS
2023) as in vit-pytorch 1.26.11.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.layouts import columns_of, one_rectangle, single, single_listing
from anyres_bench.tilers.plan import Decision, Ints, Listing, Plan, Tiler, require
from anyres_bench.tilers.rounding import ROUND, Rounding, whole_many


def _plan(
    name: str,
    image: Size,
    resized: Size,
    patch: int,
    decision: Decision,
    separators: int = 0,
    filter_name: str = "bicubic",
) -> Plan:
    """One picture, one token a patch."""
    rows, columns = resized.height // patch, resized.width // patch
    n = rows * columns
    return Plan(
        tiler=name,
        image=image,
        layers=(single(resized),),
        patch=patch,
        encoder=(n,) if n else (),
        grids=one_rectangle(Size(rows, columns), patch, separators=separators),
        tokens=n + rows * separators if n else 0,
        decisions=(decision,),
        filter_name=filter_name,
    )


@dataclass(frozen=True)
class NaFlex:
    """SigLIP2 NaFlex: the largest scale, found by bisection, whose patches fit the budget.

    Attributes:
        patch: px.
        max_patches: budget.
        eps: width of the scale's interval where bisection ends; part of the result.
    """

    native: ClassVar[bool] = True

    name: str = "siglip2-naflex"
    patch: int = 16
    max_patches: int = 256
    eps: float = 1e-5

    def __post_init__(self) -> None:
        if self.patch < 1 or self.max_patches < 1 or not 1e-12 <= self.eps < 1:
            raise ConfigError(
                f"{self.name}: patch {self.patch}, max_patches {self.max_patches} and eps "
                f"{self.eps}; expected 1 or more, 1 or more, and 1e-12 to 1"
            )

    def plan(self, image: Size) -> Plan:
        """See `Tiler.plan`."""
        require(image)
        low, high = self.eps / 10, 100.0
        while high - low >= self.eps:
            scale = (low + high) / 2
            size = self._scaled(image, scale)
            patches = (size.height / self.patch) * (size.width / self.patch)
            low, high = (scale, high) if patches <= self.max_patches else (low, scale)
        resized = self._scaled(image, low)
        branch = (
            "no scale fits: one patch a side" if resized == self._scaled(image, 0) else "bisection"
        )
        values = (("scale", low), ("budget", float(self.max_patches)))
        decision = Decision("scale", branch, "ceil", values)
        return _plan(self.name, image, resized, self.patch, decision, filter_name="bilinear")

    def _scaled(self, image: Size, scale: float) -> Size:
        p = self.patch
        return Size(*(max(p, math.ceil(side * scale / p) * p) for side in image))

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """See `Tiler.listing`."""
        sides, p = columns_of(heights, widths), self.patch
        low, high = np.full(len(sides), self.eps / 10), np.full(len(sides), 100.0)
        while (active := high - low >= self.eps).any():
            scale = (low + high) / 2
            fits = self._scaled_many(sides, scale).prod(axis=1) <= self.max_patches
            np.copyto(low, scale, where=active & fits)
            np.copyto(high, scale, where=active & ~fits)
        patches = self._scaled_many(sides, low).astype(np.int64)
        n = patches.prod(axis=1)
        return single_listing(patches * p, n, n, np.zeros_like(n))

    def _scaled_many(self, sides: Ints, scale: NDArray[np.float64]) -> NDArray[np.float64]:
        """Patches along each side; whole numbers, so their products are exact."""
        return np.maximum(1, np.ceil(sides * scale[:, None] / self.patch))

    def rivals(self) -> Mapping[str, Tiler]:
        """See `Tiler.rivals`."""
        return {"bisection to 1e-4": replace(self, eps=1e-4)}


@dataclass(frozen=True)
class Pixtral:
    """Shrunk until the longer side fits, then up to whole patches; a break after each row.

    Attributes:
        patch: px.
        longest_edge: px.
        rounding: of the shrunk sides: floor in transformers 5, ceil in 4.49, half-even in
            mistral-common.
    """

    native: ClassVar[bool] = True

    name: str = "pixtral"
    patch: int = 16
    longest_edge: int = 1024
    rounding: Rounding = "floor"

    def __post_init__(self) -> None:
        if self.patch < 1 or self.longest_edge < 1 or self.rounding not in ROUND:
            raise ConfigError(
                f"{self.name}: patch {self.patch}, longest_edge {self.longest_edge}, rounding "
                f"{self.rounding}; expected 1 or more, 1 or more, one of {', '.join(ROUND)}"
            )

    def plan(self, image: Size) -> Plan:
        """See `Tiler.plan`."""
        require(image)
        ratio = max(image.height / self.longest_edge, image.width / self.longest_edge)
        shrunk, branch = image, "fits"
        if ratio > 1:
            whole = ROUND[self.rounding]
            shrunk, branch = Size(*(whole(side / ratio) for side in image)), "shrink"
        resized = Size(*(((side - 1) // self.patch + 1) * self.patch for side in shrunk))
        if 0 in resized:
            branch += ": a side becomes 0"
        decision = Decision("resize", branch, self.rounding, (("ratio", ratio),))
        return _plan(self.name, image, resized, self.patch, decision, separators=1)

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """See `Tiler.listing`."""
        sides, p = columns_of(heights, widths), self.patch
        ratio = (sides / self.longest_edge).max(axis=1)
        over = np.flatnonzero(ratio > 1)
        shrunk = sides.copy()
        shrunk[over] = whole_many(sides[over] / ratio[over, None], self.rounding)
        patches = (shrunk - 1) // p + 1
        n = patches.prod(axis=1)
        tokens = np.where(n > 0, n + patches[:, 0], 0)
        return single_listing(patches * p, n, tokens, np.zeros_like(n))

    def rivals(self) -> Mapping[str, Tiler]:
        """See `Tiler.rivals`."""
        others = [rule for rule in ROUND if rule != self.rounding]
        return {f"rounding {rule}": replace(self, rounding=rule) for rule in others}


@dataclass(frozen=True)
class NaViT:
    """Whole patches of the image near its own size, aspect kept; some tokens may be dropped.

    Attributes:
        patch: px.
        drop: share of tokens that training drops at random.
        max_tokens: tokens above which the image is shrunk at constant aspect; 0: never.
    """

    native: ClassVar[bool] = True

    name: str = "navit"
    patch: int = 16
    drop: float = 0.0
    max_tokens: int = 0

    def __post_init__(self) -> None:
        if self.patch < 1 or not 0 <= self.drop < 1 or self.max_tokens < 0:
            raise ConfigError(
                f"{self.name}: patch {self.patch}, drop {self.drop}, max_tokens {self.max_tokens}; "
                "expected 1 or more, a share below 1, and 0 or more"
            )

    def plan(self, image: Size) -> Plan:
        """See `Tiler.plan`."""
        require(image)
        p, n = self.patch, (image.height // self.patch) * (image.width // self.patch)
        scale, branch = 1.0, "native"
        if self.max_tokens and n > self.max_tokens:
            scale, branch = math.sqrt(self.max_tokens * p * p / image.pixels), "constant area"
        resized = Size(*(max(p, int(side * scale) // p * p) for side in image))
        decision = Decision("resize", branch, "floor", (("scale", scale),))
        plan = _plan(self.name, image, resized, p, decision)
        if not self.drop:
            return plan
        kept = max(1, int(plan.tokens * (1 - self.drop)))
        return replace(plan, encoder=(kept,), tokens=kept, grids=())

    def listing(self, heights: Ints, widths: Ints) -> Listing:
        """See `Tiler.listing`."""
        sides, p = columns_of(heights, widths), self.patch
        scale = np.ones(len(sides))
        if self.max_tokens:
            over = np.flatnonzero((sides // p).prod(axis=1) > self.max_tokens)
            scale[over] = np.sqrt(self.max_tokens * p * p / sides[over].prod(axis=1))
        patches = np.maximum((sides * scale[:, None]).astype(np.int64) // p, 1)
        n = patches.prod(axis=1)
        if self.drop:
            n = np.maximum(1, (n * (1 - self.drop)).astype(np.int64))
        return single_listing(patches * p, n, n, np.zeros_like(n))

    def rivals(self) -> Mapping[str, Tiler]:
        """See `Tiler.rivals`."""
        return {}


NAFLEX = NaFlex()
PIXTRAL = Pixtral()
PIXTRAL_449 = Pixtral(name="pixtral-4.49", rounding="ceil")
NAVIT = NaViT()
