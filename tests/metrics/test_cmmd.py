"""CMMD."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.metrics.cmmd import Cmmd, gaussian_mmd
from anyres_bench.metrics.contract import check_metric
from tests.reference_files import rows


def test_contract() -> None:
    check_metric(Cmmd(), identical={"cmmd": 0.0})
    assert Cmmd().id == "cmmd-sigma10"


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_by_its_definition(offset: float) -> None:
    a, b = rows(20) + offset, rows(30, seed=1) + offset

    def kernel(x, y):
        squares = np.square(x[:, None] - y[None]).sum(axis=2)
        return np.exp(-squares / (2 * 10**2)).mean()

    expected = 1000 * (kernel(a, a) + kernel(b, b) - 2 * kernel(a, b))
    assert gaussian_mmd(a, b) == pytest.approx(expected, rel=1e-8)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(MetricError, match="dimensions"):
        gaussian_mmd(np.zeros((3, 2)), np.zeros((3, 3)))
