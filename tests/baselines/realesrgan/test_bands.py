"""Bands of rows: the whole image's pixels, nothing computed twice, memory of a few rows."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from anyres_bench.baselines.realesrgan.bands import run_rows
from anyres_bench.baselines.realesrgan.network import RRDBNet
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
def test_nothing_but_the_first_convolution_is_computed_twice(name: str) -> None:
    network, pixels = NETWORKS[name], image(100, 12)
    once = flops(lambda: network(pixels))
    assert once > 0
    again = 0
    if isinstance(network, RRDBNet):
        folded = pixels.new_empty(2, 3 * network.fold**2, 100 // network.fold, 12 // network.fold)
        again = flops(lambda: network.conv_first(folded))
    assert flops(lambda: list(run_rows(network, pixels))) == once + again


def held(num_block: int, height: int) -> int:
    """Numbers that are held when the first band has come, but for the network's and the image's."""
    network, pixels = tiny.rrdbnet(num_block=num_block), image(height, 8)
    known = {id(one) for one in gc.get_objects() if isinstance(one, Tensor)}
    bands = run_rows(network, pixels)
    next(bands)
    storages = {}
    for one in gc.get_objects():
        if isinstance(one, Tensor) and id(one) not in known:
            storage = one.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes() // one.element_size()
    storages.pop(pixels.untyped_storage().data_ptr())
    return sum(storages.values())


def test_memory_of_a_tall_image_is_that_of_a_few_rows() -> None:
    assert held(1, 128) == held(1, 512)


def test_memory_of_a_low_image_is_that_of_the_trunk() -> None:
    assert held(2, 64) == held(6, 64)
    assert held(6, 128) - held(6, 64) == 2 * 8 * 64 * 8  # a trunk of 8 channels, 8 wide


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
