"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.cli.options import read_options
from anyres_bench.core.errors import UsageError
from tests.cli.calls import call


def test_options_of_models_are_named_and_checked() -> None:
    assert read_options(["weights=a=b.pth"], psi=0.7, assembly=None) == {
        "weights": "a=b.pth",
        "psi": "0.7",
    }
    with pytest.raises(UsageError, match="not NAME=VALUE"):
        read_options(["weights"])
    with pytest.raises(UsageError, match="psi is given twice"):
        read_options(["psi=1"], psi=0.5)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("evaluate real --dataset {data} --reference-n 9", "--reference-n is of --reference;"),
        ("evaluate real --dataset {data} --as ffhq6k", "--as ffhq6k is of --suite paper;"),
        ("generate scenes --size 64 --frames 48", "--frames is of --zoom;"),
        ("generate scenes --size 64 --fps 16", "--fps is of --interpolate or --zoom;"),
        ("generate scenes --size 64 --grid --video mp4", "--video is of --interpolate or --zoom;"),
        ("train {out} --preset scenes-tiny --task-n 9", "--task-n is of --task;"),
        ("report --compare a.json b.json --out {out} c", "leave --out, [RESULTS]... out"),
        ("leaderboard reproduce scenes --seed 7", "--seed is of --fraction;"),
        ("leaderboard check {data} --base log.csv", "--base is of --board-log;"),
        ("leaderboard log {out} --why nothing", "--why is of --re-rendered or --retract;"),
    ],
)
def test_an_option_that_would_be_passed_over_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str, said: str
) -> None:
    """Before anything is read or written."""
    out = tmp_path / "out"
    code, printed, errors = call(capfd, *command.format(data=tmp_path, out=out).split())
    assert (code, printed) == (2, "")
    assert said in " ".join(errors.split())
    assert not out.exists()


@pytest.mark.parametrize(
    "command",
    [
        "leaderboard reproduce scenes --out {out} --fraction nan",
        "leaderboard verify {out} --dataset {out} --fraction nan",
        "upscale . {out} --model lanczos --size 9 --max-megapixels nan",
        "generate embedded:ours-seed0 --out {out} --memory nan",
    ],
)
def test_nan_lies_in_no_range(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    out = tmp_path / "out"
    code, _, errors = call(capfd, *command.format(out=out).split())
    assert code == 2
    assert "nan is no number; write one" in errors
    assert not out.exists()


def test_home_is_home_where_no_shell_has_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    assert call(capfd, "collect", "scenes", "~/scenes", "--n=1", "--log=~/log")[0] == 0
    assert (tmp_path / "home/scenes/dataset.json").exists()
    assert (tmp_path / "home/log").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
