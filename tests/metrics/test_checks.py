"""What every metric asks of its input is asked in words."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.metrics.checks import matrix, pair


def test_numbers_keep_their_precision_and_integers_become_float64() -> None:
    for kind in (np.float16, np.float32, np.float64):
        rows = np.ones((2, 3), kind)
        assert matrix("x", rows) is rows
    assert matrix("x", [[1, 2], [3, 4]]).dtype == np.float64
    assert matrix("x", np.zeros((2, 1), np.uint8)).dtype == np.float64


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(3), r"real features: expected \(n, dim\), got shape \(3,\)"),
        (np.zeros((2, 0)), r"got shape \(2, 0\)"),
        (np.zeros((2, 2, 2)), r"got shape \(2, 2, 2\)"),
        (np.zeros((1, 4)), "got 1 rows, needs at least 2; use more images"),
        (np.zeros((0, 4)), "got 0 rows"),
        (np.ones((2, 3)) * 1j, "expected real numbers .* got an array of complex128"),
        ([["a"], ["b"]], "expected real numbers"),
        ([[1, 2], [3]], "expected real numbers"),
        (np.array([[1], ["b"]], object), "expected real numbers"),
        ([[0, 1], [np.nan, 0], [0, np.inf]], "2 of 3 rows are not finite, first row 1"),
    ],
)
def test_what_is_no_finite_matrix_is_refused(values: object, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        matrix("real features", values, at_least=2)  # type: ignore[arg-type]


def test_both_sides_have_one_dimension_and_the_side_at_fault_is_named() -> None:
    real, fake = pair(np.ones((3, 5), np.float32), np.ones((2, 5)))
    assert (real.shape, fake.shape) == ((3, 5), (2, 5))
    with pytest.raises(MetricError, match="real features have 5 dimensions and fake ones 4"):
        pair(real, np.ones((2, 4)))
    with pytest.raises(MetricError, match="fake features: got 2 rows, needs at least 3"):
        pair(real, fake, at_least=3)
