"""Values computed again where a file stood for the reference, which nobody encloses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, submit
from anyres_bench.results import ReferenceRecord
from tests.leaderboard.submitted import results_of


def test_a_file_as_the_reference_leaves_values_unproven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    about = ReferenceRecord("mu-sigma", "moments", "0" * 64, 40, ())
    results = [
        replace(one, reference=about, states={"fake": one.states["fake"]}) for one in results_of()
    ]
    checked = submit(results, tmp_path / "s", Card("MIT", "x"), Enclosed("float32"))
    said = {v.rule: (v.state, v.said) for v in checked.verdicts}
    state, why = said["values against features"]
    assert (state, why) == ("not said", "2 of 2 records have no features of every side")
    assert checked.tier == "submitted"
