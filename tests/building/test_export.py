"""Exports hold the images, in shapes that trainers read, the same bytes each time."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile
import warnings
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.export import export_stylegan_zip, export_webdataset
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.core.errors import DatasetError, UnknownNameError, UsageError
from anyres_bench.core.files import sha256_file
from anyres_bench.data.dataset import Dataset
from tests.building.rogues import Given, candidate


def test_webdataset(dataset: Dataset, tmp_path: Path) -> None:
    index = export_webdataset(dataset, tmp_path / "w", shard_bytes=10_000)
    told = json.loads(index.read_text())
    assert (told["digest"], told["images"], told["pixels"]) == (dataset.digest, 7, "original")
    assert len(told["shards"]) > 1
    seen: list[str] = []
    for shard in told["shards"]:
        path = tmp_path / "w" / shard["name"]
        assert sha256_file(path) == shard["sha256"]
        with tarfile.open(path) as tar:
            names = tar.getnames()
            assert len(names) == 2 * shard["images"]
            for image_name, json_name in zip(names[::2], names[1::2], strict=True):
                key = image_name.split(".")[0]
                assert json_name == f"{key}.json", "side by side"
                about = json.load(tar.extractfile(json_name))  # type: ignore[arg-type]
                stored = tar.extractfile(image_name).read()  # type: ignore[union-attr]
                assert stored == (dataset.folder / about["file_name"]).read_bytes()
                seen.append(about["file_name"])
    assert seen == [record.file_name for record in dataset.manifest]


def test_stylegan_zip(dataset: Dataset, tmp_path: Path) -> None:
    path = export_stylegan_zip(dataset, tmp_path / "s.zip")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert names == [f"00000/img{i:08d}.png" for i in range(7)] + ["dataset.json"]
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        about = json.loads(archive.read("dataset.json"))
        assert about["label_names"] == ["a", "b"]
        assert about["labels"][:3] == [[names[0], -1], [names[1], 1], [names[2], 0]]
        for name, record in zip(names, dataset.manifest, strict=False):
            image = Image.open(io.BytesIO(archive.read(name)))
            assert (image.height, image.width) == record.size
            assert image.mode == "RGB"


def test_no_labels_are_null(tmp_path: Path) -> None:
    order = Order(Given((candidate("1"),)), tmp_path / "o", "one", Rules(measure="header"))
    dataset = build(order, LocalEngine(ResourceLimits(processes=1))).dataset
    path = export_stylegan_zip(dataset, tmp_path / "s.zip", pixels="original")
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("dataset.json"))["labels"] is None
        assert (
            archive.read("00000/img00000000.jpg") == dataset.path(dataset.manifest[0]).read_bytes()
        )


def test_the_same_bytes_each_time(dataset: Dataset, tmp_path: Path) -> None:
    digests = set()
    for name in "ab":
        export_webdataset(dataset, tmp_path / name, pixels="png")
        export_stylegan_zip(dataset, tmp_path / f"{name}.zip")
        digests.add(
            (
                sha256_file(tmp_path / name / "seven-000000.tar"),
                sha256_file(tmp_path / f"{name}.zip"),
            )
        )
    assert len(digests) == 1


def test_only_what_an_export_wrote_is_replaced(dataset: Dataset, tmp_path: Path) -> None:
    folder, zipped = tmp_path / "w", tmp_path / "s.zip"
    export_webdataset(dataset, folder, shard_bytes=1)
    assert len(list(folder.glob("*.tar"))) == 7
    (folder / "other-000001.tar").write_bytes(b"of another dataset")
    export_webdataset(dataset, folder)
    assert sorted(p.name for p in folder.iterdir()) == [
        "index.json",
        "other-000001.tar",
        "seven-000000.tar",
    ]
    export_stylegan_zip(dataset, zipped)
    export_stylegan_zip(dataset, zipped)
    (folder / "seven-000003.tar").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"seven-000003\.tar was not written by an export"):
        export_webdataset(dataset, folder)
    (folder / "seven-000003.tar").unlink()
    (folder / "index.json").write_text('{"mine": 1}')
    with pytest.raises(UsageError, match=r"index\.json was not written by an export"):
        export_webdataset(dataset, folder)
    zipped.write_bytes(b"mine")
    with pytest.raises(UsageError, match="was not written by an export"):
        export_stylegan_zip(dataset, zipped)
    assert zipped.read_bytes() == b"mine"


def test_an_export_that_was_stopped_is_gone_on_with(dataset: Dataset, tmp_path: Path) -> None:
    """A full disk, a changed image or Ctrl-C left shards that the next run took for another's."""
    path = dataset.path(dataset.manifest[3])
    original = path.read_bytes()
    for earlier in (False, True):
        folder = tmp_path / f"earlier-{earlier}"
        if earlier:
            export_webdataset(dataset, folder, pixels="png", shard_bytes=1)
        path.write_bytes(original[:-1])
        try:
            with pytest.raises(DatasetError, match="not the file that was collected"):
                export_webdataset(dataset, folder, shard_bytes=1)
        finally:
            path.write_bytes(original)
        assert not (folder / "index.json").exists(), "what is not whole has no index"
        export_webdataset(dataset, folder)
        assert sorted(p.name for p in folder.iterdir()) == ["index.json", "seven-000000.tar"]


def test_a_folder_holds_one_export(dataset: Dataset, tmp_path: Path) -> None:
    export_webdataset(dataset, tmp_path / "w")
    index = (tmp_path / "w/index.json").read_bytes()
    other = dataclasses.replace(dataset, id="other")
    with pytest.raises(UsageError, match=r"index\.json is that of 'seven', not of other"):
        export_webdataset(other, tmp_path / "w")
    assert (tmp_path / "w/index.json").read_bytes() == index


@pytest.mark.parametrize("name", ["notes.txt", "dataset.json"])
def test_a_zip_that_was_added_to_is_not_replaced(
    dataset: Dataset, tmp_path: Path, name: str
) -> None:
    path = export_stylegan_zip(dataset, tmp_path / "s.zip")
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("dataset.json"))
    about["labels"][0][1] = 1
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that stands twice counts the second time
        archive.writestr(name, json.dumps(about))
    changed = path.read_bytes()
    with pytest.raises(UsageError, match="or was changed since"):
        export_stylegan_zip(dataset, path)
    assert path.read_bytes() == changed


def test_what_was_changed_is_not_exported(dataset: Dataset, tmp_path: Path) -> None:
    path = dataset.path(dataset.manifest[3])
    original = path.read_bytes()
    path.write_bytes(original[:-1])
    try:
        with pytest.raises(DatasetError, match="not the file that was collected"):
            export_stylegan_zip(dataset, tmp_path / "s.zip")
        assert not list(tmp_path.iterdir()), "nothing half written"
    finally:
        path.write_bytes(original)
    with pytest.raises(UnknownNameError, match="did you mean png"):
        export_webdataset(dataset, tmp_path / "w", pixels="pngs")
