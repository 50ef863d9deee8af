"""The committed simulation of intervals: what it covers, and that what is off is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anyres_bench.metrics import METRICS
from anyres_bench.metrics.metric import OverStrata, metric_from
from benchmarks.interval_coverage import OUT, Values, cells, is_off, is_warned, overview

DOCS = Path(__file__).parent.parent / "docs" / "intervals.md"
WITHIN = {"precision-recall": "prdc", "density-coverage": "prdc"}  # whose values are these


@pytest.fixture(scope="module")
def results() -> dict[str, Values]:
    found: dict[str, Values] = json.loads(OUT.read_text(encoding="utf-8"))
    return found


def test_every_metric_and_size_is_simulated() -> None:
    metrics = [metric_from(cell.metric) for cell in cells()]
    names = {each.of.name if isinstance(each, OverStrata) else each.name for each in metrics}
    assert {WITHIN.get(name, name) for name in METRICS} <= names
    assert {cell.n for cell in cells()} >= {16, 64, 256, 1000}


def test_results_are_of_cells(results: dict[str, Values]) -> None:
    assert results.keys() <= {cell.name for cell in cells()}


def test_every_value_that_is_off_carries_a_caution(results: dict[str, Values]) -> None:
    off = {
        f"{name}: {value}"
        for name, values in results.items()
        for value, numbers in values.items()
        if "held" in numbers and is_off(numbers) and not is_warned(numbers)
    }
    assert not off


def test_docs_hold_the_table(results: dict[str, Values]) -> None:
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    rows = [line for line in overview(results) if line.startswith("| ") and line.count("|") == 6]
    assert [line for line in rows if line not in lines] == []


def test_no_interval_has_no_width(results: dict[str, Values]) -> None:
    for name, values in results.items():
        for value, numbers in values.items():
            assert numbers.get("no_width", 0) == 0, (name, value)
