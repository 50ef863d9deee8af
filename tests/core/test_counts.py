"""Whole numbers of any type become Python's; what is none is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from anyres_bench.core.counts import counted, whole_number
from anyres_bench.core.errors import UsageError


def test_whole_numbers_of_any_type() -> None:
    assert type(whole_number("n", np.int64(3), 2)) is int
    assert whole_number("seed", -5) == -5


@pytest.mark.parametrize("value", [8.5, 8.0, "8", True, None])
def test_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(UsageError, match=f"n is {value!r}; expected a whole number"):
        whole_number("n", value, 2)


def test_too_small() -> None:
    with pytest.raises(UsageError, match="n is 1; expected 2 or more"):
        whole_number("n", 1, 2)


def test_one_is_one() -> None:
    assert [counted(n, "image") for n in (0, 1, 2, 1000)] == [
        "0 images",
        "1 image",
        "2 images",
        "1,000 images",
    ]
