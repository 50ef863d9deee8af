"""Batches: every image once and in order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from anyres_bench.features.batches import in_batches


@pytest.mark.parametrize("n", [0, 1, 4, 11])
def test_rows_come_in_order(n: int) -> None:
    def run(batch: Tensor) -> Tensor:
        assert 1 <= len(batch) <= 4
        return batch[:, :2, 0, 0] + 1

    images = torch.arange(n, dtype=torch.float32).view(n, 1, 1, 1).expand(n, 3, 2, 2)
    rows = in_batches(run, images, 4, 2, torch.device("cpu"))
    assert torch.equal(rows, 1 + torch.arange(n).view(n, 1).expand(n, 2).float())
