"""Results of the version before: read whole, found again, and what they did not say is unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from anyres_bench.core.errors import DataError
from anyres_bench.results import (
    Result,
    Task,
    read_result,
    read_results,
    read_stored,
    result_path,
    write_result,
)

EARLIER = Path(__file__).parent / "schema_1"


@pytest.mark.parametrize("path", sorted(EARLIER.glob("*.json")), ids=lambda path: path.stem)
def test_results_of_the_version_before_are_read(tmp_path: Path, path: Path) -> None:
    old, body = read_result(path), json.loads(path.read_text())
    assert dict(old.values) == body["values"]
    assert old.device.extractor == body["device"]
    assert old.device.model == "unknown"
    assert {i.method for i in old.intervals.values()} <= {"unknown"}
    assert {name: i.low for name, i in old.intervals.items()} == {
        name: i["low"] for name, i in body["intervals"].items()
    }
    again = read_result(write_result(tmp_path, old))
    assert again == old
    if path.stem != "leading_zeros":  # whose id is written in its one spelling now
        assert old.key[:8] == _name_of(old).stem[-8:]
        assert old.task == body["task"]


def _name_of(old: Result) -> Path:
    return result_path(Path(), Task.parse(old.task), old.model.id, old.key)


def test_keys_are_those_of_the_version_before() -> None:
    """So that what was computed before is found by `evaluate` and not computed again."""
    old = read_result(EARLIER / "constant.json")
    assert old.key.startswith("2d458d16")


def test_leading_zeros_are_read_and_written_in_one_spelling() -> None:
    old = read_result(EARLIER / "leading_zeros.json")
    assert old.task == "photos:half/anyres-full64/frechet-ddof1/builtin-v1/n12@1"
    assert old.states["fake"].key["protocol"] == "anyres-full0064"  # where its features lie
    with pytest.raises(DataError, match="is spelled"):
        replace(old, task=old.task.replace("full64", "full064"))


def test_results_without_a_seal_are_said_once_for_each_folder(tmp_path: Path) -> None:
    """A number in them may have been changed: 100 files say so in one sentence."""
    old = EARLIER / "constant.json"
    assert not read_stored(old).sealed
    path = write_result(tmp_path, read_result(old))
    assert read_stored(path).sealed
    assert not read_results([tmp_path]).oddities
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_bytes((EARLIER / "real_chance.json").read_bytes())
    oddities = read_results([EARLIER, tmp_path, old]).oddities
    assert [o for o in oddities if o.startswith(f"{EARLIER}: ")] == [
        f"{EARLIER}: results written before records had a seal (schema 1): 6; a number that was "
        "changed since would not be noticed; `evaluate --fresh` measures them again and seals them"
    ]
    assert [o.split("; ")[0].rsplit(": ", 1)[1] for o in oddities] == ["6", "2", "1"]
