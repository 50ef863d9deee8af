from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.leaderboard.checks import CheckedSubmission, check
from anyres_bench.leaderboard.log import RETRACTED, TIERS, LogLine, append, load_log
from anyres_bench.leaderboard.logged import (
    add_submission,
    change_state,
    check_log,
    standing,
    submission_seal,
    today,
)
from anyres_bench.leaderboard.site.entries import read_board
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, submit
from tests.leaderboard.submitted import results_of


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CheckedSubmission:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    submit(results_of(), tmp_path / "s", Card("MIT", "own"), Enclosed("none"))
    return check(tmp_path / "s")


def said(verdicts: list) -> dict[str, tuple[str, str]]:
    return {verdict.rule: (verdict.state, verdict.said) for verdict in verdicts}


def test_a_submission_is_entered_raised_and_retracted(
    checked: CheckedSubmission, tmp_path: Path
) -> None:
    log, base = tmp_path / "log.csv", tmp_path / "base.csv"
    line = add_submission(log, checked)
    assert (line.state, line.model) == ("submitted", checked.submission.model)
    base.write_bytes(log.read_bytes())
    key = checked.records[0].key
    change_state(log, line.submission[:8], TIERS[-1], "", "")
    change_state(log, line.submission, RETRACTED, key, "wrong images")
    assert [one.state for one in load_log(log)] == ["submitted", "re-rendered", "retracted"]
    verdicts = check_log(log, base, checked)
    assert {verdict.state for verdict in verdicts} == {"ok"}
    assert said(verdicts)["log only grows"][1] == "added: 1 re-rendered, 1 retracted"


def test_what_a_submission_counts_as(checked: CheckedSubmission, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    seal = add_submission(log, checked).submission
    assert standing(load_log(log), checked) == "submitted"
    change_state(log, seal, TIERS[-1], "", "")
    change_state(log, seal, RETRACTED, checked.records[0].key, "wrong images")
    assert standing(load_log(log), checked) == "re-rendered, 1 of 2 records retracted"
    change_state(log, seal, RETRACTED, "", "all of them")
    assert standing(load_log(log), checked) == "retracted"
    assert said(check_log(log, None, checked))["entry in the log"][1].endswith(": all of them")


def test_a_retraction_of_no_record_is_told(checked: CheckedSubmission, tmp_path: Path) -> None:
    """The number that was meant would stand as if nothing had been said."""
    log = tmp_path / "log.csv"
    seal = add_submission(log, checked).submission
    change_state(log, seal, RETRACTED, "0" * 64, "wrong images")
    state, why = said(check_log(log, None, checked))["records in the log"]
    assert state == "failed"
    assert "retracted, and there is none of that key" in why
    assert checked.records[0].key[:12] in why
    (tmp_path / "all").mkdir()
    (tmp_path / "s").rename(tmp_path / "all" / "s")
    board = read_board([], [tmp_path / "all"], load_log(log))
    assert "none of that key" in "".join(board.oddities)


def test_what_a_log_may_not_say_is_refused(checked: CheckedSubmission, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    seal = submission_seal(checked.submission)
    append(log, LogLine(today(), "submitted", "1" * 64, "", "other", ""))
    assert said(check_log(log, None, checked))["entry in the log"][0] == "failed"
    append(log, LogLine(today(), "recomputed", seal, "", checked.submission.model, ""))
    assert "features do not" in said(check_log(log, None, checked))["entry in the log"][1]
    other = tmp_path / "other.csv"
    append(other, LogLine(today(), "submitted", seal, "", "another", ""))
    assert "calls its model" in said(check_log(other, None, checked))["entry in the log"][1]
    assert said(check_log(other, log, None))["log only grows"][0] == "failed"
    append(other, LogLine("2999-01-01", "submitted", "2" * 64, "", "m", ""))
    assert "still to come" in said(check_log(other, None, None))["log"][1]
    assert said(check_log(tmp_path / "none", None, None))["log"][0] == "failed"


def test_mistakes_leave_the_log(checked: CheckedSubmission, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    line = add_submission(log, checked)
    before = log.read_bytes()
    with pytest.raises(UsageError, match="submitted already"):
        add_submission(log, checked)
    with pytest.raises(UsageError, match="says why"):
        change_state(log, line.submission, RETRACTED, "", " ")
    with pytest.raises(UsageError, match="8 digits"):
        change_state(log, line.submission[:4], TIERS[-1], "", "")
    with pytest.raises(UsageError, match="no key"):
        change_state(log, line.submission, TIERS[-1], "x", "")
    refused = dataclasses.replace(checked, submission=None)
    with pytest.raises(UsageError, match="refused"):
        add_submission(log, refused)
    assert log.read_bytes() == before
