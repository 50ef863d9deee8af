"""SelfSSIM; its numbers are held by the golden case."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from anyres_bench.core.errors import MetricError
from anyres_bench.features.selfssim import self_ssim


def pictures(n: int, side: int) -> torch.Tensor:
    noise = torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(0))
    return F.avg_pool2d(noise, 5, 1, 2)


def test_the_same_picture_scores_one_and_noise_less() -> None:
    first = pictures(2, 64)
    assert torch.allclose(self_ssim(first, first), torch.ones(2, dtype=torch.float64))
    assert (self_ssim(first, first.flip(3)) < 0.9).all()


def test_blur_wins() -> None:
    """What the documentation warns of: an enlarged picture agrees with itself."""
    first = pictures(1, 64)
    smooth = F.interpolate(first, scale_factor=2, mode="bicubic")
    detailed = smooth + 0.1 * torch.randn(smooth.shape, generator=torch.Generator().manual_seed(1))
    assert float(self_ssim(first, smooth)) > float(self_ssim(first, detailed))


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(MetricError, match="divisible by 32"):
        self_ssim(pictures(1, 48), pictures(1, 64))
    with pytest.raises(MetricError, match="pairs"):
        self_ssim(pictures(1, 64), pictures(2, 64))
