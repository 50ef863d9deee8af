"""The random degradation: what goes in, what comes out, and that a stream names it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anyres_bench.baselines.realesrgan.degrading import SECOND, degrade, draw_kernel, poisson_noise
from anyres_bench.core.errors import UsageError
from anyres_bench.core.seeds import stream


def scene(h: int, w: int) -> torch.Tensor:
    y, x = torch.linspace(0, 3, h)[:, None], torch.linspace(0, 3, w)
    return torch.stack([0.5 + 0.4 * torch.sin(y * x + k) for k in range(3)])[None]


def test_a_stream_names_the_result() -> None:
    image = scene(96, 112)
    results = [degrade(image, 4, stream(seed, "d")) for seed in (1, 1, 2)]
    assert results[0].shape == (1, 3, 24, 28)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_results_are_eight_bit_and_show_the_image() -> None:
    image = scene(96, 96)
    small = torch.nn.functional.interpolate(image, (24, 24), mode="area")
    errors = []
    for seed in range(40):
        made = degrade(image, 4, stream(seed, "d"))
        assert torch.equal((made * 255).round() / 255, made)
        assert made.min() >= 0
        assert made.max() <= 1
        errors.append(float((made - small).abs().mean()))
    assert 0.02 < np.median(errors) < 0.15
    assert max(errors) > 2 * min(errors)  # some are hardly touched, some badly


def test_every_size_and_scale_goes_through() -> None:
    for scale in (1, 2, 4):
        for seed in range(12):
            assert degrade(scene(80, 81), scale, stream(seed)).shape[2:] == (
                80 // scale,
                81 // scale,
            )
    with pytest.raises(UsageError, match="80 px a side or more"):
        degrade(scene(79, 90), 4, stream(0))


def test_kernels_are_of_one_side_and_sum_to_one() -> None:
    rng = stream(0, "kernels")
    uniform = lambda low, high: low + (high - low) * float(rng.uniform())  # noqa: E731
    kernels = np.array([draw_kernel(SECOND.sigma, uniform) for _ in range(200)])
    assert kernels.shape == (200, 21, 21)
    assert np.allclose(kernels.sum((1, 2)), 1)
    ringing = (kernels.min((1, 2)) < -1e-4).mean()
    assert 0.03 < ringing < 0.2


def test_shot_noise_grows_with_the_light() -> None:
    image = torch.full((1, 3, 64, 64), 0.1)
    image[..., 32:] = 0.9
    noise = poisson_noise(image, False, stream(1))
    assert noise[..., 32:].std() == pytest.approx(3 * float(noise[..., :32].std()), rel=0.1)
    assert abs(noise.mean()) < 0.05
    assert poisson_noise(image, True, stream(1)).shape == (1, 1, 64, 64)
