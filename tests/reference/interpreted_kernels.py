"""Checks the GPU's kernels by Triton's interpreter: they are what is written in torch.

TRITON_INTERPRET=1 python -m tests.reference.interpreted_kernels
"""

from __future__ import annotations

from typing import Any

import torch

from anyres_bench.core.geometry import Size
from anyres_bench.reference import activation, fused, winograd
from anyres_bench.reference.activation import FilteredLRelu, filtered_lrelu
from tests.gpu import test_layers
from tests.gpu.agreement import apart
from tests.reference.test_activation import CASES, plain, run

TOLERANCES = {torch.float32: 1e-5, torch.float16: 1e-2}
SIZES = (Size(9, 11), Size(40, 31))


def check(op: FilteredLRelu, kernels: Any, size: Size, dtype: torch.dtype) -> None:
    """Values of an operation, and gradients where rounding turns no slope."""
    rng = torch.Generator().manual_seed(0)
    shapes = ((2, 3, *size), (2, 3), (3,))
    given = [torch.randn(shape, generator=rng).to(dtype) for shape in shapes]
    straight = FilteredLRelu(op.up, op.down, op.padding, op.gain, 1.0)
    for each, n in ((op, 1), (straight, 4)):
        want = run(plain, [tensor.double() for tensor in given], kernels, each)[:n]
        got = run(filtered_lrelu, given, kernels, each)[:n]
        for one, other in zip(got, want, strict=True):
            assert apart(one, other) < TOLERANCES[dtype], (op, size, dtype)


def main() -> None:
    """Check every case, reached from a CPU."""
    for module in (activation, fused, winograd):
        module.on_gpu = lambda x: True
    activation._DENSE_SIDE = 0
    for convolution in test_layers.CONVOLUTIONS:
        test_layers.check_convolution(*convolution, "cpu")
    for modulation in test_layers.MODULATIONS:
        test_layers.check_modulation(*modulation, "cpu")
    for op, kernels in CASES:
        for size in SIZES:
            for dtype in TOLERANCES:
                check(op, kernels, size, dtype)
    assert fused.KERNELS.works
    assert "module" in vars(fused.KERNELS)  # they were asked


if __name__ == "__main__":
    main()
