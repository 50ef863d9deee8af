"""`export` writes a dataset in the shapes that trainers read."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anyres_bench.data.reading import read_image
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


def test_squares_of_one_size_are_the_middle_of_each_image(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dataset = write_dataset(tmp_path / "tiny", [(48, 60), (30, 40), (50, 20)])
    archive = tmp_path / "tiny.zip"
    code, _, told = call(capfd, "export", dataset.folder, "stylegan-zip", archive, "--size", "30")
    assert (code, "1 of 3 images are smaller than 30 px: left out" in told) == (0, True)
    with zipfile.ZipFile(archive) as zipped:
        pictures = [n for n in zipped.namelist() if n.endswith(".png")]
        with zipped.open(pictures[1]) as file, Image.open(file) as image:
            middle = np.asarray(image)
        assert json.loads(zipped.read("dataset.json"))["side"] == 30
    assert len(pictures) == 2
    # 30 x 40 px: nothing is shrunk, five columns are cut off on either side.
    np.testing.assert_array_equal(middle, read_image(dataset, 1)[:, 5:35])
    refused = ("export", dataset.folder, "webdataset", tmp_path / "x", "--size", "30")
    assert call(capfd, *refused)[0] == 2
    original = ("--pixels", "original", "--size", "30")
    other = tmp_path / "other.zip"
    assert call(capfd, "export", dataset.folder, "stylegan-zip", other, *original)[0] == 2
    code, _, told = call(capfd, "export", dataset.folder, "stylegan-zip", other, "--size", "99")
    assert (code, "no image of tiny has a side of 99 px" in told) == (1, True)


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
