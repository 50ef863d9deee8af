"""Roundings by name: one number and many are made whole alike."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.tilers.rounding import ROUND, Rounding, whole_many

HALVES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])


@pytest.mark.parametrize("rule", ROUND)
def test_many_numbers_are_rounded_as_one_is(rule: Rounding) -> None:
    numbers = np.concatenate([HALVES, np.nextafter(HALVES, 9), np.nextafter(HALVES, -9), [0, 7]])
    many = whole_many(numbers, rule)
    assert many.dtype == np.int64
    assert many.tolist() == [ROUND[rule](float(x)) for x in numbers]


def test_the_rules_differ_at_halves() -> None:
    rounded = {rule: whole_many(HALVES, rule).tolist() for rule in ROUND}
    assert rounded["half-even"] == [-2, -2, 0, 0, 2, 2]
    assert rounded["half-up"] == [-2, -1, 0, 1, 2, 3]
    assert rounded["floor"] == [-3, -2, -1, 0, 1, 2]
    assert rounded["ceil"] == [-2, -1, 0, 1, 2, 3]
