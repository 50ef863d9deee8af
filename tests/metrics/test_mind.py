"""MIND."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.metrics.contract import check_metric
from anyres_bench.metrics.metric import metric_from
from anyres_bench.metrics.mind import Mind, directions, mind
from tests.metrics.banks import bank
from tests.reference_files import rows


def test_contract() -> None:
    check_metric(Mind(32), identical={"mind": 0.0})
    assert metric_from("mind").id == "mind-directions1000"


def test_a_shift_is_measured_by_its_length() -> None:
    """W2 along u of a shift s is |s.u|, whose square has the mean |s|^2 / dim."""
    features = rows(50)
    moved = features + np.array([2.0, 0, 0, 0, 0, 0])
    got = Mind(4000).finish(bank(features), bank(moved), None)["mind"]
    assert got == pytest.approx(3 * 4, rel=0.05)


def test_equal_sizes_are_as_torch_fidelitys_and_copies_change_nothing() -> None:
    a, b = rows(30), rows(30, seed=1)
    ours = Mind(50).finish(bank(a), bank(b), None)["mind"]
    assert ours == pytest.approx(mind(a, b, 50), rel=1e-6)
    twice = np.concatenate([b, b])
    assert Mind(50).finish(bank(a), bank(twice), None)["mind"] == pytest.approx(ours, rel=1e-12)
    thrice = np.concatenate([a, a, a])
    assert Mind(50).finish(bank(thrice), bank(twice), None)["mind"] == pytest.approx(
        ours, rel=1e-12
    )


def test_unequal_sizes_by_brute_force() -> None:
    a, b = rows(3), rows(5, seed=1)
    on = directions(6, 7)
    x, y = (np.repeat(np.sort(s @ on, axis=0), k, axis=0) for s, k in ((a, 5), (b, 3)))
    expected = 3 * 6 * np.square(x - y).mean()
    assert Mind(7).finish(bank(a), bank(b), None)["mind"] == pytest.approx(expected, rel=1e-5)


def test_nothing_is_refused() -> None:
    with pytest.raises(MetricError):
        mind(np.zeros((0, 3)), np.zeros((2, 3)))
