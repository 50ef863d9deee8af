"""Batches side by side: every image once and in order, torch's threads left as they were."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from anyres_bench.core.errors import ModelError
from anyres_bench.features.batches import in_batches

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 2, 5])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def images(n: int) -> Tensor:
    return torch.arange(n, dtype=torch.float32).view(n, 1, 1, 1).expand(n, 3, 2, 2)


def seen_by_new_thread() -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("n", [0, 1, 4, 11])
def test_rows_come_in_order_and_batches_have_one_number_of_threads(threads: int, n: int) -> None:
    used = set()

    def run(batch: Tensor) -> Tensor:
        used.add(torch.get_num_threads())
        assert 1 <= len(batch) <= 4
        return batch[:, :2, 0, 0] + 1

    rows = in_batches(run, images(n), 4, 2, CPU)
    assert torch.equal(rows, 1 + torch.arange(n).view(n, 1).expand(n, 2).float())
    assert used <= {-(-threads // 2)}
    assert torch.get_num_threads() == threads
    assert seen_by_new_thread() == threads


@pytest.mark.parametrize("error", [ModelError, KeyboardInterrupt])
def test_an_error_ends_it_and_leaves_the_threads(threads: int, error: type[BaseException]) -> None:
    def run(batch: Tensor) -> Tensor:
        raise error("stop")

    with pytest.raises(error, match="stop"):
        in_batches(run, images(9), 1, 1, CPU)
    assert torch.get_num_threads() == threads
    assert seen_by_new_thread() == threads
