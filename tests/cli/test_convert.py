"""`anyres-bench convert`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from anyres_bench.cli.main import main
from anyres_bench.models.checkpoint import read_checkpoint, read_official_pickle
from tests.models.official_pickles import assemble, named, text, tiny_network, write_snapshot

GOLDEN = Path(__file__).parents[1] / "golden" / "anyres_snapshot_tiny.pkl"


def convert(*arguments: object) -> int:
    """Exit code of the command in this process."""
    with pytest.raises(SystemExit) as stop:
        main(["convert", *map(str, arguments)])
        raise SystemExit(0)
    return int(stop.value.code or 0)


@pytest.mark.parametrize("which", ["G_ema", "G", "D"])
def test_every_tensor_and_argument_arrives(
    which: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(GOLDEN, tmp_path / "out", "--which", which) == 0
    official = read_official_pickle(GOLDEN).network(which)
    checkpoint = read_checkpoint(tmp_path / "out")
    assert checkpoint.config == official.init_kwargs
    assert checkpoint.state.keys() == official.state.keys()
    for name, tensor in official.state.items():
        assert torch.equal(checkpoint.state[name], tensor)
    said = capsys.readouterr().out
    assert checkpoint.digest in said
    assert checkpoint.source["sha256"] in said
    assert checkpoint.licence in said


def test_training_options_and_licence_are_kept(tmp_path: Path) -> None:
    (tmp_path / "patch-options.json").write_text('{"batch_size": 32, "metrics": []}')
    options = ("--training-options", tmp_path / "patch-options.json", "--licence", "CC0")
    assert convert(GOLDEN, tmp_path / "out", *options) == 0
    about = json.loads((tmp_path / "out" / "checkpoint.json").read_text())
    assert about["training"] == {"batch_size": 32, "metrics": []}
    assert about["licence"] == "CC0"
    assert about["source"]["file"] == GOLDEN.name


def test_a_taken_folder_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    assert convert("nowhere.pkl", tmp_path / "out") == 2
    assert "already there" in capsys.readouterr().err
    assert convert(GOLDEN) == 2
    assert "SOURCE and OUT" in capsys.readouterr().err


def test_a_snapshot_that_does_not_fit_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    official = read_official_pickle(GOLDEN).network("G_ema")
    state = dict(official.state)
    state["mapping.fc0.wieght"] = state.pop("mapping.fc0.weight")
    state["mapping.fc1.bias"] = torch.zeros(77)
    network = tiny_network(state=state, init_kwargs=official.init_kwargs, buffers=(), extra={})
    path = write_snapshot(tmp_path / "bent.pkl", {"G_ema": network})
    assert convert(path, tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "mapping.fc0.weight (nearest: mapping.fc0.wieght)" in said
    assert "mapping.fc1.bias: (77,) floats in the file" in said
    assert [p.name for p in tmp_path.iterdir()] == ["bent.pkl"]


def test_a_hostile_file_ends_with_one_line_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program = assemble(named("os", "system"), text("touch CANARY"), b"\x85R")
    (tmp_path / "bad.pkl").write_bytes(program)
    monkeypatch.chdir(tmp_path)
    assert convert("bad.pkl", "out") == 1
    said = capfd.readouterr().err
    assert said.startswith("error: bad.pkl: the checkpoint asks for 'system' of 'os'")
    assert len(said.splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["bad.pkl"]


def test_the_list_states_what_is_known_and_what_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    assert convert("--list") == 0
    said = capsys.readouterr().out
    for name in ("anyres-ffhq6k", "stylegan3-t-ffhqu-256x256", "realesrgan-x4plus", "mspe-f-896"):
        assert name in said
    rows = {row.split()[0]: row for row in said.splitlines() if row}
    assert rows["name"].split() == ["name", "state", "bytes", "digest", "address", "licence"]
    assert rows["anyres-ffhq6k"].split()[1:6] == ["missing", "not", "known", "nobody", "by"]
    assert rows["inception-v3"].split()[1:6] == [
        "missing",
        "95,628,359",
        "third",
        "parties",
        "known",
    ]
    path = tmp_path / "weights" / "lpips-v0.1-alex.pth"
    path.parent.mkdir()
    path.write_bytes(b"")
    assert convert("--list", "LPIPS") == 0
    said = capsys.readouterr().out
    assert "anyres" not in said
    assert said.splitlines()[1].split()[:2] == ["lpips-alex", "here"]
    assert f"  put it   {path}" in said
    assert "  sha256   df73285e" in said
    assert convert("--list", "nonsense") == 2
    assert "no published file has 'nonsense'" in capsys.readouterr().err


def test_the_list_says_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert convert("--list", "anyres-ffhq6k") == 0
    said = capsys.readouterr().out
    assert "not published" in said
    assert "Adobe Research License" in said


@pytest.mark.parametrize("source", ["", ".", "/"])
def test_a_folder_is_no_snapshot(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(source, tmp_path / "out") == 1
    assert "is a folder; expected a" in capsys.readouterr().err


def test_a_licence_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(GOLDEN, tmp_path / "out", "--licence", "MIT\n\nPermission is granted") == 1
    assert "is not one line" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
