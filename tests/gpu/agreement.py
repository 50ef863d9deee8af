"""How far what a GPU computes is from what a CPU does."""

from __future__ import annotations

import torch
from torch import Tensor


def _both(got: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    a, b = (tensor.detach().cpu().double() for tensor in (got, wanted))
    assert a.shape == b.shape
    assert bool(torch.isfinite(a).all())
    return a, b


def farthest(got: Tensor, wanted: Tensor) -> float:
    """The largest difference, of the largest value."""
    a, b = _both(got, wanted)
    return float((a - b).abs().max() / b.abs().max())


def apart(got: Tensor, wanted: Tensor) -> float:
    """The norm of the difference, of the norm."""
    a, b = _both(got, wanted)
    return float((a - b).norm() / b.norm())


def rows_apart(got: Tensor, wanted: Tensor) -> float:
    """The largest difference in a row, of the row's norm; of the row that is worst."""
    a, b = _both(got, wanted)
    return float(((a - b).abs().amax(1) / b.norm(dim=1)).max())
