"""Other projects' crops; their draws are held by the golden case."""

from __future__ import annotations

import random

import numpy as np
import torch

from anyres_bench.core.geometry import Box, Size
from anyres_bench.data import crop_rules


def test_crops_lie_inside() -> None:
    rng, generator = random.Random(0), torch.Generator().manual_seed(0)
    size = Size(320, 400)
    for _ in range(50):
        assert crop_rules.pixverve(size, rng).fits(size)
        assert crop_rules.subpatch(size, rng).fits(size)
        assert crop_rules.infd(size, 256, generator).fits(size)
    assert crop_rules.infd(Size(256, 256), 256, generator) == Box(0, 0, 256, 256)
    assert crop_rules.centre(Size(298, 900)) is None


def test_windows_of_every_scale_lie_inside_the_square() -> None:
    matrices = crop_rules.scalespace([0, 1, 2.5, 4], torch.Generator().manual_seed(1))
    half, middle = matrices[:, 0, 0] / 2, np.abs(matrices[:, :2, 2])
    assert (middle + half[:, None] <= 0.5 + 1e-12).all()
