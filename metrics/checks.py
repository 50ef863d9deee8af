"""What every metric asks of its input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.errors import MetricError

_ROWS = 4096  # at a time


def matrix(what: str, values: ArrayLike, at_least: int = 1) -> NDArray[Any]:
    """`values` as a finite (n, dim) floating-point matrix with n >= `at_least` and dim >= 1.

    Args:
        what: name of the set, for messages ("real features").

    Raises:
        MetricError: it is not that.
    """
    array = _numbers(what, values)
    if array.ndim != 2 or 0 in array.shape[1:]:
        raise MetricError(f"{what}: expected (n, dim), got shape {array.shape}")
    if len(array) < at_least:
        raise MetricError(
            f"{what}: got {len(array)} rows, needs at least {at_least}; use more images"
        )
    finite = finite_rows(array)
    if not finite.all():
        raise MetricError(
            f"{what}: {(~finite).sum()} of {len(array)} rows are not finite, first row "
            f"{np.flatnonzero(~finite)[0]}; the images or the extractor gave NaN or infinity"
        )
    return array


def _numbers(what: str, values: ArrayLike) -> NDArray[Any]:
    """An array of floating-point numbers; parts that are imaginary are nobody's features."""
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "fbiuO":
            raise TypeError(f"an array of {array.dtype}")
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise MetricError(f"{what}: expected real numbers (n, dim), got {error!s:.200}") from error


def finite_rows(array: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,) whether all numbers of each row of (n, dim) are finite; some thousand rows at a time."""
    starts = range(0, len(array), _ROWS)
    return np.concatenate(
        [np.zeros(0, bool), *(np.isfinite(array[i : i + _ROWS]).all(axis=1) for i in starts)]
    )


def pair(real: ArrayLike, fake: ArrayLike, at_least: int = 1) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both sets as matrices of one dimension.

    Raises:
        MetricError: a set is not a finite matrix, is too small, or the dimensions differ.
    """
    a = matrix("real features", real, at_least)
    b = matrix("fake features", fake, at_least)
    if a.shape[1] != b.shape[1]:
        raise MetricError(
            f"real features have {a.shape[1]} dimensions and fake ones {b.shape[1]}; "
            "use one extractor for both sides"
        )
    return a, b


def column_means(features: ArrayLike) -> list[float]:
    """Mean of every column, in float64.

    Raises:
        MetricError: no rows, or values that are not finite.
    """
    return [float(x) for x in matrix("features", features).mean(axis=0, dtype=np.float64)]
