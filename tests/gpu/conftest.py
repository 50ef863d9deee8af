"""Tests of what a GPU computes, held against the CPU; where there is no GPU they are skipped."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def device() -> str:
    """The GPU."""
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    return "cuda:0"
