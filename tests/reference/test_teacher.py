"""The teacher: which pixels of a window are held against it."""

from __future__ import annotations

import torch

from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.warp import affine_resample
from anyres_bench.reference.teacher import window_mask


def test_our_mask_is_the_official_one_at_256() -> None:
    transform = Region(Size(640, 640), 100, 224, Size(256, 256)).affine().float()[None]
    _, official = affine_resample(torch.zeros(1, 1, 256, 256), transform)
    ours = window_mask(transform, 256, 16)
    assert (ours - official).abs().mean() < 0.01
    small = Region(Size(64, 64), 16, 16, Size(32, 32)).affine().float()[None]
    assert affine_resample(torch.zeros(1, 1, 32, 32), small)[1].sum() == 0
    assert window_mask(small, 32, 2).sum() == 14 * 14
