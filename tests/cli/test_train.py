"""`train --dry-run` prints the whole configuration and starts nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.fakes import write_dataset


def test_a_dry_run_tells_every_setting(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = write_dataset(tmp_path / "tiny", [(64, 64)] * 4).folder
    call_ = ("train", tmp_path / "run", "--preset", "scenes-tiny", "--data", data, "--dry-run")
    code, out, err = call(capfd, *call_, "--stage", "patch", "--set", "model.r1_gamma=3")
    assert code == 0, err
    assert '"r1_gamma": 3' in out
    assert json.loads(out)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "scenes-tny"], "scenes-tiny"),
        (["--preset", "scenes-tiny", "--set", "model.r1_gama=3"], "r1_gamma"),
        (["--preset", "scenes-tiny", "--stage", "pach"], "patch"),
        (["--preset", "scenes-tiny", "--task-dataset", "d"], "--task-dataset is of --task"),
    ],
)
def test_wrong_settings_suggest_the_nearest_and_leave_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    data = write_dataset(tmp_path / "tiny", [(64, 64)] * 4).folder
    code, out, err = call(capfd, "train", tmp_path / "run", "--data", data, *arguments, "--dry-run")
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "run").exists()
