"""Files of tensors that belong to a model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyres_bench.core.errors import CheckpointError, UnsafeCheckpointError
from anyres_bench.models.torchfile import read_torch_file


def test_tensors_and_plain_values_come_back(tmp_path: Path) -> None:
    state = {"w": torch.arange(6.0).reshape(2, 3), "n": 3, "names": ["a", "b"]}
    torch.save(state, tmp_path / "a.pt")
    read = read_torch_file(tmp_path / "a.pt")
    assert torch.equal(read["w"], state["w"])
    assert (read["n"], list(read["names"])) == (3, ["a", "b"])


def test_a_program_is_refused_with_what_to_do(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "a.pt"))
    with pytest.raises(UnsafeCheckpointError, match=r"TorchScript program.*state_dict"):
        read_torch_file(tmp_path / "a.pt")


def test_a_file_that_is_cut_short_is_damaged(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(100)}, tmp_path / "a.pt")
    data = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError):
        read_torch_file(tmp_path / "a.pt")
