"""Our checkpoint folders, and strict loading."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from anyres_bench.core.errors import CheckpointError
from anyres_bench.models.checkpoint import (
    Checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from anyres_bench.models.fitting import load_strict


def checkpoint(**changes: object) -> Checkpoint:
    state = {
        "a.weight": torch.arange(6.0).reshape(2, 3),
        "n": torch.tensor(7),
        "h": torch.ones(3, dtype=torch.bfloat16),
        "empty": torch.zeros(0, 4),
    }
    whole = Checkpoint("toy", {"width": 3, "name": "ä"}, state, "CC0", {"file": "x"}, {"lr": 0.1})
    return dataclasses.replace(whole, **changes)


class Toy(nn.Module):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.first = nn.Linear(width, 2)
        self.second = nn.Linear(2, width)
        self.register_buffer("w_avg", torch.zeros(width))


# -- our folders -----------------------------------------------------------------------------------


def test_a_folder_gives_back_what_was_written(tmp_path: Path) -> None:
    written = checkpoint()
    write_checkpoint(tmp_path / "new" / "toy", written)
    read = read_checkpoint(tmp_path / "new" / "toy")
    for field in ("architecture", "config", "licence", "source", "training", "digest"):
        assert getattr(read, field) == getattr(written, field)
    assert read.state.keys() == written.state.keys()
    for name, tensor in written.state.items():
        assert read.state[name].dtype == tensor.dtype
        assert torch.equal(read.state[name], tensor)
    assert sorted(p.name for p in (tmp_path / "new").rglob("*")) == [
        "checkpoint.json",
        "toy",
        "weights.safetensors",
    ]


def test_tensors_that_share_memory_or_are_transposed_are_written_whole(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    shared = checkpoint(state={"a": base, "b": base, "t": base.T, "part": base[1:, ::2]})
    write_checkpoint(tmp_path / "toy", shared)
    read = read_checkpoint(tmp_path / "toy").state
    assert torch.equal(read["b"], base)
    assert torch.equal(read["t"], base.T)
    assert torch.equal(read["part"], base[1:, ::2])


def test_the_digest_names_every_part_that_changes_a_pixel() -> None:
    base = checkpoint().digest
    assert checkpoint(licence="other", training=None).digest == base
    assert checkpoint(architecture="toy2").digest != base
    assert checkpoint(config={"width": 4, "name": "ä"}).digest != base
    state = dict(checkpoint().state)
    assert checkpoint(state=dict(reversed(state.items()))).digest == base
    for changed in (
        {**state, "n": torch.tensor(8)},
        {**state, "n": torch.tensor([7])},
        {**state, "h": torch.ones(3, dtype=torch.float16)},
        {**state, "more": torch.zeros(1)},
        {**state, "empty": torch.zeros(4, 0)},
    ):
        assert checkpoint(state=changed).digest != base


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "toy", checkpoint())
    with pytest.raises(CheckpointError, match="already there"):
        write_checkpoint(tmp_path / "toy", checkpoint(architecture="other"))
    assert read_checkpoint(tmp_path / "toy").architecture == "toy"


def test_nothing_stays_when_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="plain"):
        write_checkpoint(tmp_path / "toy", checkpoint(config={"bad": object()}))
    with pytest.raises(CheckpointError, match="finite"):
        write_checkpoint(tmp_path / "toy", checkpoint(training={"lr": float("inf")}))
    assert list(tmp_path.iterdir()) == []


def test_changed_files_are_noticed(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "toy", checkpoint())
    about = json.loads((tmp_path / "toy" / "checkpoint.json").read_text())
    for name, content, message in (
        ("checkpoint.json", json.dumps({**about, "config": {"width": 4}}), "digest"),
        ("checkpoint.json", json.dumps({**about, "schema": "anyres-bench/checkpoint@9"}), "@9"),
        ("checkpoint.json", json.dumps({**about, "licence": None}), "licence"),
        ("checkpoint.json", json.dumps({**about, "training": [1]}), "training"),
        ("checkpoint.json", json.dumps([about]), "schema 'list'"),
        ("checkpoint.json", "[" * 100_000, "no JSON"),
        ("checkpoint.json", "{", "no JSON"),
        ("checkpoint.json", json.dumps(about)[:-1] + ', "licence": "MIT"}', "stands twice"),
    ):
        (tmp_path / "toy" / name).write_text(content)
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(tmp_path / "toy")
    with (tmp_path / "toy" / "checkpoint.json").open("wb") as file:
        file.truncate(1 << 25)
    with pytest.raises(CheckpointError, match="at most"):
        read_checkpoint(tmp_path / "toy")
    (tmp_path / "toy" / "checkpoint.json").write_text(json.dumps(about))
    (tmp_path / "toy" / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"has no weights\.safetensors; copy it whole"):
        read_checkpoint(tmp_path / "toy")
    (tmp_path / "toy" / "checkpoint.json").unlink()
    with pytest.raises(CheckpointError, match=r"checkpoint\.json"):
        read_checkpoint(tmp_path / "toy")


def test_damaged_weights_are_noticed(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "toy", checkpoint())
    path = tmp_path / "toy" / "weights.safetensors"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-1] ^= 1
    huge = (1 << 62).to_bytes(8, "little") + whole[8:]
    for content in (bytes(flipped), whole[:-3], whole + b"x", b"", huge, whole[8:]):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"toy"):
            read_checkpoint(tmp_path / "toy")
    path.unlink()
    with pytest.raises(CheckpointError, match="has no weights"):
        read_checkpoint(tmp_path / "toy")


# -- strict loading --------------------------------------------------------------------------------


def test_strict_loading_copies_every_tensor() -> None:
    source, target = Toy(), Toy()
    load_strict(target, source.state_dict(), "toy.pkl")
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor)


def test_a_mismatch_lists_names_the_likeliest_pairs_first() -> None:
    state = Toy().state_dict()
    state["second.wieght"] = state.pop("second.weight")
    state["zzz"] = torch.zeros(1)
    state["first.weight"] = torch.zeros(2, 4)
    state["w_avg"] = torch.zeros(3, dtype=torch.int64)
    del state["first.bias"]
    target = Toy()
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_strict(target, state, "toy.pkl")
    assert str(caught.value).splitlines() == [
        "toy.pkl does not fit Toy",
        "  2 missing:",
        "    second.weight (nearest: second.wieght)",
        "    first.bias",
        "  2 unexpected:",
        "    second.wieght (nearest: second.weight)",
        "    zzz",
        "  2 of another shape or kind:",
        "    w_avg: (3,) int64 in the file, (3,) floats in the network",
        "    first.weight: (2, 4) floats in the file, (2, 3) floats in the network",
    ]
    for name, tensor in target.state_dict().items():
        assert torch.equal(before[name], tensor)


def test_long_wrong_names_and_those_with_line_ends_are_cut(tmp_path: Path) -> None:
    wrong = {f"weigh\nerror: well {'x' * 3000}{i}": torch.zeros(1) for i in range(2)}
    with pytest.raises(CheckpointError) as caught:
        load_strict(nn.Linear(2, 2), wrong, "toy")
    lines = str(caught.value).split("\n")
    assert len(lines) == 7
    assert max(map(len, lines)) < 300
    assert any(line.startswith(r"    weigh\nerror: well xxx") for line in lines)


def test_ten_thousand_wrong_names_are_counted_quickly() -> None:
    state = {f"layer{i}.weight": torch.zeros(1) for i in range(10_000)}
    with pytest.raises(CheckpointError, match=r"10000 unexpected") as caught:
        load_strict(Toy(), state, "toy.pkl")
    assert "... and 9990 more" in str(caught.value)


def test_a_flipped_bit_is_an_error_or_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    write_checkpoint(folder, checkpoint())
    want, noticed = read_checkpoint(folder), 0
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for bit in range(0, 8 * len(whole), max(1, 8 * len(whole) // 211)):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            try:
                got = read_checkpoint(folder)
            except CheckpointError:
                noticed += 1
                continue
            assert replace(got, state={}) == replace(want, state={})
            assert got.digest == want.digest
        path.write_bytes(whole)
    assert noticed > 300
