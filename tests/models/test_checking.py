"""`check-model`: promises in order, what to do where one is broken, and no further."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.checking import check_model
from tests.fakes import Broken, Waves

NAMES = [
    "draws pictures",
    "draws another picture for another seed",
    "keeps to seeds, batches and windows",
    "fits protocols",
]


class Stubborn(Waves):
    """One picture whatever the seed."""

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> list[int]:
        return [0 for _ in seeds]


class Failing(Waves):
    """Raises what users' code may raise."""

    def sample(self, z: list[int], regions: Sequence[Region]) -> torch.Tensor:
        raise ZeroDivisionError("by the user")


def test_every_promise_is_kept_in_order() -> None:
    steps = list(check_model(Waves()))
    assert [step.name for step in steps] == NAMES
    assert not any(step.fault or step.mend for step in steps)
    assert "any canvas; its own size is 32x32" in steps[-1].note


@pytest.mark.parametrize(
    ("generator", "broken"),
    [
        (Broken("nan"), 0),
        (Failing(), 0),
        (Stubborn(), 1),
        (Broken("batch"), 2),
        (Broken("forgetful"), 2),
    ],
)
def test_after_a_broken_promise_no_other_is_tried(generator: Waves, broken: int) -> None:
    steps = list(check_model(generator))
    assert [step.name for step in steps] == NAMES[: broken + 1]
    assert [bool(step.fault) for step in steps] == [False] * broken + [True]
    assert steps[-1].mend


def test_errors_of_users_code_are_told_with_their_kind() -> None:
    [step] = check_model(Failing())
    assert step.fault == "ZeroDivisionError: by the user"


def test_fixed_canvases_are_told_the_protocols_that_fit() -> None:
    *_, last = check_model(Waves(canvases=(Size(64, 64),)))
    assert "anyres-full64, or patch32-at64" in last.note
