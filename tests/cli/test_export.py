"""`export` writes a dataset in the shapes that trainers read."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.fakes import write_dataset


def test_both_formats_hold_every_image(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_dataset(tmp_path / "tiny", [(48, 60), (30, 40), (50, 20)]).folder
    shards, archive = tmp_path / "shards", tmp_path / "tiny.zip"
    assert call(capfd, "export", folder, "webdataset", shards)[0] == 0
    code, out, _ = call(capfd, "export", folder, "stylegan-zip", archive)
    assert (code, out.startswith("written: ")) == (0, True)
    [shard] = shards.glob("*.tar")
    with tarfile.open(shard) as tar, zipfile.ZipFile(archive) as zipped:
        assert sum(name.endswith(".png") for name in tar.getnames()) == 3
        assert sum(name.endswith(".png") for name in zipped.namelist()) == 3


@pytest.mark.parametrize("arguments", [["tfrecord", "x"], ["stylegan-zip", "x"], ["webdataset"]])
def test_wrong_calls_write_nothing(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_dataset(tmp_path / "tiny", [(48, 60)]).folder
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capfd, "export", folder, *arguments)
    assert code == 2
    assert err
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
