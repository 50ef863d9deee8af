"""Datasets: identity, roles, completeness."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anyres_bench.core.errors import DatasetError, UnknownNameError
from anyres_bench.data.dataset import DATASET_NAME, Dataset
from anyres_bench.data.records import ImageRecord, Manifest


def images(n: int, source: str = "a", **changes: str) -> list[ImageRecord]:
    return [
        ImageRecord(
            file_name=f"{source}_{i:03}.png",
            sha256=f"{source}{i}",
            n_bytes=1,
            height=3,
            width=4,
            source=source,
            **changes,  # type: ignore[arg-type]
        )
        for i in range(n)
    ]


def test_round_trip_and_identity(tmp_path: Path) -> None:
    dataset = Dataset("toy", tmp_path / "x", Manifest(images(3)), {"collector": "test"})
    dataset.write()
    again = Dataset.read(tmp_path / "x")
    assert (again.id, again.digest, again.recipe_id) == ("toy", dataset.digest, dataset.recipe_id)
    assert json.loads((tmp_path / "x" / DATASET_NAME).read_text())["counts"]["images"] == 3


def test_roles() -> None:
    dataset = Dataset("toy", Path(), Manifest(images(3, "a", role="lr") + images(2, "b")))
    assert {name: len(m) for name, m in dataset.roles.items()} == {"hr": 2, "lr": 3}
    with pytest.raises(UnknownNameError, match="no role 'hq'"):
        dataset.role("hq")


@pytest.mark.parametrize(
    ("damage", "message"),
    [("gone", "no such folder"), ("bare", "not a complete dataset"), ("json", "damaged")]
    + [("schema", "has schema 99"), ("empty", "holds no images"), ("edited", "changed by hand")],
)
def test_damaged_datasets_are_clear_errors(tmp_path: Path, damage: str, message: str) -> None:
    folder = tmp_path / "x"
    if damage != "gone":
        Dataset("toy", folder, Manifest([] if damage == "empty" else images(3))).write()
    path = folder / DATASET_NAME
    if damage == "bare":
        path.unlink()
    if damage == "json":
        path.write_text("{")
    if damage == "schema":
        path.write_text(path.read_text().replace('"schema": 1', '"schema": 99'))
    if damage == "edited":
        Manifest(images(2)).write(folder)
    with pytest.raises(DatasetError, match=message):
        Dataset.read(folder)


def test_the_command_that_an_error_names_takes_folders_with_spaces(tmp_path: Path) -> None:
    (tmp_path / "few pics").mkdir()
    with pytest.raises(DatasetError, match=r"collect folder '.*few pics' OUT`"):
        Dataset.read(tmp_path / "few pics")
