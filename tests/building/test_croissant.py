"""The Croissant description states what there is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import mlcroissant
import pytest

from anyres_bench.building.croissant import CROISSANT_NAME
from anyres_bench.core.files import sha256_file
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import ImageRecord


def test_croissant_states_what_there_is(dataset: Dataset) -> None:
    about = json.loads((dataset.folder / CROISSANT_NAME).read_text())
    assert about["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    metadata = about["distribution"][0]
    assert metadata["sha256"] == sha256_file(dataset.folder / metadata["contentUrl"])
    columns = {field["source"]["extract"]["column"] for field in about["recordSet"][0]["field"]}
    assert columns == {field.name for field in dataclasses.fields(ImageRecord)}


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_croissant_is_valid_and_reads_the_dataset(dataset: Dataset) -> None:
    described = mlcroissant.Dataset(str(dataset.folder / CROISSANT_NAME))
    assert not described.metadata.issues.errors
    # A date would make the folder depend on when it was collected; the digest tells versions apart.
    assert all("datePublished" in warning for warning in described.metadata.issues.warnings)
    rows = list(described.records("records"))
    assert [row["records/file_name"].decode() for row in rows] == [
        record.file_name for record in dataset.manifest
    ]
    assert [row["records/height"] for row in rows] == [r.height for r in dataset.manifest]
    pictures = {
        row["pictures/filename"].decode(): row["pictures/content"].size
        for row in described.records("pictures")
    }
    assert pictures == {Path(r.file_name).name: (r.width, r.height) for r in dataset.manifest}
