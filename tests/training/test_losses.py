"""Losses that recipes share."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.seeds import stream
from anyres_bench.training.losses import laplacian_distance


def test_the_built_in_distance_grows_with_the_difference() -> None:
    a = torch.from_numpy(stream(0, "a").normal((1, 3, 32, 32))).float()
    assert float(laplacian_distance(a, a).max()) == 0
    one, two = (float(laplacian_distance(a, a + k * torch.sin(9 * a)).mean()) for k in (0.1, 0.2))
    assert two == pytest.approx(2 * one, rel=1e-4)
