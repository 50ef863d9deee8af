"""Budgets of one file: nothing is given twice, and what is refused was not taken."""

from __future__ import annotations

import pytest

from anyres_bench.core.budget import Budget
from anyres_bench.core.errors import CheckpointError


@pytest.mark.parametrize("kind", ["tensor_bytes", "steps", "text_bytes"])
def test_each_kind_is_spent_to_the_last_and_no_further(kind: str) -> None:
    budget = Budget(tensor_bytes=10, steps=10, text_bytes=10)
    budget.spend(kind, 4)
    budget.spend(kind, 6)
    with pytest.raises(CheckpointError, match=f"1 {kind.replace('_', ' ')} more"):
        budget.spend(kind, 1)
    others = {"tensor_bytes", "steps", "text_bytes"} - {kind}
    assert {getattr(budget, other) for other in others} == {10}


def test_a_refused_amount_is_not_taken() -> None:
    budget = Budget(tensor_bytes=10)
    with pytest.raises(CheckpointError, match="990 tensor bytes more"):
        budget.spend("tensor_bytes", 1000)
    budget.spend("tensor_bytes", 10)


def test_larger_files_have_more_time() -> None:
    small, large = Budget(tensor_bytes=0), Budget(tensor_bytes=100_000_000)
    assert small.seconds == pytest.approx(120)
    assert large.seconds == pytest.approx(130)
    assert Budget(tensor_bytes=0, seconds=3).seconds == 3
