"""The tables beside the manifest."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from anyres_bench.building.compare import Stored
from anyres_bench.building.outcomes import Image, Job
from anyres_bench.building.tables import (
    reject_reasons,
    write_attribution,
    write_provenance,
    write_rejects,
)
from anyres_bench.core.errors import DatasetError
from tests.building.rogues import candidate

FIELDS = dict.fromkeys(("height", "width", "source_height", "source_width"), 4)


def stored(url: str, reason: str = "", **metadata: object) -> Stored:
    made = candidate(url, author="=Ann", licence_id="CC-BY-4.0", licence_url="https://l.test")
    record = {
        "file_name": f"images/00000/{made.key}.png",
        "sha256": "0" * 64,
        "n_bytes": 9,
        "author": made.author,
        "licence_id": made.licence_id,
        **FIELDS,
    }
    return Stored(Job(0, made), Image(record, metadata), reason=reason)


def test_credits_are_of_what_is_in_the_dataset_and_start_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "credits.csv"
    write_attribution(path, [stored("1"), stored("2", "duplicate"), stored("3", derived={"x": 1})])
    with open(path) as file:
        rows = list(csv.DictReader(file))
    assert [row["file_name"][-5:] for row in rows] == ["1.png", "3.png"]
    assert {row["author"] for row in rows} == {"'=Ann"}
    assert [row["changes"] for row in rows] == ["none", '{"x": 1}']


def test_provenance_has_a_row_an_image_and_columns_of_their_types(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    write_provenance(path, [stored("1", notes=("cmyk",), detail=2.5), stored("2", "duplicate")])
    table = pd.read_parquet(path)
    assert (len(table), table.notes[0], table.detail[0]) == (1, "cmyk", 2.5)
    write_provenance(path, [])
    assert list(pd.read_parquet(path)) == ["file_name"]


def test_reasons_are_counted_most_first(tmp_path: Path) -> None:
    path = tmp_path / "rejects.parquet"
    assert reject_reasons(path) == {}
    columns = ["key", "reason", "message", "state", "source", "source_id", "url", "licence_id"]
    row = {**dict.fromkeys([*columns, "file_name"], ""), "attempts": 1}
    write_rejects(path, [{**row, "reason": reason} for reason in ("small", "http-404", "http-404")])
    assert list(reject_reasons(path).items()) == [("http-404", 2), ("small", 1)]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DatasetError, match="cannot be read as Parquet"):
        reject_reasons(path)
