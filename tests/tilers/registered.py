"""Sizes, plans and variants that the tests of every registered tiler share."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.tilers import TILERS, load
from anyres_bench.tilers.plan import Plan, Tiler

NAMES = list(TILERS)
SIDES = (1, 2, 13, 14, 27, 28, 42, 70, 100, 200, 336, 337, 448, 640, 1000, 4032, 40000)


@cache
def sizes() -> list[Size]:
    """Small and large sides against each other, and sizes drawn over three decades."""
    drawn = np.exp(stream(0, "sizes").uniform((150, 2)) * np.log(9000)).astype(int)
    pairs = itertools.product(SIDES, SIDES)
    return [Size(*map(int, pair)) for pair in (*pairs, *drawn)]


def plans(tiler: Tiler, chosen: list[Size]) -> list[Plan]:
    """Plans of the sizes that a tiler takes."""
    found = []
    for size in chosen:
        try:
            found.append(tiler.plan(size))
        except ImageError:
            continue
    return found


def variants(name: str) -> list[Tiler]:
    """A tiler and its known variants."""
    tiler = load(name)
    return [tiler, *tiler.rivals().values()]
