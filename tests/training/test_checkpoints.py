"""Run states: the newest good one is found, whatever happened to the others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyres_bench.core.errors import CheckpointError
from anyres_bench.training.checkpoints import checkpoints, read_newest_state, write_state


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for n in (8, 16, 24, 1000):
        write_state(tmp_path, n, {"n": n, "w": torch.full((2,), float(n))}, keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == [
        "state-000000024.pt",
        "state-000001000.pt",
    ]
    state = read_newest_state(tmp_path)
    assert state is not None
    assert state["n"] == 1000
    assert state["w"].tolist() == [1000, 1000]


def test_no_state_is_none(tmp_path: Path) -> None:
    assert read_newest_state(tmp_path) is None
    assert read_newest_state(tmp_path / "absent") is None


def test_a_damaged_state_is_passed_over(tmp_path: Path) -> None:
    write_state(tmp_path, 1, {"n": 1}, keep=3)
    broken = write_state(tmp_path, 2, {"n": 2, "w": torch.zeros(1000)}, keep=3)
    broken.write_bytes(broken.read_bytes()[:700])
    state = read_newest_state(tmp_path)
    assert state is not None
    assert state["n"] == 1
    checkpoints(tmp_path)[0].write_bytes(b"")
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        read_newest_state(tmp_path)
