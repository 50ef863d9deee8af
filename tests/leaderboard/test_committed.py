from __future__ import annotations

import json
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from anyres_bench.leaderboard.committed import (
    DIFFERENCES,
    SCENES,
    CommittedTolerance,
    committed_difference,
    committed_records,
    read_benchmark,
)
from anyres_bench.leaderboard.site.differences import pairing_of
from anyres_bench.leaderboard.site.entries import BoardEntry
from anyres_bench.results import Interval, Result, Task
from benchmarks.embedded_records import is_task


def test_further_tasks_are_of_those_that_say_so() -> None:
    benchmark = read_benchmark(SCENES)
    by_name = {system.name: benchmark.tasks_of(system) for system in benchmark.systems}
    assert by_name["constant"] == benchmark.tasks
    assert by_name["ours-seed0"] == benchmark.tasks + benchmark.further


def test_tolerances() -> None:
    tolerance = CommittedTolerance(1e-4, 0.1)
    interval = Interval(0.0, 2.0, 0.5, 9.0, 0.95, "m")
    assert tolerance.of(10.0, None) == pytest.approx(1e-3)
    assert tolerance.of(-10.0, interval) == pytest.approx(0.05)
    assert tolerance.of(0.0, None) == 1e-9


def test_the_committed_table_is_whole() -> None:
    """Every system has a record of every task, on the stated images."""
    benchmark = read_benchmark(SCENES)
    for system in benchmark.systems:
        records = committed_records(system)
        for text, record in records.items():
            task = Task.parse(text)
            assert (task.dataset, task.n) == (f"{benchmark.dataset}:half", benchmark.n)
            assert record.dataset.digest == benchmark.digest
            assert record.seed == benchmark.seed
        wanted = benchmark.tasks_of(system)
        for name in wanted:
            assert sum(is_task(Task.parse(text), name) for text in records) == 1
        assert len(records) == len(wanted)


def test_committed_records_are_told_apart_without_their_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    for row in json.loads(DIFFERENCES.read_text())["differences"][:20]:
        one, other = (_record(row[side], row["task"]) for side in ("a", "b"))
        found = pairing_of([BoardEntry(of, "re-rendered") for of in (one, other)])
        assert {name: astuple(of) for name, of in (found(one, other) or {}).items()} == {
            name: (*values, tuple(cautions)) for name, (*values, cautions) in row["values"].items()
        }
        assert found(other, one) == {name: -of for name, of in (found(one, other) or {}).items()}
        changed = replace(other, values={name: 2 * of for name, of in other.values.items()})
        assert committed_difference(one, changed) is None


def _record(system: str, wanted: str) -> Result:
    (of,) = [one for one in read_benchmark(SCENES).systems if one.name == system]
    records = committed_records(of).items()
    return next(record for text, record in records if is_task(Task.parse(text), wanted))
