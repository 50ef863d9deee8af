"""Winograd's convolution on a CPU; that of a GPU's kernels is in `tests/gpu/test_layers.py`."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.models.resample import NO_PADDING, Padding
from anyres_bench.reference import layers, winograd
from anyres_bench.reference.layers import Modulation, Workspace, modulated_conv2d
from anyres_bench.reference.winograd import suits

CASES = [
    ((2, 160, 17, 18), 163, Padding(2, 2, 2, 2)),
    ((1, 161, 16, 16), 160, NO_PADDING),
    ((3, 160, 19, 14), 160, Padding(1, 0, 2, 1)),
    ((1, 160, 16, 16), 160, Padding(5, 5, 5, 5)),  # rows of zeros alone
]


def draw(*shapes: tuple[int, ...]) -> list[Tensor]:
    rng = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=rng) for shape in shapes]


@pytest.mark.parametrize("values", [1, 1 << 17, 1 << 24])  # a row of squares at a time, two, all
@pytest.mark.parametrize(("shape", "n_out", "zeros"), CASES)
def test_it_is_the_convolution(
    shape: tuple[int, int, int, int],
    n_out: int,
    zeros: Padding,
    values: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(winograd, "_CPU_VALUES", values)
    x, weight, style = draw(shape, (n_out, shape[1], 3, 3), shape[:2])
    styled = x.double() * style.double()[:, :, None, None]
    want = F.conv2d(F.pad(styled, tuple(zeros)), weight.double())
    with torch.no_grad():
        assert suits(x, weight, style)
        out = torch.full_like(want, torch.nan, dtype=torch.float32)
        assert winograd.winograd(x, weight, style, zeros, out) is out
    assert float((out - want).norm() / want.norm()) < 2e-6


def test_a_layer_takes_it_where_no_gradient_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, style = draw((2, 160, 16, 16), (160, 160, 3, 3), (2, 160))
    made = Modulation.of(weight.requires_grad_(), style, torch.tensor(1.0), True)
    taken: list[Tensor] = []
    convolve = layers.winograd
    monkeypatch.setattr(
        layers, "winograd", lambda *given: taken.append(convolve(*given)) or taken[-1]
    )
    want, _ = modulated_conv2d(x, made, 1)
    assert not taken
    with torch.no_grad():
        workspace = Workspace(x, want.numel())
        got, _ = modulated_conv2d(x, made, 1, workspace=workspace)
    assert len(taken) == 1
    assert got.data_ptr() == taken[0].data_ptr()
    assert float((got - want.detach()).norm() / want.detach().norm()) < 2e-6


def test_what_it_does_not_suit() -> None:
    x, weight, style = draw((1, 160, 16, 16), (160, 160, 3, 3), (1, 160))
    with torch.no_grad():
        assert suits(x, weight, style)
        assert not suits(x, weight[..., :1, :1], style)
        assert not suits(x[:, :159], weight[:, :159], style[:, :159])
        assert not suits(x[:, :, :15], weight, style)  # fewer pixels
        assert not suits(x.double(), weight.double(), style.double())
        with torch.autocast("cpu", torch.bfloat16):
            assert not suits(x, weight, style)
    assert not suits(x, weight.requires_grad_(), style)
