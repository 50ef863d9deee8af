"""Batches read ahead: every micro-batch once, in order, whatever the number of workers."""

from __future__ import annotations

import contextlib
import threading

import pytest
import torch

from anyres_bench.core.errors import ImageError
from anyres_bench.training.batches import read_ahead
from anyres_bench.training.config import LoopConfig
from tests.training.toy import ToyItems


@pytest.mark.parametrize("n_workers", [0, 2])
def test_steps_come_in_order_with_all_their_parts(n_workers: int) -> None:
    config = LoopConfig(batch=6, micro_batch=2, n_workers=n_workers)
    steps = list(read_ahead(ToyItems(), config, 3, 6))
    assert len(steps) == 3
    for number, parts in enumerate(steps, 3):
        assert [part for part, _ in parts] == [0, 1, 2]
        for part, batch in parts:
            assert torch.equal(batch, ToyItems().micro_batch(number, 2 * part, 2))


def test_micro_batches_of_any_size_are_the_same_batch() -> None:
    whole, parts = (
        next(read_ahead(ToyItems(), LoopConfig(batch=6, micro_batch=n, n_workers=0), 0, 1))
        for n in (6, 3)
    )
    assert torch.equal(whole[0][1], torch.cat([batch for _, batch in parts]))


def test_a_run_that_is_done_has_no_steps() -> None:
    assert list(read_ahead(ToyItems(), LoopConfig(n_workers=0), 4, 4)) == []


class Counted(ToyItems):
    """Items that count what was read, and have none at one step."""

    def __init__(self, missing: int | None = None) -> None:
        super().__init__()
        self.read: list[int] = []
        self.missing = missing

    def micro_batch(self, step: int, start: int, n: int) -> torch.Tensor:
        self.read.append(step)
        if step == self.missing:
            raise ImageError("gone", f"no item at step {step}")
        return super().micro_batch(step, start, n)


def test_a_thread_reads_two_steps_ahead_and_ends_with_its_reader() -> None:
    items = Counted()
    batches = read_ahead(items, LoopConfig(batch=2, micro_batch=2, n_workers=0), 0, 1000)
    next(batches)
    batches.close()
    assert set(items.read) <= {0, 1, 2}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("data")]


@pytest.mark.parametrize("n_workers", [0, 1])
def test_what_cannot_be_read_is_told_at_its_step(n_workers: int) -> None:
    items = Counted(missing=1)
    batches = read_ahead(items, LoopConfig(batch=2, micro_batch=2, n_workers=n_workers), 0, 4)
    next(batches)
    with contextlib.closing(batches), pytest.raises(ImageError) as told:
        next(batches)
    assert (told.value.reason, str(told.value)) == ("gone", "no item at step 1")
