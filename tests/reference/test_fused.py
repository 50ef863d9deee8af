"""The compiled path: it runs where it should, and failing it falls back with one line."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor

from anyres_bench.reference.fused import fused


def half_of(x: Tensor, by: float) -> Tensor:
    return x / by


def test_other_devices_run_as_written() -> None:
    run = fused(half_of, backend="no such backend")
    assert run(torch.ones(3), 2.0).tolist() == [0.5] * 3
    assert run.__name__ == "half_of"


@pytest.mark.slow
def test_compiled_gives_the_same() -> None:
    run = fused(half_of, device="cpu", backend="aot_eager")
    x = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(run(x, 3.0), x / 3.0)
    assert torch.equal(run(x[:2], 5.0), x[:2] / 5.0)


def test_failing_compilation_falls_back_once(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[int] = []

    def broken(module: torch.fx.GraphModule, inputs: list[Tensor]) -> None:
        tried.append(len(inputs))
        raise RuntimeError("no Triton here\nsecond line")

    run = fused(half_of, device="cpu", backend=broken)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert run(torch.ones(3), 2.0).tolist() == [0.5] * 3
    assert len(tried) == 1
    assert len(caplog.records) == 1
    assert "half_of runs uncompiled" in caplog.text


@pytest.mark.slow
def test_errors_of_the_function_itself_are_not_swallowed() -> None:
    run = fused(half_of, device="cpu", backend="aot_eager")
    with pytest.raises(TypeError):
        run(torch.ones(3), "two")  # type: ignore[arg-type]
