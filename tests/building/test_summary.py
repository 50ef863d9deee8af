"""What a dataset holds, in numbers and words, and whether its files are those collected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anyres_bench.building.summary import summary, summary_text, verify
from anyres_bench.core.errors import DatasetError
from tests.fakes import write_dataset

SIZES = [(40, 50), (20, 30), (60, 20)]


def test_numbers_are_json_and_add_up(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", SIZES)
    told = summary(dataset)
    assert json.loads(json.dumps(told))["id"] == "tiny"
    assert {sum(n for _, n in rows) for rows in told["histograms"].values()} == {3}
    assert (told["images"], told["digest"]) == (3, dataset.digest)
    assert told["sources"] == {"a": 2, "b": 1}
    assert told["rejects"] == {}


def test_the_text_names_sizes_and_what_was_not_measured(tmp_path: Path) -> None:
    text = summary_text(write_dataset(tmp_path / "d", SIZES))
    assert "3 images in" in text
    assert "from 20x30 to 40x50 pixels" in text
    assert "effective resolution was not measured" in text


def test_changed_and_missing_files_are_found(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", SIZES)
    verify(dataset)
    (tmp_path / "d/0000.png").write_bytes(b"other")
    (tmp_path / "d/0002.png").unlink()
    with pytest.raises(DatasetError, match=r"2 of 3 files .* such as 0000\.png"):
        verify(dataset)
