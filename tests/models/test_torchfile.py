"""Files of tensors that belong to a model."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from torch import nn

from anyres_bench.core.errors import CheckpointError, UnsafeCheckpointError
from anyres_bench.models.fitting import load_strict
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


@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files_are_read(zipped: bool, tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    saved = {"model": {"sd": module.state_dict(), "name": "edsr"}, "epoch": 7, "half": [0.5, None]}
    saved["view"] = torch.arange(12.0).reshape(3, 4).half().T
    path = tmp_path / "model.pth"
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)
    read = read_torch_file(path)
    assert read["epoch"] == 7
    assert read["half"] == [0.5, None]
    assert torch.equal(read["view"], saved["view"])
    load_strict(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), read["model"]["sd"], "model.pth")


def test_a_torch_file_that_is_absent_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"gone\.pth.*No such file"):
        read_torch_file(tmp_path / "gone.pth")


def test_a_torch_file_of_another_type_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"w": torch.zeros(2, dtype=torch.complex64)}, buffer)
    (tmp_path / "complex.pt").write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError, match="ComplexFloatStorage"):
        read_torch_file(tmp_path / "complex.pt")
