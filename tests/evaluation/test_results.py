"""Records on disk: whole, exact, found again by what they are."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from anyres_bench.core.errors import DataError, IncomparableError
from anyres_bench.evaluation.pairs import paired
from anyres_bench.evaluation.results import (
    Result,
    read_result,
    read_results,
    result_path,
    write_result,
)
from anyres_bench.evaluation.tables import result_table
from anyres_bench.evaluation.tasks import Task

TASK = "d:half/anyres-full64/frechet-ddof1/builtin/n100@1"


def result(**changes) -> Result:
    made = Result(
        task=TASK,
        model={"id": "real", "spec": "real", "native": [64, 64]},
        values={"frechet": 1 / 3},
        intervals={"frechet": {"low": 0.25, "high": 0.4, "confidence": 0.95}},
        higher_is_better={"frechet": False},
        dataset={"id": "d", "digest": "0" * 64, "sizes": {"edges": [64, 91], "counts": [9]}},
        fake={},
        extractor={"id": "builtin", "dim": 8, "is_fid": False},
        seed=0,
        n_real=20,
        n_fake=100,
        device="cpu",
        seconds={"real": 1.0},
        versions={"torch": "2"},
        states={"real": {"key": {"a": 1}, "n": 20}, "fake": {"key": {"b": 1}, "n": 100}},
    )
    return replace(made, **changes)


def test_records_come_back_exactly(tmp_path: Path) -> None:
    path = write_result(tmp_path, result())
    assert read_result(path) == result()
    assert path == result_path(tmp_path, Task.parse(TASK), "real", result().key)
    assert path.parent == tmp_path / "real"
    assert "anyres-full64" in path.name


def test_every_key_has_its_own_file(tmp_path: Path) -> None:
    other = {**result().dataset, "digest": "1" * 64}
    twins = [
        result(),
        result(seed=1),
        result(dataset=other),
        result(model={"id": "m/../x y", "spec": "", "native": [1, 1]}),
        result(task=TASK.replace("n100", "n101")),
    ]
    paths = {write_result(tmp_path, twin) for twin in twins}
    assert len(paths) == 5
    assert all(path.resolve().is_relative_to(tmp_path.resolve()) for path in paths)
    assert len(read_results([tmp_path])) == 5
    assert len(read_results([tmp_path, *paths])) == 5


def test_no_number_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_result(tmp_path, result(values={"frechet": math.nan}))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no result of this package"),
        ("[]", "no result of this package"),
        ('{"schema": 99}', "has schema 99; this version reads 1"),
        ('{"schema": 1}', "lacks or adds dataset, device"),
    ],
)
def test_damaged_records(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_results([path])


def test_missing_records(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_result(tmp_path / "none.json")
    with pytest.raises(DataError, match="no results in"):
        read_results([tmp_path])


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("a file where a folder should be")
    with pytest.raises(DataError, match="cannot be written"):
        write_result(tmp_path, result())


def test_different_results_are_not_compared() -> None:
    with pytest.raises(IncomparableError, match="n: 100 and 101"):
        paired(result(), result(task=TASK.replace("n100", "n101")))
    with pytest.raises(IncomparableError, match="not of one seed: 0 and 1"):
        paired(result(), result(seed=1))
    other = {**result().dataset, "digest": "1" * 64}
    with pytest.raises(IncomparableError, match="not of one set of images"):
        paired(result(), result(dataset=other))


def test_numbers_stand_beside_their_task() -> None:
    lines = result_table([result()]).splitlines()
    assert lines[1].split() == ["real", "frechet", "↓", "0.3333", "[0.25,", "0.4]", TASK]
    fid = result(extractor={"id": "inception-v3", "dim": 2048, "is_fid": True})
    assert "FID ↓" in result_table([fid])
    chance = result(
        values={"ap": 0.6, "ap_null_low": 0.45, "ap_null_high": 0.55},
        intervals={},
        higher_is_better={"ap": False},
    )
    assert "chance 0.45 to 0.55" in result_table([chance])


def test_records_are_plain_json(tmp_path: Path) -> None:
    text = write_result(tmp_path, result()).read_text()
    assert json.loads(text)["values"]["frechet"] == 1 / 3
