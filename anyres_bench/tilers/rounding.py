"""Roundings by name, for one number and for many: two codes differ where theirs do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anyres_bench.tilers.plan import Ints

Rounding = Literal["half-even", "half-up", "floor", "ceil"]

ROUND: dict[Rounding, Callable[[float], int]] = {
    "half-even": round,
    "half-up": lambda x: math.floor(x + 0.5),
    "floor": math.floor,
    "ceil": math.ceil,
}
_MANY: dict[Rounding, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "half-even": np.rint,
    "half-up": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def whole_many(x: NDArray[np.float64], rule: Rounding) -> Ints:
    """`ROUND[rule]` of many numbers, int64."""
    return np.asarray(_MANY[rule](x)).astype(np.int64)
