from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from anyres_bench.leaderboard.plan import TablePlan, plan_paper
from anyres_bench.leaderboard.plan_output import plan_csv, plan_json, plan_text


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TablePlan:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    return plan_paper({}, "cpu", lambda device: 0.18)


def test_text_shows_every_number_and_what_is_unknown(plan: TablePlan) -> None:
    text = plan_text(plan)
    head = text.split("what it needs")[0]
    for value in ("6.75", "30.41", "18.39", "16.92", "9.89", "6.52", "7.99", "above 0.9"):
        assert value in head
    assert head.count("unknown") >= 10
    assert "missing  14 of 14 things" in text
    assert "about 179 h" not in head
    assert f"hours are of {plan.probed_on};" in text
    assert "one thread of" in plan.probed_on
    assert all(need.licence in text and need.where in text for need in plan.needs)


def test_csv_and_json_say_the_same(plan: TablePlan) -> None:
    rows = list(csv.DictReader(io.StringIO(plan_csv(plan))))
    body = json.loads(json.dumps(plan_json(plan), allow_nan=False))
    assert len(rows) == len(body["cells"]) == 25
    for row, cell in zip(rows, body["cells"], strict=True):
        assert row["task"] == (cell["task"] or "unknown")
        assert row["published"] == (
            "unknown" if cell["published"] is None else f"{cell['published']:.4g}"
        )
        assert row["missing"].split() == cell["missing"]
    assert body["hours"] == plan.hours
    assert body["probed_on"] == plan.probed_on
