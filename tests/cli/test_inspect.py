"""`inspect` shows what a dataset holds, and whether its files are as collected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.fakes import write_dataset


def test_numbers_and_digests(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    dataset = write_dataset(tmp_path / "tiny", [(48, 60), (30, 40), (50, 20)])
    code, out, err = call(capfd, "inspect", dataset.folder, "--json", "--verify")
    numbers = json.loads(out)
    assert (code, numbers["images"]) == (0, 3)
    assert "all 3 files are as collected" in err
    (dataset.folder / dataset.manifest[1].file_name).unlink()
    code, out, err = call(capfd, "inspect", dataset.folder, "--verify")
    assert (code, out) == (1, "")
    assert "1 of 3 files are missing or changed" in err


def test_a_folder_that_is_no_dataset(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capfd, "inspect", tmp_path / "none")
    assert (code, out, "no dataset at" in err) == (1, "", True)
