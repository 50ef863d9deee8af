"""Resampling against what it is defined as: zeros inserted, padded, filtered, decimated."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.models.resample import (
    Padding,
    downsample2d,
    filter2d,
    upfirdn2d,
    upsample2d,
)
from anyres_bench.reference.activation import FilteredLRelu, filtered_lrelu
from anyres_bench.reference.layers import Modulation, modulated_conv2d


def defined(
    x: Tensor, kernel: Tensor, up: int, down: int, padding: Padding, gain: float, flip: bool = False
) -> Tensor:
    """`upfirdn2d`, step by step."""
    n, c, h, w = x.shape
    fine = x.new_zeros(n, c, h * up, w * up)
    fine[:, :, ::up, ::up] = x
    plane = torch.outer(kernel, kernel) if kernel.ndim == 1 else kernel
    plane = plane * gain if flip else plane.flip(0, 1) * gain
    fine = F.pad(fine, tuple(padding)).flatten(0, 1)[:, None]
    out = F.conv2d(fine, plane[None, None].to(x.dtype))
    return out.view(n, c, *out.shape[2:])[:, :, ::down, ::down]


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


GEOMETRIES = [
    (1, 1, Padding(3, 2, 4, 1)),
    (2, 1, Padding(3, 2, 5, 1)),
    (1, 2, Padding(2, 3, -1, 4)),
    (4, 1, Padding(0, 0, 0, 0)),
    (3, 2, Padding(-3, -5, 4, 9)),
]


@pytest.mark.parametrize(("up", "down", "padding"), GEOMETRIES)
@pytest.mark.parametrize("shape", [(8,), (5, 6)])
@pytest.mark.parametrize("flip", [False, True])
def test_upfirdn(up: int, down: int, padding: Padding, shape: tuple[int, ...], flip: bool) -> None:
    x, kernel = random(2, 3, 14, 11), random(*shape, seed=1)
    got = upfirdn2d(x, kernel, up=up, down=down, padding=padding, gain=2.5, flip=flip)
    torch.testing.assert_close(got, defined(x, kernel, up, down, padding, 2.5, flip))


def test_upfirdn_is_differentiable_twice() -> None:
    x, kernel = random(1, 2, 6, 5).requires_grad_(True), random(4, 4, seed=1)
    for up, down in ((2, 1), (1, 2)):
        assert torch.autograd.gradgradcheck(
            lambda x, up=up, down=down: upfirdn2d(x, kernel, up=up, down=down).sin(), x
        )


def test_constants_keep_their_value_inside() -> None:
    x, kernel = torch.ones(1, 1, 24, 24), torch.full((12,), 1 / 12)
    for y in (filter2d(x, kernel), upsample2d(x, kernel), downsample2d(x, kernel)):
        middle = y[:, :, y.shape[2] // 3 : -y.shape[2] // 3, y.shape[3] // 3 : -y.shape[3] // 3]
        torch.testing.assert_close(middle, torch.ones_like(middle))


def chained(
    x: Tensor, scale: Tensor, bias: Tensor, kernels: tuple[Tensor, Tensor], op: FilteredLRelu
) -> Tensor:
    """`filtered_lrelu`, step by step."""
    x = x * scale[:, :, None, None] + bias[:, None, None]
    x = defined(x, kernels[0], op.up, 1, op.padding, op.up**2)
    x = F.leaky_relu(x, op.slope) * op.gain
    x = x if op.clamp is None else x.clamp(-op.clamp, op.clamp)
    return defined(x, kernels[1], 1, op.down, Padding(), 1)


@pytest.mark.parametrize(("up", "down", "padding"), GEOMETRIES)
@pytest.mark.parametrize("clamp", [None, 0.8])
@pytest.mark.parametrize("down_shape", [(7,), (6, 5)])
def test_filtered_lrelu_and_its_gradients(
    up: int, down: int, padding: Padding, clamp: float | None, down_shape: tuple[int, ...]
) -> None:
    op = FilteredLRelu(up, down, padding, clamp=clamp)
    kernels = random(6, seed=1) / 2, random(*down_shape, seed=2) / 3
    inputs = [random(2, 3, 40, 37), random(2, 3, seed=3), random(3, seed=4)]
    inputs = [tensor.requires_grad_(True) for tensor in inputs]
    got = filtered_lrelu(*inputs, kernels, op)
    want = chained(*inputs, kernels, op)
    torch.testing.assert_close(got, want)
    grad = random(*want.shape, seed=5)
    got_grads = torch.autograd.grad(got, inputs, grad)
    want_grads = torch.autograd.grad(want, inputs, grad)
    torch.testing.assert_close(got_grads, want_grads)


def test_many_planes_are_those_of_each_alone() -> None:
    """Chunks end in the middle of the planes; stale ones must not show."""
    op = FilteredLRelu(2, 2, Padding(9, 8, 9, 8), clamp=256)
    kernels = random(12, seed=1), random(12, seed=2)
    x, scale, bias = random(3, 37, 150, 150), random(3, 37, seed=3), random(37, seed=4)
    together = filtered_lrelu(x, scale, bias, kernels, op)
    for n, c in ((0, 0), (1, 17), (2, 36)):
        one = slice(c, c + 1)
        alone = filtered_lrelu(x[n : n + 1, one], scale[n : n + 1, one], bias[one], kernels, op)
        torch.testing.assert_close(together[n, c], alone[0, 0])


def test_identity_still_scales_and_clamps() -> None:
    x = torch.tensor([-2.0, 0.5, 9.0]).view(1, 1, 1, 3)
    op = FilteredLRelu(gain=2, slope=0.5, clamp=4)
    y = filtered_lrelu(x, torch.full((1, 1), 1.5), torch.ones(1), (None, None), op)
    assert y.flatten().tolist() == [-2.0, 3.5, 4.0]


def test_a_second_gradient_is_refused() -> None:
    x = random(1, 1, 20, 140).requires_grad_(True)
    one = torch.ones(1, 1, dtype=x.dtype)
    y = filtered_lrelu(x, one, one[0], (random(6), random(6)), FilteredLRelu(2, 2))
    with pytest.raises(UsageError, match="differentiated once"):
        torch.autograd.grad(y.sum(), x, create_graph=True)


def test_half_precision_follows_single() -> None:
    """What runs on a GPU alone, on the CPU: weights are made in single precision and cast."""
    x, weight, style = random(2, 6, 36, 36), random(5, 6, 3, 3, seed=1), random(2, 6, seed=2)
    gain = torch.tensor(0.7)
    kernels = (random(12, seed=3).abs(), random(12, 12, seed=4).abs())
    kernels = (kernels[0] / kernels[0].sum(), kernels[1] / kernels[1].sum())
    op, bias = FilteredLRelu(2, 2, Padding(9, 8, 9, 8), clamp=256), random(5, seed=5)
    results = []
    for dtype in (torch.float32, torch.float16):
        modulation = Modulation.of(weight.float(), style.float(), gain, True, dtype)
        y, scale = modulated_conv2d(x.to(dtype), modulation, padding=2)
        results.append(filtered_lrelu(y, scale, bias, kernels, op))
        assert results[-1].dtype == dtype
    single, half = results[0], results[1].float()
    assert float((single - half).abs().max()) < 0.01 * float(single.abs().max())
