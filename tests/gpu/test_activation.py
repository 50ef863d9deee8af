"""The filtered leaky ReLU on a GPU, against its definition in double precision on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from anyres_bench.reference import activation, fused
from anyres_bench.reference.activation import FilteredLRelu, Kernels, filtered_lrelu
from tests.gpu.agreement import apart, farthest
from tests.reference.test_activation import CASES, plain

SIZES = [(9, 11), (64, 64), (37, 150)]
TOLERANCES = {torch.float32: 1e-5, torch.float16: 1e-2}
# Upsampled values so near to a bend that rounding takes them across have the other slope.
BENT = {torch.float32: 3e-2, torch.float16: 0.15}

Tensors = tuple[Tensor, Tensor, Tensor]


def inputs(size: tuple[int, int], dtype: torch.dtype, n: int = 2) -> Tensors:
    """Image, scale and bias in double precision, of values that `dtype` has."""
    rng = torch.Generator().manual_seed(0)
    shapes = ((n, 3, *size), (n, 3), (3,))
    x, scale, bias = (torch.randn(s, generator=rng).to(dtype).double() for s in shapes)
    return x, scale, bias


def on(device: str, kernels: Kernels) -> Kernels:
    up, down = (None if kernel is None else kernel.to(device) for kernel in kernels)
    return up, down


def run(
    function: Callable[..., Tensor], given: Tensors, kernels: Kernels, op: FilteredLRelu
) -> list[Tensor]:
    """The result and the gradients of x, scale and bias."""
    tensors = [tensor.detach().clone().requires_grad_() for tensor in given]
    out = function(*tensors, kernels, op)
    towards = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(out)
    return [out.detach(), *torch.autograd.grad((out * towards).sum(), tensors)]


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("op", "kernels"), CASES)
def test_values_and_gradients(
    op: FilteredLRelu, kernels: Kernels, size: tuple[int, int], dtype: torch.dtype, device: str
) -> None:
    given = inputs(size, dtype)
    there = tuple(tensor.to(device, dtype) for tensor in given)
    straight = replace(op, slope=1.0, clamp=None)  # the filters alone, which have no bends
    for each, allowed in ((op, BENT[dtype]), (straight, TOLERANCES[dtype])):
        want, *slopes = run(plain, given, kernels, each)
        got, *found = run(filtered_lrelu, there, on(device, kernels), each)
        assert got.dtype == dtype
        assert farthest(got, want) < TOLERANCES[dtype]
        for one, other in zip(found, slopes, strict=True):
            assert apart(one, other) < allowed
    with torch.no_grad():
        without = filtered_lrelu(*there, on(device, kernels), op)
    assert farthest(without, plain(*given, kernels, op)) < TOLERANCES[dtype]


@pytest.mark.parametrize("chunk", [1, 1 << 14])  # upsampled values: rows, more
@pytest.mark.parametrize(("op", "kernels"), CASES)
def test_bands_of_a_large_plane_are_the_whole(
    op: FilteredLRelu,
    kernels: Kernels,
    chunk: int,
    device: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(activation, "_GPU_CHUNK", chunk)
    given = inputs((150, 71), torch.float32, n=1)
    there = tuple(tensor.to(device, torch.float32) for tensor in given)
    with torch.no_grad():
        banded = filtered_lrelu(*there, on(device, kernels), op)
    assert farthest(banded, plain(*given, kernels, op)) < TOLERANCES[torch.float32]
    got = run(filtered_lrelu, there, on(device, kernels), replace(op, slope=1.0, clamp=None))
    want = run(plain, given, kernels, replace(op, slope=1.0, clamp=None))
    for one, other in zip(got, want, strict=True):
        assert apart(one, other) < TOLERANCES[torch.float32]


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_kernels_do_what_is_written_in_torch(
    dtype: torch.dtype, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    op, kernels = CASES[1]
    there = tuple(tensor.to(device, dtype) for tensor in inputs((37, 150), dtype))
    got = run(filtered_lrelu, there, on(device, kernels), op)
    assert fused.KERNELS.works
    monkeypatch.setattr(fused.KERNELS, "works", False)
    want = run(filtered_lrelu, there, on(device, kernels), op)
    for one, other in zip(got, want, strict=True):
        assert apart(one, other) < TOLERANCES[dtype]
