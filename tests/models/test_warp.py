"""The teacher's resampler: one matrix an axis, and the general way, must be one thing."""

from __future__ import annotations

import math

import pytest
import torch

from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.warp import affine_resample, plane_filter


def smooth(height: int, width: int) -> torch.Tensor:
    y = torch.arange(height)[:, None] / height
    x = torch.arange(width)[None, :] / width
    waves = [torch.sin(9 * y + 4 * x), torch.cos(7 * x), torch.sin(5 * y) * torch.cos(6 * x)]
    return torch.stack([wave.expand(height, width) for wave in waves])[None].double()


def patch_of(side: int, canvas: int, top: int, left: int) -> torch.Tensor:
    return Region(Size.square(canvas), top, left, Size.square(side)).affine()


@pytest.mark.parametrize("inverse", [False, True])
def test_axes_and_planes_agree(inverse: bool) -> None:
    """A rotation too small to see takes the general path."""
    matrix = patch_of(48, 110, 20, 41)
    matrix = matrix.inverse() if inverse else matrix
    turned = matrix.clone()
    turned[0, 1] = 1e-13
    x = smooth(48, 48)
    for a, b in zip(
        affine_resample(x, matrix[None]), affine_resample(x, turned[None]), strict=True
    ):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=0)


def test_filters_agree_and_pass_constants() -> None:
    matrix = torch.diag(torch.tensor([0.4, 0.9, 1.0])).double()
    turned = matrix.clone()
    turned[0, 1] = 1e-15
    one, other = plane_filter(matrix), plane_filter(turned)
    torch.testing.assert_close(one, other, atol=1e-12, rtol=0)
    for y in range(4):
        for x in range(4):
            assert float(one[y::4, x::4].sum()) == pytest.approx(1 / 16)


def test_a_patch_lands_where_it_was_cut() -> None:
    x, matrix = smooth(96, 96), patch_of(96, 192, 40, 70)[None]
    cut, seen = affine_resample(x, matrix.inverse())
    pasted, mask = affine_resample(cut, matrix)
    inside = mask.bool().expand_as(x)
    assert bool(seen.bool()[..., 30:-30, 30:-30].all())
    assert 20 < float(mask.sum()) < 0.25 * 96 * 96
    assert float((pasted - x)[inside].abs().max()) < 0.02
    rows = torch.nonzero(mask[0, 0].any(dim=1)).flatten()
    centre = float(rows.double().mean() + 0.5) / 96 - 0.5
    assert centre == pytest.approx(float(matrix[0, 1, 2]), abs=0.01)


def test_quarter_turns_turn() -> None:
    x = smooth(80, 80)
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]).double()[None]
    turned, mask = affine_resample(x, turn)
    expected = x.rot90(-1, dims=(2, 3))
    inside = mask.bool().expand_as(x)
    assert int(inside.sum()) > 1000
    assert float((turned - expected)[inside].abs().max()) < 1e-3


def test_each_image_has_its_own_matrix_and_gradients_flow() -> None:
    x = torch.cat([smooth(40, 32), smooth(40, 32).flip(3)]).requires_grad_(True)
    angle = 0.3
    spin = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    second = torch.eye(3).double()
    second[:2, :2] = spin
    matrices = torch.stack([torch.diag(torch.tensor([0.5, 0.7, 1.0])).double(), second])
    out, mask = affine_resample(x, matrices)
    assert out.shape == x.shape
    assert mask.shape == (2, 1, 40, 32)
    for i in range(2):
        alone, _ = affine_resample(x[i : i + 1], matrices[i : i + 1])
        torch.testing.assert_close(out[i : i + 1], alone)
    # Linear: the gradient of <out, g> has the inner product <x, grad> = <out, g>.
    g = torch.randn(out.shape, generator=torch.Generator().manual_seed(0)).double()
    [grad] = torch.autograd.grad((out * g).sum(), x)
    torch.testing.assert_close((grad * x).sum(), (out * g).sum())
