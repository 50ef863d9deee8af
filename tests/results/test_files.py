"""Records on disk: whole, exact, found again by what they are, and never believed unseen."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anyres_bench.core.errors import DataError
from anyres_bench.results import Task, read_result, read_results, result_path, write_result
from anyres_bench.results.record import seal
from anyres_bench.results.tables import result_table, to_csv, to_latex
from tests.fuzz import fuzz, memory_folder, mutated, mutated_json, replay
from tests.results.records import TASK, dataset, model, result

EARLIER = Path(__file__).parent / "schema_1"


def changed(tmp_path: Path, **fields: Any) -> Path:
    """A record of schema 1, which has no seal, with other fields."""
    body = json.loads((EARLIER / "constant.json").read_text()) | fields
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(body))
    return path


def test_records_come_back_exactly(tmp_path: Path) -> None:
    path = write_result(tmp_path, result())
    assert read_result(path) == result()
    assert path == result_path(tmp_path, Task.parse(TASK), "real", result().key)
    assert path.parent == tmp_path / "real"
    assert "anyres-full64" in path.name


def test_every_key_has_its_own_file(tmp_path: Path) -> None:
    twins = [
        result(),
        result(seed=1),
        result(dataset=dataset("1" * 64)),
        result(model=model("m/../x y")),
        result(task=TASK.replace("n100", "n101")),
    ]
    paths = {write_result(tmp_path, twin) for twin in twins}
    assert len(paths) == 5
    assert all(path.resolve().is_relative_to(tmp_path.resolve()) for path in paths)
    assert len(read_results([tmp_path]).results) == 5
    assert len(read_results([tmp_path, *paths]).results) == 5


def test_no_number_is_no_record() -> None:
    with pytest.raises(DataError, match="frechet is nan"):
        result(values={"frechet": math.nan})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no result of this package"),
        ("[]", "has no schema"),
        ('{"schema": 99}', "has schema 99; this version reads 1 to 2"),
        ('{"schema": 1}', "not those of a record of schema 1"),
        ('{"schema": 2}', "changed after it was written"),
        ("[" * 100_000, "nested too deeply"),
        ('{"schema": 1, "n": NaN}', "NaN is no number"),
        ('{"schema": 1, "n": ' + "9" * 5000 + "}", "no result of this package"),
        ("\udc80", "no result of this package"),
    ],
)
def test_damaged_records(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=message):
        read_results([path])
    with pytest.raises(DataError, match=message):
        read_results([tmp_path])


ODD: dict[str, dict[str, Any]] = {
    "model is NoneType, expected an object": {"model": None},
    "model lacks id": {"model": {"spec": "a", "native": [1, 1]}},
    "model has unknown fields: colour": {
        "model": {"id": "a", "spec": "a", "native": [1, 1], "colour": 1}
    },
    r"model.native is list, expected a list of 2": {
        "model": {"id": "a", "spec": "a", "native": [1]}
    },
    r"model.native\[1\] is True": {"model": {"id": "a", "spec": "a", "native": [1, True]}},
    "model.id holds half a character": {"model": {"id": "a\ud800", "spec": "a", "native": [1, 1]}},
    "n_fake is a huge number": {"n_fake": 10**300},
    "n_real is -1, expected 0 to": {"n_real": -1},
    "states.fake.n is 4611686018427387904, expected": {
        "states": {"fake": {"key": {}, "n": 1 << 62}}
    },
    "more than 8 levels": {"states": {"fake": {"key": {"a": [[[[[[[[[[1]]]]]]]]]]}, "n": 1}}},
    "values.frechet is 'x', expected a finite number": {"values": {"frechet": "x"}},
    "frechet ranks or has an interval, and has no value": {"values": {"other": 1}},
    "no value ranks": {"higher_is_better": {}},
    "intervals are not those": {"intervals": None},
    "intervals.frechet lacks": {"intervals": {"frechet": {"low": 1, "high": 2}}},
    "is no complete task id": {"task": "d/e/n1000@1"},
    "no complete task id": {"task": f"a/b/c/d/n{'9' * 40}@1"},
    "versions.torch is list": {"versions": {"torch": [1]}},
}


@pytest.mark.parametrize(("message", "fields"), ODD.items(), ids=list(ODD))
def test_odd_records_are_clear_errors(tmp_path: Path, message: str, fields: Any) -> None:
    with pytest.raises(DataError, match=message):
        read_result(changed(tmp_path, **fields))


def test_a_histogram_is_bounded(tmp_path: Path) -> None:
    body = json.loads((EARLIER / "constant.json").read_text())["dataset"]
    for edges in (list(range(1, 3001)), [5], [9, 3], [64, 91, 128]):
        sizes = {"edges": edges, "counts": [1] * (len(edges) - 1) if edges[0] != 64 else [1]}
        with pytest.raises(DataError, match="expected rising edges"):
            read_result(changed(tmp_path, dataset={**body, "sizes": sizes}))


def test_missing_records(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_result(tmp_path / "none.json")
    with pytest.raises(DataError, match="no results in"):
        read_results([tmp_path])


def test_a_pipe_is_no_record(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match="no regular file"):
        read_result(tmp_path / "pipe.json")
    (tmp_path / "large.json").write_text(" " * (4 << 20) + " ")
    with pytest.raises(DataError, match="4194304 at most"):
        read_result(tmp_path / "large.json")


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("a file where a folder should be")
    with pytest.raises(DataError, match="cannot be written"):
        write_result(tmp_path, result())


def test_a_folder_of_oddities_is_read_and_each_is_said(tmp_path: Path) -> None:
    write_result(tmp_path, result())
    write_result(tmp_path, result(task=TASK.replace("@1", "@7")))
    plugin = result(
        task=TASK.replace("frechet-ddof1", "mine-k5"),
        values={"mine": 2.0},
        intervals={},
        higher_is_better={"mine": True},
    )
    path = write_result(tmp_path, plugin)
    (tmp_path / "damaged.json").write_text(path.read_text()[:-40])
    flipped = path.read_text().replace('"mine": 2.0', '"mine": 3.0')
    (tmp_path / "flipped.json").write_text(flipped)
    reading = read_results([tmp_path], is_known="frechet-ddof1".__eq__)
    assert len(reading.results) == 3
    said = "\n".join(reading.oddities)
    assert len(reading.oddities) == 4, said
    assert "version 7 of its task is later than 1" in said
    assert "metric mine-k5 is not known here" in said
    assert "damaged.json is no result of this package" in said
    assert "flipped.json cannot be used: it was changed after it was written" in said


def test_folders_that_are_not_looked_into_are_said(tmp_path: Path) -> None:
    write_result(tmp_path / "r", result())
    write_result(tmp_path / "elsewhere", result(seed=1))
    (tmp_path / "r" / "more").symlink_to(tmp_path / "elsewhere")
    closed = tmp_path / "r" / "closed"
    closed.mkdir(mode=0)
    reading = read_results(tmp_path / "r")
    assert len(reading) == 1
    assert any("more left out: it is a link to a folder" in said for said in reading.oddities)
    if os.geteuid():  # nothing is closed to root
        assert any("closed left out: Permission" in said for said in reading.oddities)
    closed.rmdir()


def test_twins_with_other_values_are_said(tmp_path: Path) -> None:
    write_result(tmp_path / "a", result())
    write_result(tmp_path / "b", result(values={"frechet": 0.5}))
    reading = read_results([tmp_path])
    assert [r.values["frechet"] for r in reading.results] == [1 / 3]
    assert "other values for the same key" in reading.oddities[0]


def test_twins_with_other_intervals_are_said(tmp_path: Path) -> None:
    one = result()
    (name,) = one.intervals
    wider = {name: replace(one.intervals[name], low=-9.0, high=9.0)}
    write_result(tmp_path / "a", one)
    write_result(tmp_path / "b", replace(one, intervals=wider))
    write_result(tmp_path / "c", replace(one, seconds={"all": 9.0}))  # of the same number
    reading = read_results([tmp_path])
    assert [r.intervals for r in reading.results] == [dict(one.intervals)]
    (said,) = reading.oddities
    assert "other intervals for the same key" in said


def test_what_ranks_the_other_way_round_is_left_out(tmp_path: Path) -> None:
    """No order of one table would be that of both."""
    for name in "ab":
        write_result(tmp_path, result(model=model(name)))
    write_result(tmp_path, result(model=model("0"), higher_is_better={"frechet": True}))
    other = {"values": {"zz": 1.0}, "intervals": {}, "higher_is_better": {"zz": False}}
    write_result(tmp_path, result(model=model("1"), **other))
    reading = read_results(tmp_path)
    assert [one.model.id for one in reading] == ["a", "b"]
    assert len(reading.oddities) == 2
    assert "of 0 left out: it ranks by frechet (higher is better)" in reading.oddities[0]
    assert "most results of this task by frechet (lower is better)" in reading.oddities[1]


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    """No flip gives another number, model or task; what is left as it was is white space."""
    path = write_result(tmp_path, result())
    data = path.read_bytes()
    victim, kept = tmp_path / "victim.json", 0
    for place in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[place] ^= 1 << (place // 3) % 7
        victim.write_bytes(flipped)
        try:
            assert read_result(victim) == result()
            kept += 1
        except DataError:
            pass
    assert kept < len(data) / 30


def test_reading_a_thousand_records_is_light(tmp_path: Path) -> None:
    for seed in range(1000):
        (tmp_path / f"{seed}.json").write_text(json.dumps(result(seed=seed).to_json()))
    code = (
        "import sys, pathlib; from anyres_bench.results import read_results; "
        "assert len(read_results([pathlib.Path(sys.argv[1])]).results) == 1000; "
        "bad = {'torch', 'scipy', 'pandas', 'numpy'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def _read_and_shown(data: bytes, folder: Path) -> None:
    """What reads as a result is written again, compared and shown in every form."""
    path = folder / "fuzzed.json"
    path.write_bytes(data)
    read = read_result(path)
    written = write_result(folder / "again", read)
    assert read_result(written) == read
    written.unlink()
    several = [read, result()]
    result_table(several).encode()
    to_csv(several).encode()
    to_latex(several).encode()
    list(read_results([folder / "fuzzed.json"], "frechet".__eq__))


def _sealed_anyhow(rng: random.Random, known: Sequence[bytes]) -> bytes:
    """A record with other values, sealed as its sender would; or a few bytes changed."""
    data = rng.choice(known)
    try:
        body = json.loads(data)
        for _ in range(rng.randint(1, 3)):
            body = mutated_json(rng, body)
        if rng.random() < 0.9 and "seal" in body:
            body["seal"] = seal(body)
        return json.dumps(body).encode()
    except (ValueError, TypeError, RecursionError):
        return mutated(rng, known)


@pytest.mark.slow
def test_fuzz_results(tmp_path: Path) -> None:
    seeds = [path.read_bytes() for path in sorted(EARLIER.iterdir())]
    for one in (result(), result(intervals={})):
        seeds.append(write_result(tmp_path, one).read_bytes())
    allowed = (DataError,)
    with memory_folder() as folder:
        n = fuzz(
            "results", seeds, lambda d: _read_and_shown(d, folder), allowed, mutate=_sealed_anyhow
        )
    assert n > 1000


def test_the_corpus_of_results(tmp_path: Path) -> None:
    assert replay("results", lambda data: _read_and_shown(data, tmp_path), (DataError,))
