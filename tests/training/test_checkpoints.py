"""Run states: the newest good one is found, whatever happened to the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.reporting import report_to
from anyres_bench.training.checkpoints import checkpoints, read_newest_state, write_state
from tests.reporters import Recorder


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
    said = Recorder()
    with report_to(said):
        state = read_newest_state(tmp_path)
    assert state is not None
    assert state["n"] == 1
    assert f"passed over: {broken}: " in said.said[0]
    checkpoints(tmp_path)[0].write_bytes(b"")
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        read_newest_state(tmp_path)


def test_a_flipped_bit_is_an_error_or_changes_nothing(tmp_path: Path) -> None:
    """torch's own reader takes 2 of 7 such files for sound, with other numbers or settings."""
    adam = {"step": torch.tensor(3.0), "exp_avg": torch.arange(40.0)}
    state = {"step": 5, "settings": {"batch": 8, "kind": "toy"}, "optimizers": {"g": {0: adam}}}
    path = write_state(tmp_path, 1, state, keep=1)
    whole, noticed = path.read_bytes(), 0
    for bit in np.random.default_rng(0).integers(0, 8 * len(whole), 300):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            found = read_newest_state(tmp_path)
        except CheckpointError:
            noticed += 1
            continue
        assert found is not None
        got = found["optimizers"]["g"][0]
        assert all(torch.equal(got[name], adam[name]) for name in adam)
        assert {**found, "optimizers": None} == {**state, "optimizers": None}
    assert noticed > 100


def test_what_is_no_state(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "state-000000001.pt")
    with pytest.raises(CheckpointError, match="holds no state of a run"):
        read_newest_state(tmp_path)
