"""A layer's weights and convolution by kernels, against their definitions in double precision."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.core.precision import single_precision, tf32
from anyres_bench.models.resample import NO_PADDING, Padding
from anyres_bench.reference import winograd as convolutions
from anyres_bench.reference.fused import modulated
from anyres_bench.reference.layers import Modulation
from anyres_bench.reference.winograd import suits, winograd
from tests.gpu.agreement import apart

# Shapes of images and weights, and zeros around; odd sides, planes of less than a square
CONVOLUTIONS = [
    ((2, 64, 9, 12), 70, Padding(2, 2, 2, 2)),
    ((1, 65, 5, 5), 64, NO_PADDING),
    ((3, 64, 7, 4), 65, Padding(1, 0, 2, 1)),
    ((1, 64, 1, 1), 64, Padding(1, 1, 1, 1)),
]
MODULATIONS = [(1, 20, 5, 3), (11, 70, 6, 1), (9, 64, 8, 3)]  # n, n_in, n_out, k
EPSILON = 1e-8


def draw(*shapes: tuple[int, ...]) -> list[Tensor]:
    """Normals, the same on every device."""
    rng = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=rng) for shape in shapes]


def check_convolution(
    shape: tuple[int, int, int, int], n_out: int, zeros: Padding, device: str
) -> None:
    """Winograd's is within a few roundings of the convolution."""
    x, weight, style = draw(shape, (n_out, shape[1], 3, 3), shape[:2])
    want = F.conv2d(
        F.pad(x.double() * style.double()[:, :, None, None], tuple(zeros)), weight.double()
    )
    given = [each.to(device) for each in (x, weight, style)]
    with torch.no_grad(), single_precision():
        assert suits(*given)
        out = torch.full_like(want, torch.nan, dtype=x.dtype, device=device)
        got = winograd(*given, zeros, out)
    assert got is out
    assert apart(got, want) < 2e-6


def check_modulation(n: int, n_in: int, n_out: int, k: int, device: str) -> None:
    """Every output channel of every sample has unit variance, whatever dtype it is for."""
    weight, style = draw((n_out, n_in, k, k), (n, n_in))
    gain = torch.tensor(0.7)
    for dtype, allowed in ((torch.float32, 1e-6), (torch.float16, 1e-3)):
        want = Modulation.of(weight.double(), style.double(), gain.double(), True)
        whole = want.weight * want.style[:, None, :, None, None] * want.scale[..., None, None, None]
        with torch.no_grad():
            there = (tensor.to(device) for tensor in (weight, style, gain))
            made = modulated(*there, dtype, EPSILON)
        assert made is not None
        own, styled, scale = (tensor.double() for tensor in made)
        got = own * styled[:, None, :, None, None] * scale[..., None, None, None]
        assert [tensor.dtype for tensor in made] == [dtype, dtype, torch.float32]
        assert apart(got, whole) < allowed
        if dtype == torch.float16:
            norms = own.flatten(1).norm(dim=1)
            assert apart(norms, torch.ones(n_out)) < allowed


@pytest.mark.parametrize(("shape", "n_out", "zeros"), CONVOLUTIONS)
def test_winograd(
    shape: tuple[int, int, int, int], n_out: int, zeros: Padding, device: str
) -> None:
    check_convolution(shape, n_out, zeros, device)


def test_winograd_in_parts(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "_GPU_VALUES", 1)  # a row of squares at a time
    check_convolution(*CONVOLUTIONS[0], device)


def test_winograd_is_of_single_precision_without_gradients(device: str) -> None:
    given = [each.to(device) for each in draw((1, 64, 6, 6), (64, 64, 3, 3), (1, 64))]
    x, weight, style = given
    with single_precision():
        assert not suits(x, weight.requires_grad_(), style)
        with torch.no_grad():
            assert suits(*given)
            assert not suits(x[:, :63], weight[:, :63], style[:, :63])
            assert not suits(*(each.half() for each in given))
            with torch.autocast("cuda"):
                assert not suits(*given)
    with torch.no_grad(), tf32(True):
        assert not suits(*given)


@pytest.mark.parametrize(("n", "n_in", "n_out", "k"), MODULATIONS)
def test_modulation(n: int, n_in: int, n_out: int, k: int, device: str) -> None:
    check_modulation(n, n_in, n_out, k, device)
