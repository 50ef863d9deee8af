"""EQ-T, EQ-T_frac and EQ-R; their operators are held by the golden case."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from anyres_bench.core.errors import MetricError
from anyres_bench.metrics.equivariance import (
    SquaredError,
    pseudo_rotate,
    rotate,
    translate,
    translate_fraction,
)


def smooth(side: int) -> torch.Tensor:
    noise = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    for _ in range(4):
        noise = F.avg_pool2d(noise, 5, 1, 2)
    return noise


def test_a_whole_shift_is_exact_and_both_ways_agree() -> None:
    images = smooth(32)
    moved, mask = translate(images, (0.25, -0.125))
    assert torch.equal(moved[:, :, 0:28, 8:32], images[:, :, 4:32, 0:24])
    assert int(mask.sum()) == 28 * 24
    fraction, valid = translate_fraction(images, (0.25, -0.125))
    assert SquaredError.of(fraction, moved, valid).decibels() > 100
    assert (valid <= mask).all()


def test_a_shift_and_back_loses_little_of_a_smooth_image() -> None:
    images = smooth(48)
    there, _ = translate_fraction(images, (0.11, 0.07))
    back, valid = translate_fraction(there, (-0.11, -0.07))
    inner = F.pad(torch.ones(1, 1, 24, 24), (12,) * 4)
    assert SquaredError.of(back, images, valid * inner).decibels() > 50


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    images = smooth(96)
    turned, mask = rotate(images, math.pi / 2)
    filtered, inner = pseudo_rotate(images, math.pi / 2)
    best = max(
        SquaredError.of(turned, filtered.rot90(k, (2, 3)), mask * inner).decibels() for k in (1, 3)
    )
    assert best > 45


def test_errors_add_like_one_batch() -> None:
    a, b = smooth(16), smooth(16).flip(2)
    mask = torch.ones(1, 1, 16, 16)
    parts = SquaredError.of(a[:1], b[:1], mask) + SquaredError.of(a[1:], b[1:], mask)
    whole = SquaredError.of(a, b, mask)
    assert parts.decibels() == pytest.approx(whole.decibels(), rel=1e-12)
    assert SquaredError.of(a, a, mask).decibels() == math.inf
    with pytest.raises(MetricError, match="no pixel"):
        SquaredError().decibels()
