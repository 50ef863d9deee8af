"""The tables of README and findings are those of the committed records."""

from __future__ import annotations

import json

import pytest

from anyres_bench.evaluation.report_samples import samples_path
from anyres_bench.leaderboard.committed import DIFFERENCES, PICTURES, read_benchmark
from anyres_bench.results import Task
from benchmarks.embedded_floors import TASK, committed_floors
from benchmarks.embedded_records import (
    PAGES,
    PICTURED,
    TABLES,
    _mean,
    _other_seed,
    all_records,
    cell,
    filled,
    is_task,
    number,
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_the_numbers_of_the_records(page) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<!-- table: short -->" in text
    assert filled(text) == text, "run: python -m benchmarks.embedded_records tables"


def test_tables_ask_for_what_is_measured() -> None:
    benchmark = read_benchmark()
    tasks = benchmark.tasks + benchmark.further
    records = all_records()["real"]
    for task, name in (one for columns in TABLES.values() for one in columns.values()):
        assert task in tasks
        assert name in records[task].values


def test_differences_are_of_the_committed_records() -> None:
    records = all_records()
    for row in json.loads(DIFFERENCES.read_text())["differences"]:
        for side in ("a", "b"):
            assert records[row[side]][row["task"]].seal == row["seals"][side], "run: differences"
        for value, low, high, _ in row["values"].values():
            assert low <= value <= high


def test_floors_are_of_the_committed_records() -> None:
    seals = {one.seal for of in all_records().values() for task, one in of.items() if task == TASK}
    for row in committed_floors():
        assert set(row["seals"]) <= seals, "run: python -m benchmarks.embedded_floors"
        assert row["low"] <= row["value"] <= row["high"]


def test_committed_pictures_are_of_committed_records() -> None:
    """Every trained system has them all."""
    rows = {
        (system.name, samples_path(state.key).name)
        for system in read_benchmark().systems
        for record in all_records()[system.name].values()
        if Task.parse(record.task).protocol in PICTURED
        for state in record.states.values()
    }
    kept = {path.name for path in PICTURES.iterdir()}
    further = {system.name for system in read_benchmark().systems if system.further}
    assert kept <= {row for _, row in rows}
    assert {row for name, row in rows if name in further} <= kept


def test_tasks_are_told_by_their_short_names() -> None:
    task = Task.parse("a:half/patch32-at32/precision-recall-k3-inclusive/builtin-v1/n9@1")
    assert is_task(task, "patch32-at32/precision-recall")
    assert not is_task(task, "patch32-at32/kid")
    assert not is_task(task, "patch32-at64/precision-recall")


def test_numbers_are_short() -> None:
    assert [number(v) for v in (1234.5, 99.94, 0.12345, -2.0)] == ["1234", "99.9", "0.123", "-2"]
    assert cell(None, "frechet") == ""


def test_the_mean_of_two_seeds_is_told_apart_before_either() -> None:
    assert _mean((-2.0, -5.0, 1.0), (-4.0, -8.0, 0.0)) == pytest.approx((-3.0, -5.5, -0.5))
    names = ("ours-seed0", "lanczos-stage1-seed1", "lanczos-64")
    assert [*map(_other_seed, names)] == ["ours-seed1", "lanczos-stage1-seed0", "lanczos-64"]
