"""Kernels, sharpening and JPEG: known values and properties."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from anyres_bench.baselines.realesrgan import degradation
from anyres_bench.baselines.realesrgan.degradation import KernelRanges, Shape
from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.seeds import stream


def smooth(h: int, w: int) -> torch.Tensor:
    y, x = torch.linspace(0, 1, h)[:, None], torch.linspace(0, 1, w)
    planes = [0.5 + 0.4 * torch.sin(9 * y * x + k) for k in range(3)]
    return torch.stack(planes)[None]


def test_kernels_sum_to_one_and_turn() -> None:
    shape = Shape(2.0, 1.0, theta=0.0, isotropic=False)
    kernel = degradation.gaussian_kernel(15, shape)
    assert kernel.sum() == pytest.approx(1)
    assert kernel[7, 9] == pytest.approx(kernel[7, 7] * np.exp(-0.5))  # two pixels along x
    turned = degradation.gaussian_kernel(15, Shape(2.0, 1.0, np.pi / 2, isotropic=False))
    assert np.allclose(turned, kernel.T)
    assert np.allclose(
        degradation.generalized_kernel(15, shape, beta=1.0), kernel
    )  # the plain Gaussian
    plateau = degradation.plateau_kernel(15, shape, beta=1.5)
    assert plateau[7, 9] == pytest.approx(plateau[7, 7] / 2)


def test_sinc_kernels() -> None:
    kernel = degradation.sinc_kernel(7, np.pi, pad_to=21)
    assert kernel.shape == (21, 21)
    assert kernel.sum() == pytest.approx(1)
    assert not kernel[:7].any()
    with pytest.raises(UsageError, match="odd side, got 8"):
        degradation.sinc_kernel(8, 1.0)


@pytest.mark.parametrize("kind", [name for name, _ in KernelRanges().kinds])
def test_random_kernels_follow_their_stream(kind: str) -> None:
    def draw(seed: int) -> np.ndarray:
        numbers = stream(seed, "kernel")
        uniform = lambda low, high: low + (high - low) * float(numbers.uniform())  # noqa: E731
        return degradation.mixed_kernel(kind, 13, KernelRanges(), uniform)

    assert np.array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))
    assert draw(1).sum() == pytest.approx(1)


def test_unknown_kernels_are_refused() -> None:
    assert sum(p for _, p in KernelRanges().kinds) == pytest.approx(1)
    with pytest.raises(UnknownNameError, match="did you mean plateau_iso"):
        degradation.mixed_kernel("plateau_is", 7, KernelRanges(), lambda low, high: low)


def test_filtering_reflects_and_takes_a_kernel_each() -> None:
    images = torch.rand(2, 3, 12, 9, generator=torch.Generator().manual_seed(0))
    impulse = torch.zeros(2, 3, 3)
    impulse[0, 1, 1] = impulse[1, 0, 1] = 1  # the pixel itself; the one above
    filtered = degradation.filter2d(images, impulse)
    assert torch.allclose(filtered[0], images[0])
    assert torch.allclose(filtered[1, :, 1:], images[1, :, :-1])
    assert torch.allclose(filtered[1, :, 0], images[1, :, 1])  # reflected, the edge not repeated


def test_sharpening_leaves_flat_and_steepens_edges() -> None:
    flat = torch.full((1, 3, 40, 40), 0.3)
    assert torch.allclose(degradation.sharpen(flat), flat)
    edge = torch.full((1, 3, 40, 40), 0.3)
    edge[..., 20:] = 0.7
    sharp = degradation.sharpen(edge)
    assert sharp[0, 0, 20, 20] > 0.75
    assert sharp[0, 0, 20, 19] < 0.25
    assert degradation.usm_kernel().shape == (51, 51)


def test_jpeg_is_pillows_but_for_the_transposed_table() -> None:
    image = smooth(48, 64)[:, :1].expand(-1, 3, -1, -1)  # grey: decoders enlarge chroma differently
    levels = (image[0].permute(1, 2, 0) * 255).round().byte().numpy()
    for quality in (20, 60, 95):
        buffer = io.BytesIO()
        Image.fromarray(levels).save(buffer, "JPEG", quality=quality, subsampling=2)
        stored = np.asarray(Image.open(buffer), np.float32) / 255
        ours = degradation.jpeg(image.mT, float(quality))[0].permute(2, 1, 0).numpy()
        assert np.abs(ours - stored).mean() < 0.004  # encoders round the table to integers
        assert np.abs(ours - levels / 255).mean() < 0.02


def test_jpeg_quality_is_per_sample_and_has_a_gradient() -> None:
    images = torch.cat([smooth(40, 37)] * 2).requires_grad_()
    both = degradation.jpeg(images, torch.tensor([10.0, 90.0]), degradation.soft_round)
    error = (both - images).abs().mean((1, 2, 3))
    assert error[0] > 2 * error[1]
    both.sum().backward()
    assert images.grad.abs().sum() > 0
    alone = degradation.jpeg(images[1:].detach(), 90.0, degradation.soft_round)
    assert torch.allclose(both[1:], alone, atol=1e-5)
    for quality in (0.0, 100.0):
        with pytest.raises(UsageError, match="above 0 and below 100"):
            degradation.jpeg(images.detach(), quality)
