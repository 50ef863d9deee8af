"""The contract of `Generator.sample` as users break it."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Size
from anyres_bench.models.generator import check_output

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
        ((GOOD + 1) * 127.5, r"looks like \[0, 255\]"),
        ((GOOD + 1) / 2, r"looks like \[0, 1\]"),
    ],
)
def test_bad_output_is_named(bad: torch.Tensor, message: str) -> None:
    with pytest.raises(GeneratorError, match=message):
        check_output("m", bad, 4, Size(32, 32))
