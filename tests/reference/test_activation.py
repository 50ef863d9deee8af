"""The filtered leaky ReLU: its definition, its gradients, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
import torch.nn.functional as F

from anyres_bench.core.errors import UsageError
from anyres_bench.models.resample import Padding, upfirdn2d
from anyres_bench.reference import activation, dense
from anyres_bench.reference.activation import FilteredLRelu, Kernels, filtered_lrelu

TAPS = torch.tensor([0.1, 0.4, 0.5, 0.2])
RADIAL = torch.outer(TAPS, TAPS) + 0.05 * torch.eye(4)
CASES: list[tuple[FilteredLRelu, Kernels]] = [
    (FilteredLRelu(), (None, None)),
    (FilteredLRelu(2, 2, Padding(5, 4, 5, 4), clamp=0.7), (TAPS, TAPS)),
    (FilteredLRelu(4, 2, Padding(3, 6, -1, 2), gain=1.0, slope=0.1), (TAPS, RADIAL)),
    (FilteredLRelu(1, 2, Padding(1, 1, 1, 1)), (None, TAPS)),
    (FilteredLRelu(2, 1, Padding(4, 3, -1, 2), clamp=0.7), (TAPS, None)),
    (FilteredLRelu(2, 1, Padding(2, 3, 1, 2)), (RADIAL, None)),
    (FilteredLRelu(padding=Padding(-1, -2, 0, 1), gain=1.0, slope=1.0), (None, None)),
]


KEPT, COMPUTED_AGAIN = 11, 140  # widths whose upsampled image is, and is not, kept for the gradient


def inputs(width: int = KEPT) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    shapes = ((2, 3, 9, width), (2, 3), (3,))
    x, scale, bias = (torch.randn(shape, generator=rng).double() for shape in shapes)
    return x, scale, bias


def plain(
    x: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor, kernels: Kernels, op: FilteredLRelu
) -> torch.Tensor:
    """Stage by stage, the whole upsampled image at once."""

    def square(kernel: torch.Tensor | None) -> torch.Tensor:
        one = torch.ones(1) if kernel is None else kernel
        return (torch.outer(one, one) if one.ndim == 1 else one).to(x)

    x = x * scale[:, :, None, None] + bias[:, None, None]
    fine = upfirdn2d(x, square(kernels[0]) * op.up**2, up=op.up, padding=op.padding)
    fine = F.leaky_relu(fine, op.slope) * op.gain
    if op.clamp is not None:
        fine = fine.clamp(-op.clamp, op.clamp)
    return upfirdn2d(fine, square(kernels[1]), down=op.down)


def run(
    function: Callable[..., torch.Tensor],
    given: Iterable[torch.Tensor],
    kernels: Kernels,
    op: FilteredLRelu,
) -> list[torch.Tensor]:
    """The result, and the gradients of x, scale and bias."""
    tensors = [tensor.clone().requires_grad_() for tensor in given]
    out = function(*tensors, kernels, op)
    weights = torch.linspace(-1, 1, out.numel()).to(out).view_as(out)
    return [out.detach(), *torch.autograd.grad((out * weights).sum(), tensors)]


@pytest.mark.parametrize(("op", "kernels"), CASES)
def test_it_is_its_stages_one_after_the_other(op: FilteredLRelu, kernels: Kernels) -> None:
    x, scale, bias = inputs()
    want = plain(x, scale, bias, kernels, op)
    for kept in (True, False):
        with torch.set_grad_enabled(kept):
            torch.testing.assert_close(filtered_lrelu(x, scale, bias, kernels, op), want)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_what_was_clamped_has_no_gradient_in_half_precision(dtype: torch.dtype) -> None:
    op, kernels = FilteredLRelu(2, 2, Padding(5, 4, 5, 4), slope=1.0, clamp=0.7), (TAPS, TAPS)
    x, scale, bias = (tensor.to(dtype) for tensor in inputs())
    x.requires_grad_()
    filtered_lrelu(x, 1000 * scale.sign(), bias, kernels, op).sum().backward()
    assert x.grad is not None
    assert float((x.grad != 0).float().mean()) < 0.2  # those beside a change of sign


@pytest.mark.parametrize("width", [KEPT, COMPUTED_AGAIN])
def test_filters_follow_a_kernel_that_changes(width: int) -> None:
    x, scale, bias = inputs(width)
    op, taps = CASES[1][0], TAPS.clone()
    with torch.inference_mode():  # what is kept from here is used for gradients too
        before = filtered_lrelu(x, scale, bias, (taps, taps), op)
    x.requires_grad_()
    filtered_lrelu(x, scale, bias, (taps, taps), op).sum().backward()
    taps.mul_(0.5)
    after = filtered_lrelu(x, scale, bias, (taps, taps), op)
    torch.testing.assert_close(after, filtered_lrelu(x, scale, bias, (taps.clone(),) * 2, op))
    assert not torch.allclose(before, after)


@pytest.mark.parametrize("width", [KEPT, COMPUTED_AGAIN])
@pytest.mark.parametrize(("op", "kernels"), CASES)
def test_gradients_are_those_of_the_stages(op: FilteredLRelu, kernels: Kernels, width: int) -> None:
    found = [run(function, inputs(width), kernels, op) for function in (filtered_lrelu, plain)]
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("width", [KEPT, COMPUTED_AGAIN])
def test_halves_side_by_side_are_the_whole(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    op, kernels = CASES[1]
    monkeypatch.setattr(activation, "_CPU_CHUNK", 1)  # a plane at a time
    monkeypatch.setattr(dense, "_CHUNK", 1)
    found, before = [], torch.get_num_threads()
    for n_threads in (1, 2):
        tensors = [tensor.requires_grad_() for tensor in inputs(width)]
        try:
            torch.set_num_threads(n_threads)
            out = filtered_lrelu(*tensors, kernels, op)
            found.append([out.detach(), *torch.autograd.grad(out.square().sum(), tensors)])
            assert torch.get_num_threads() == n_threads
        finally:
            torch.set_num_threads(before)
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("band", [1, 1 << 14, 1 << 20])  # upsampled values: rows, more, all
@pytest.mark.parametrize(("op", "kernels"), CASES)
def test_bands_of_a_large_plane_are_the_whole(
    monkeypatch: pytest.MonkeyPatch, op: FilteredLRelu, kernels: Kernels, band: int
) -> None:
    monkeypatch.setattr(activation, "_CPU_BAND", band)
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, 150, 71, generator=rng).double()
    scale, bias = torch.rand(1, 3, generator=rng).double(), torch.rand(3, generator=rng).double()
    found = filtered_lrelu(x, scale, bias, kernels, op)
    torch.testing.assert_close(found, plain(x, scale, bias, kernels, op))


def test_a_gradient_of_the_gradient_is_refused() -> None:
    x, scale, bias = inputs(COMPUTED_AGAIN)
    op, kernels = CASES[1]
    out = filtered_lrelu(x.requires_grad_(), scale, bias, kernels, op)
    with pytest.raises(UsageError, match="differentiated once"):
        torch.autograd.grad(out.sum(), x, create_graph=True)
