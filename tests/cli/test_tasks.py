"""`tasks` lists what can be measured, and writes it out for a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.fakes import write_dataset


def test_every_kind_of_name_is_listed(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capfd, "tasks")
    assert code == 0
    assert {"anyres-patch{P}-min{A}max{B}", "quick", "frechet", "builtin", "real"} <= {*out.split()}


def test_suites_of_a_dataset_are_spelled_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = write_dataset(tmp_path / "tiny", [(48, 60)] * 4).folder
    code, out, _ = call(capfd, "tasks", "--dataset", folder)
    assert (code, "anyres-full32-noflip/frechet-ddof1" in out) == (0, True)
    code, out, err = call(capfd, "tasks", "--dataset", tmp_path / "none")
    assert (code, out) == (1, "")
    assert "no dataset at" in err
