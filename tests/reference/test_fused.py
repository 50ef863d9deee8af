"""Tiles of the filtered leaky ReLU hold what a plane needs, and give way where they cannot."""

from __future__ import annotations

import logging
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from anyres_bench.core.geometry import Size
from anyres_bench.reference import activation, fused
from anyres_bench.reference.activation import FilteredLRelu, Filters, filtered_lrelu
from anyres_bench.reference.fused import Tiles
from tests.reference.test_activation import CASES, TAPS


def tiles_of(op: FilteredLRelu, kernels: Any, size: Size) -> tuple[Filters, Tiles | None]:
    filters = Filters.make(torch.empty(0, dtype=torch.float64), size, kernels, op)
    return filters, filters.tiles


@pytest.mark.parametrize(("op", "kernels"), CASES[1:4])
def test_tiles_side_by_side_are_the_plane(op: FilteredLRelu, kernels: Any) -> None:
    size = Size(67, 90)
    filters, tiles = tiles_of(op, kernels, size)
    assert tiles is not None
    [patch] = tiles.patches
    plane = torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made = torch.zeros(tiles.size, dtype=torch.float64)
    far = torch.nn.functional.pad(plane, (200, 200, 200, 200))
    for i in range(tiles.counts[0]):
        for j in range(tiles.counts[1]):
            top, left = 200 + patch.top + i * patch.step, 200 + patch.left + j * patch.step
            seen = far[top : top + patch.side, left : left + patch.side]
            fine = patch.y[0] @ seen @ patch.x[0]
            out = sum(y @ fine @ x for y, x in zip(tiles.y, tiles.x, strict=True))
            assert isinstance(out, Tensor)
            part = made[i * tiles.tile :, j * tiles.tile :][: tiles.tile, : tiles.tile]
            part.copy_(out[: part.shape[0], : part.shape[1]])
    up, down = filters.dense
    fine = sum((y @ plane @ x for y, x in up.terms), torch.zeros(()))
    want = sum((y @ fine @ x for y, x in down.terms), torch.zeros(()))
    torch.testing.assert_close(made, want)


def test_filters_longer_than_a_tile_have_none() -> None:
    long = torch.ones(60) / 60
    assert tiles_of(FilteredLRelu(2, 2), (TAPS, long), Size(80, 80))[1] is None


def test_what_cannot_be_compiled_runs_as_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(ModuleType):
        @property
        def forward(self) -> Any:
            raise RuntimeError("no compiler here\nsecond line")

    kernels = fused._Kernels()
    kernels.__dict__["module"] = Broken("kernels")
    monkeypatch.setattr(fused, "KERNELS", kernels)
    monkeypatch.setattr(activation, "_DENSE_SIDE", 0)
    op, taps = CASES[1]
    x, scale, bias = torch.randn(2, 3, 40, 40), torch.ones(2, 3), torch.zeros(3)
    want = filtered_lrelu(x, scale, bias, taps, op)
    monkeypatch.setattr(activation, "on_gpu", lambda tensor: True)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert torch.equal(filtered_lrelu(x, scale, bias, taps, op), want)
    assert len(caplog.records) == 1
    assert "no compiler here" in caplog.text


def test_memory_that_is_not_there_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(kernels: Any) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    kernels = fused._Kernels()
    kernels.__dict__["module"] = ModuleType("kernels")
    with pytest.raises(torch.OutOfMemoryError):
        kernels.attempt(torch.ones(1), full)
    assert kernels.works
