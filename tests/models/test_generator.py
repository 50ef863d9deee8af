"""The contract of `Generator.sample` as users break it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Size
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import Manifest
from anyres_bench.evaluation.api import evaluate
from anyres_bench.models.generator import check_members, check_output

GOOD = torch.linspace(-1, 1, 4 * 3 * 32 * 32).reshape(4, 3, 32, 32)


def test_good_output_passes() -> None:
    check_output("m", GOOD, 4, Size(32, 32))
    check_output("m", GOOD * 1.7, 4, Size(32, 32))
    check_output("m", torch.zeros(4, 3, 64, 64), 4, Size(64, 64))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (GOOD.numpy(), "returned ndarray"),
        (GOOD.double(), "torch.float64"),
        (GOOD[:3], r"shape \(3, 3, 32, 32\); expected \(4, 3, 32, 32\)"),
        (GOOD.permute(0, 2, 3, 1), "channels, height, width"),
        (torch.where(GOOD > 0.99, torch.nan, GOOD), "NaN or infinite"),
        (GOOD.to_sparse(), r"torch.sparse_coo on cpu"),
        (GOOD.to("meta"), r"torch.strided on meta"),
        ((GOOD + 1) * 127.5, r"looks like \[0, 255\]"),
        ((GOOD + 1) / 2, r"looks like \[0, 1\]"),
    ],
)
def test_bad_output_is_named(bad: torch.Tensor, message: str) -> None:
    with pytest.raises(GeneratorError, match=message):
        check_output("m", bad, 4, Size(32, 32))


class Named:
    """A generator as people write one."""

    id: Any = "named"
    native: Any = Size(4, 4)
    canvases: Any = "any"

    def __init__(self, **members: Any) -> None:
        vars(self).update(members)

    def latents(self, seeds: Any, labels: Any = None) -> Any:
        return seeds

    def sample(self, z: Any, regions: Any) -> Any:
        return torch.zeros(len(z), 3, *regions[0].size)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"id": None}, "id None; expected a line of text"),
        ({"id": ""}, "the id ''"),
        ({"id": "two\nlines"}, "expected a line of text"),
        ({"id": lambda: "named"}, "the id <function"),
        ({"native": 64}, r"native = 64; expected the size .*Size\(height, width\)"),
        ({"native": (64, 64)}, r"native = \(64, 64\); expected"),
        ({"native": Size(0, 4)}, "native = Size"),
        ({"canvases": "all"}, "canvases = 'all'; expected"),
        ({"canvases": [Size(4, 4)]}, "canvases = \\[Size"),
        ({"canvases": ()}, r"canvases = \(\)"),
        ({"canvases": ((4, 4), (8, 8))}, r"canvases = \(\(4, 4\)"),
    ],
)
def test_members_of_another_type_are_named(members: dict[str, Any], message: str) -> None:
    with pytest.raises(GeneratorError, match=f"mine has .*{message}"):
        check_members("mine", Named(**members))
    with pytest.raises(GeneratorError, match=f"Named has .*{message}"):
        evaluate(Named(**members), Dataset("none", Path(), Manifest([])), "patch32-at40/frechet")


def test_members_of_the_contract_pass() -> None:
    for canvases in ("any", "per-image", (Size(4, 4), Size(8, 8))):
        check_members("mine", Named(canvases=canvases))
