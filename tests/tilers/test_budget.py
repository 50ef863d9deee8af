"""Settings within a budget of tokens."""

from __future__ import annotations

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import TILERS, load
from anyres_bench.tilers.budget import solve

SIZES = [Size(1080, 1920), Size(37, 23), Size(448, 448), Size(3000, 400)]


@pytest.mark.parametrize("name", list(TILERS))
@pytest.mark.parametrize("budget", [300, 1024, 5000])
def test_a_budget_is_kept_by_every_image_and_used_as_far_as_settings_go(
    name: str, budget: int
) -> None:
    tiler = load(name)
    solution = solve(tiler, SIZES[:1] + SIZES[2:], budget)
    if solution.tiler is None:
        assert solution.tokens > budget
        return
    again = load(solution.tiler.name)
    tokens = [again.plan(size).tokens for size in SIZES[:1] + SIZES[2:]]
    assert max(tokens) <= solution.tokens <= budget
    assert solution.tokens > budget / 5


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        solve(load("internvl"), SIZES, 0)
