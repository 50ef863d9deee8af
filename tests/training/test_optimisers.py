"""Optimisers with their schedule inside."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.training.optimisers import SteppedAdam, lazy_adam


def rates(optimiser: SteppedAdam, weight: torch.nn.Parameter, n: int) -> list[float]:
    """The rate of each of the next steps."""
    seen = []
    for _ in range(n):
        optimiser.zero_grad()
        weight.square().sum().backward()
        optimiser.step()
        seen.append(optimiser.param_groups[0]["lr"])
    return seen


def test_the_rate_changes_at_its_milestones() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = SteppedAdam([weight], lr=0.1, milestones=(2, 3), factor=0.5)
    assert rates(optimiser, weight, 5) == pytest.approx([0.1, 0.1, 0.05, 0.025, 0.025])


def test_a_resumed_run_goes_on_with_the_right_rate() -> None:
    weights = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
    one, two = (SteppedAdam([w], lr=0.1, milestones=(2, 4)) for w in weights)
    expected = rates(one, weights[0], 6)
    rates(two, weights[1], 3)
    resumed = SteppedAdam([weights[1]], lr=0.1, milestones=(2, 4))
    resumed.load_state_dict(two.state_dict())
    assert rates(resumed, weights[1], 3) == expected[3:]
    assert torch.equal(*weights)


def test_rate_and_memory_of_a_lazy_penalty_are_shortened() -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    [group] = lazy_adam([weight], 0.002, 16).param_groups
    assert group["lr"] == pytest.approx(0.002 * 16 / 17)
    assert group["betas"] == pytest.approx((0, 0.99 ** (16 / 17)))
    [plain] = lazy_adam([weight], 0.002, None).param_groups
    assert (plain["lr"], plain["betas"]) == (0.002, (0, 0.99))
