"""`tile` shows what tilers make of a size or a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.fakes import write_dataset


def test_one_size_by_one_tiler(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.csv"
    arguments = ("tile", "1080x1920", "--tiler", "internvl:max_tiles=6")
    code, out, err = call(capfd, *arguments, "--csv", table)
    assert code == 0, err
    assert "internvl" in out
    assert "internvl" in table.read_text()
    code, out, _ = call(capfd, *arguments, "--json")
    assert code == 0
    assert json.loads(out)


def test_a_folder_of_images(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_dataset(tmp_path / "tiny", [(48, 60), (300, 400)]).folder
    code, out, err = call(capfd, "tile", folder, "--tiler", "internvl")
    assert code == 0, err
    assert "internvl" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["1080x1920", "--tiler", "intervl"], 2, "internvl"),
        (["1080x1920", "--tiler", "internvl:tiles=6"], 2, "has no option 'tiles=6'"),
        (["1080x1920", "--budget", "0"], 2, "range 1<=x"),
        (["1080x1920", "--budget", "9" * 30], 2, "range 1<=x"),
        (["1080x1920", "--tiler", "internvl:max_tiles=6,max_tiles=7"], 2, "names an option twice"),
        (["1080x1920", "--tiler", "qwen2-vl:patch=none"], 2, "patch=none is no int"),
        (["1080x1920", "--explain", "--json"], 2, "--explain is no JSON"),
    ],
)
def test_wrong_calls(
    capfd: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    got, out, err = call(capfd, "tile", *arguments)
    assert (got, out) == (code, "")
    assert message in err
