"""Bands of rows: the whole image's pixels, nothing computed twice, memory of a few rows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from anyres_bench.baselines.realesrgan.bands import RRDBNetRows, run_rows
from anyres_bench.core.geometry import Box
from tests.baselines import tiny

NETWORKS = {**{f"x{scale}": tiny.rrdbnet(scale) for scale in (4, 2, 1)}, "compact": tiny.compact()}


def image(height: int, width: int) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("height", [4, 32, 36, 100])
@pytest.mark.parametrize("name", NETWORKS)
def test_bands_are_the_whole(name: str, height: int) -> None:
    network, pixels = NETWORKS[name], image(height, 12)
    made = torch.cat(list(run_rows(network, pixels)), 2)
    assert torch.allclose(made, network(pixels), atol=1e-5)


def flops(run: object) -> int:
    with FlopCounterMode(display=False) as counter:
        run()  # type: ignore[operator]
    return counter.get_total_flops()


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_computed_twice(name: str) -> None:
    network, pixels = NETWORKS[name], image(100, 12)
    once = flops(lambda: network(pixels))
    assert once > 0
    assert flops(lambda: list(run_rows(network, pixels))) == once


def kept(part: object, seen: set[int]) -> int:
    """Numbers that a band leaves behind, in whatever object."""
    if id(part) in seen or isinstance(part, nn.Module):
        return 0
    seen.add(id(part))
    if isinstance(part, Tensor):
        return part.untyped_storage().nbytes() // part.element_size()
    parts = (
        part if isinstance(part, list) else vars(part).values() if hasattr(part, "__dict__") else []
    )
    return sum(kept(one, seen) for one in parts)


def test_memory_is_that_of_a_few_rows() -> None:
    network = tiny.rrdbnet(num_block=1)  # 8 channels, growing by 4

    def left(height: int) -> int:
        run = RRDBNetRows(network, Box(0, 0, height, 8))
        for _ in range(height // 8):
            run(torch.rand(1, 3, 8, 8), last=False)
        return kept(run, set())

    dense = 3 * 6 * 24  # what three dense blocks have seen, six rows
    waiting = 15 * 8 + 17 * 8  # beside the block, and beside the trunk
    others = 2 * (3 + 8) + 2 * 2 * (2 * 8 + 4 * 8 + 4 * 8 + 4 * 8)
    assert left(64) == left(256) <= 8 * (dense + waiting + others)


class Rows(TorchDispatchMode):
    """The most numbers that one convolution sees."""

    most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func is torch.ops.aten.convolution.default:
            self.most = max(self.most, args[0].numel())
        return func(*args, **(kwargs or {}))


def test_the_last_rows_come_in_bands_too() -> None:
    def most(num_block: int) -> int:
        with Rows() as rows:
            list(run_rows(tiny.rrdbnet(num_block=num_block), image(64, 4)))
        return rows.most

    assert most(12) == most(6)
