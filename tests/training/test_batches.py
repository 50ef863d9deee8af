"""Batches read ahead: every micro-batch once, in order, whatever the number of workers."""

from __future__ import annotations

import pytest
import torch

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
