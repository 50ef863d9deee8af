"""LLaVA's arithmetic: fitting into a canvas, removing padding from features, pooling them.

Each rule stands here once for one size and once for many; the two agree to the last bit.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.geometry import Size
from anyres_bench.tilers.plan import Decision, Ints

Unpad = Literal["floor", "round7", "integer"]
UNPAD: dict[Unpad, str] = {
    "floor": "floor of a double (upstream, transformers' models before 4.46)",
    "round7": "rounded to 7 digits, then floor (transformers since 4.46)",
    "integer": "whole division (transformers' processors before 4.46)",
}
_POOLED_FROM = 1.1  # times the side of the square that anyres_max allows


def fit(image: Size, canvas: Size) -> tuple[Size, Decision]:
    """The size of the image in the canvas, aspect kept."""
    scale_w, scale_h = canvas.width / image.width, canvas.height / image.height
    values = (("scale by width", scale_w), ("scale by height", scale_h))
    if scale_w < scale_h:
        height = min(math.ceil(image.height * scale_w), canvas.height)
        return Size(height, canvas.width), Decision("resize", "width fills", "ceil", values)
    width = min(math.ceil(image.width * scale_h), canvas.width)
    return Size(canvas.height, width), Decision("resize", "height fills", "ceil", values)


def fit_many(h: Ints, w: Ints, canvas: Ints) -> Ints:
    """`fit` of many sizes, each into its own canvas; (n, 2)."""
    scale_w, scale_h = canvas[:, 1] / w, canvas[:, 0] / h
    by_width = scale_w < scale_h
    height = np.minimum(np.ceil(h * scale_w).astype(np.int64), canvas[:, 0])
    width = np.minimum(np.ceil(w * scale_h).astype(np.int64), canvas[:, 1])
    rows = np.where(by_width, height, canvas[:, 0])
    return np.stack([rows, np.where(by_width, canvas[:, 1], width)], axis=1)


def unpad(image: Size, features: Size, rule: Unpad) -> tuple[Size, int, int, Decision]:
    """What is kept of a canvas of features: its size, first row, first column, and why.

    The parity of what is kept is that of the canvas, so one row of padding a side may stay.
    """
    if image.width / image.height > features.width / features.height:
        exact, whole = _share(image.height, features.width, image.width, rule)
        top = (features.height - whole) // 2
        kept = Size(max(features.height - 2 * top, 0), features.width)
        values = (("rows", exact),)
        return kept, top, 0, Decision("unpad", "rows removed", rule, values)
    exact, whole = _share(image.width, features.height, image.height, rule)
    left = (features.width - whole) // 2
    kept = Size(features.height, max(features.width - 2 * left, 0))
    return kept, 0, left, Decision("unpad", "columns removed", rule, (("columns", exact),))


def _share(side: int, features: int, other: int, rule: Unpad) -> tuple[float, int]:
    """`side` in features: as a double, and made whole by the rule."""
    exact = side * (features / other)
    if rule == "integer":
        return exact, side * features // other
    return exact, int(round(exact, 7) if rule == "round7" else exact)


def unpad_many(h: Ints, w: Ints, features: Ints, rule: Unpad) -> Ints:
    """Sizes kept by `unpad`, (n, 2)."""
    wide = w / h > features[:, 1] / features[:, 0]
    side, other = np.where(wide, h, w), np.where(wide, w, h)
    along = np.where(wide, features[:, 1], features[:, 0])
    across = np.where(wide, features[:, 0], features[:, 1])
    whole = _share_many(side, along, other, rule)
    kept = across - (across - whole) // 2 * 2
    rows = np.where(wide, kept, features[:, 0])
    return np.stack([rows, np.where(wide, features[:, 1], kept)], axis=1)


def _share_many(side: Ints, features: Ints, other: Ints, rule: Unpad) -> Ints:
    if rule == "integer":
        return side * features // other
    exact = side * (features / other)
    whole = exact.astype(np.int64)
    if rule == "round7":
        _round_up(exact, whole)
    return whole


def _round_up(exact: NDArray[np.float64], whole: Ints) -> None:
    """Add what Python's decimal `round(x, 7)` adds: only just below a whole number is it more."""
    near = np.flatnonzero(exact - whole > 1 - 1e-6)
    whole[near] = [int(round(float(x), 7)) for x in exact[near]]


def pool(kept: Size, side: int, most: int | None) -> tuple[Size, tuple[Decision, ...]]:
    """The size after `anyres_max`; nothing shrinks until it is 1.1 times too long a side."""
    if most is None:
        return kept, ()
    times = math.sqrt(kept.pixels / (most * side**2))
    values = (("times", times),)
    if times > _POOLED_FROM:
        small = Size(int(kept.height // times), int(kept.width // times))
        return small, (Decision("pool", "pooled", "floor", values),)
    return kept, (Decision("pool", "kept: not above 1.1", "", values),)


def pool_many(kept: Ints, side: int, most: int | None) -> Ints:
    """`pool` of many sizes, (n, 2)."""
    if most is None:
        return kept
    times = np.sqrt(kept.prod(axis=1) / (most * side**2))
    over = times > _POOLED_FROM
    small = np.floor_divide(kept, np.where(over, times, 1.0)[:, None]).astype(np.int64)
    return np.where(over[:, None], small, kept)
