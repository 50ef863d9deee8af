"""Foreign weight files: tensors come out, programs do not run."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from anyres_bench.core.errors import CheckpointError, UnsafeCheckpointError, WeightsError
from anyres_bench.features.tensors import Undrawn, read_tensors

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "n": torch.tensor(7)}


class Leaf(nn.Module):
    """What a scripted layer looks like: a parameter, a buffer, attributes that are no tensors."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(start, start + 4.0).reshape(2, 2))
        self.register_buffer("mean", torch.full((3,), float(start)).half())
        self.padding = [0, 1]
        self.kind = "leaf"

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight.sum()


class Tree(nn.Module):
    """Nested layers, two of one class and a list of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Leaf(1)
        self.rest = nn.ModuleList([Leaf(5), Leaf(9)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.rest:
            x = layer(x)
        return self.first(x)


def test_a_state_dict_comes_back(tmp_path: Path) -> None:
    for name, legacy in (("new.pth", False), ("old.pth", True)):
        torch.save(STATE, tmp_path / name, _use_new_zipfile_serialization=not legacy)
        got = read_tensors(tmp_path / name)
        assert got.keys() == STATE.keys()
        assert all(torch.equal(got[key], STATE[key]) for key in STATE)


def test_torchscript_gives_its_tensors_by_attribute(tmp_path: Path) -> None:
    tree = Tree()
    torch.jit.script(tree).save(tmp_path / "tree.pt")
    got = read_tensors(tmp_path / "tree.pt")
    want = tree.state_dict()
    assert got.keys() == want.keys()
    for name, value in want.items():
        assert got[name].dtype == value.dtype
        assert torch.equal(got[name], value)


class Bomb:
    """Pickles as a call of a shell."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


@pytest.mark.parametrize("kind", ["pth", "legacy", "torchscript"])
def test_a_program_is_refused_and_not_run(kind: str, tmp_path: Path) -> None:
    canary, path = tmp_path / "ran", tmp_path / "bomb"
    if kind == "torchscript":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("net/constants.pkl", pickle.dumps(()))
            archive.writestr("net/data.pkl", pickle.dumps(Bomb(canary)))
    else:
        zipped = kind == "pth"
        torch.save({"a": Bomb(canary)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeCheckpointError, match="execute"):
        read_tensors(path)
    assert not canary.exists()


def test_what_is_no_set_of_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(WeightsError, match="No such file"):
        read_tensors(path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(CheckpointError, match="a web page, not the file"):
        read_tensors(path)
    torch.save([1, 2], path)
    with pytest.raises(
        CheckpointError, match="holds no network under its own keys; it holds a list"
    ):
        read_tensors(path)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["pth", "legacy", "torchscript"])
def test_a_truncated_file_is_damaged(kind: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / "x"
    if kind == "torchscript":
        torch.jit.script(Tree()).save(path)
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "pth")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CheckpointError):
        read_tensors(path)


def rewritten(source: Path, target: Path, change: dict[str, bytes], compress: bool = False) -> None:
    """Copy an archive with some entries replaced."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, change.get(name.partition("/")[2], old.read(name)))


def test_lies_inside_a_torchscript_file_are_found(tmp_path: Path) -> None:
    honest, path = tmp_path / "tree.pt", tmp_path / "x.pt"
    torch.jit.script(Tree()).save(honest)
    rewritten(honest, path, {}, compress=True)
    with pytest.raises(CheckpointError, match="compressed"):
        read_tensors(path)
    rewritten(honest, path, {"data/0": b"\0" * 4})
    with pytest.raises(CheckpointError, match="is declared with 16 bytes and has 4"):
        read_tensors(path)
    rewritten(honest, path, {"data.pkl": pickle.dumps(io.BytesIO, 2)})
    with pytest.raises(UnsafeCheckpointError, match="'BytesIO' of '_io'"):
        read_tensors(path)
    rewritten(honest, path, {"data.pkl": b"\x80\x02]q"})
    with pytest.raises(CheckpointError, match="cut short"):
        read_tensors(path)


def test_layers_are_made_without_drawing() -> None:
    def make() -> nn.Module:
        layers = (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2), nn.Conv2d(2, 2, 1))
        return nn.Sequential(*layers)

    torch.manual_seed(0)
    before = torch.get_rng_state()
    with Undrawn():
        made = make()
    assert torch.equal(torch.get_rng_state(), before)
    drawn = make().state_dict()
    assert not torch.equal(torch.get_rng_state(), before)
    assert {name: t.shape for name, t in made.state_dict().items()} == {
        name: t.shape for name, t in drawn.items()
    }
    assert torch.equal(made[1].running_var, torch.ones(4))  # type: ignore[index]
    made.load_state_dict(drawn)
