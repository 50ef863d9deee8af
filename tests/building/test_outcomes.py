"""Names of images, and rows of a ledger held against what a run can have written."""

from __future__ import annotations

import re
from typing import Any

import pytest

from anyres_bench.building.outcomes import Job, checked_image, checked_key, image_name
from anyres_bench.core.errors import DatasetError
from tests.building.rogues import candidate

TASK = Job(12_345, candidate("1", key="given_1"))
RECORD = {
    "file_name": "images/00001/given_1.jpg",
    "sha256": "0" * 64,
    "n_bytes": 3,
    "height": 4,
    "width": 5,
}


def test_ten_thousand_candidates_share_a_folder() -> None:
    assert image_name(9_999, "a_1", "jpg") == "images/00000/a_1.jpg"
    assert image_name(10_000, "a_1-lr", "png") == "images/00001/a_1-lr.png"


@pytest.mark.parametrize("stem", ["", "../a", "a.b", "a/b", "a b", "é", "a\n", "x" * 201])
def test_a_stem_is_never_a_path(stem: str) -> None:
    with pytest.raises(DatasetError, match="keys come from `key_of`"):
        image_name(0, stem, "jpg")
    with pytest.raises(DatasetError, match="keys come from `key_of`"):
        checked_key(stem)


def test_what_a_run_wrote_is_taken() -> None:
    metadata = {
        "phash": "ab" * 32,
        "detail": 0.5,
        "notes": ["oriented"],
        "derived": {"cut": "left"},
    }
    image = checked_image(TASK, [RECORD, metadata])
    assert (image.file_name, image.metadata) == ("images/00001/given_1.jpg", metadata)
    derived = RECORD | {"file_name": "images/00001/given_1-lr.png"}
    assert checked_image(TASK, [derived, {}]).file_name == derived["file_name"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("x", "is not a record and its measurements"),
        ([RECORD], "is not a record and its measurements"),
        ([RECORD | {"height": "4"}, {}], "height"),
        ([RECORD | {"file_name": "images/00000/given_1.jpg"}, {}], "where no run puts it"),
        ([RECORD | {"file_name": "images/00001/other.jpg"}, {}], "where no run puts it"),
        ([RECORD | {"file_name": "../given_1.jpg"}, {}], "given_1"),
        ([RECORD, {"phash": "x"}], "measurements that no run makes"),
        ([RECORD, {"detail": "high"}], "measurements that no run makes"),
        ([RECORD, {"detail": True}], "measurements that no run makes"),
        ([RECORD, {"notes": "oriented"}], "measurements that no run makes"),
        ([RECORD, {"derived": []}], "measurements that no run makes"),
    ],
)
def test_what_no_run_writes_is_refused(values: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(message)):
        checked_image(TASK, values)
