from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.leaderboard.log import (
    TABLE_HEAD,
    LogLine,
    append,
    check_appended,
    load_log,
    read_log,
    state_of,
    states,
)

ONE, TWO, KEY = "1" * 64, "2" * 64, "a" * 64


def line(state: str, submission: str = ONE, record: str = "", **other: str) -> LogLine:
    said = {"date": "2026-01-31", "model": "mine", "why": "a reason", **other}
    return LogLine(state=state, submission=submission, record=record, **said)


def text(*lines: LogLine) -> str:
    return TABLE_HEAD + "".join(one.csv() for one in lines)


def test_tiers_rise_and_a_retraction_stays() -> None:
    log = read_log(
        text(
            line("submitted"),
            line("recomputed", TWO),
            line("recomputed"),
            line("re-rendered", record=KEY),
            line("retracted", TWO, date="2026-02-01"),
        )
    )
    known = states(log)
    assert [state_of(known, ONE).state, state_of(known, TWO).state] == ["recomputed", "retracted"]
    assert state_of(known, ONE, KEY).state == "re-rendered"
    assert state_of(known, ONE, "b" * 64).state == "recomputed"
    assert state_of(known, TWO, KEY).state == "retracted"
    assert state_of(known, "3" * 64) is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line("retracted")], "line 2 of the log: 111111111111 was never added"),
        ([line("submitted", record=KEY)], "was never added"),
        ([line("submitted"), line("submitted")], "is submitted already"),
        ([line("recomputed"), line("submitted")], "is recomputed already"),
        ([line("submitted"), line("recomputed", record=KEY)], "one record becomes"),
        ([line("submitted"), line("retracted"), line("recomputed")], "a new submission"),
        ([line("submitted"), line("retracted"), line("retracted", record=KEY)], "retracted on"),
        (
            [line("submitted", date="2026-02-01"), line("submitted", TWO)],
            "2026-01-31 comes after 2026-02-01",
        ),
    ],
)
def test_what_cannot_follow_is_refused(lines: list[LogLine], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_log(text(*lines))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("date,state\n", "the first line is not"),
        ("\ufeff" + TABLE_HEAD, r"but '\\ufeffdate,state"),
        (TABLE_HEAD + "2026-01-31,submitted\n", "2 cells"),
        (TABLE_HEAD + f"20260131,submitted,{ONE},,m,\n", "is written 2026-01-31"),
        (TABLE_HEAD + f"yesterday,submitted,{ONE},,m,\n", "is no date"),
        (TABLE_HEAD + f"2026-01-31,best,{ONE},,m,\n", "expected one of submitted"),
        (TABLE_HEAD + "2026-01-31,submitted,1,,m,\n", "is no seal"),
        (TABLE_HEAD + f"2026-01-31,submitted,{ONE},k,m,\n", "is no key"),
        (TABLE_HEAD + f"2026-01-31,submitted,{ONE},, ,\n", "names no model"),
        (TABLE_HEAD + f"2026-01-31,retracted,{ONE},,m,\n", "says why"),
        (TABLE_HEAD + f"2026-01-31,submitted,{ONE},,m,{'x' * 501}\n", "501 characters"),
        (TABLE_HEAD + f'2026-01-31,submitted,{ONE},,m,"x\n', "line 2"),
    ],
)
def test_what_is_no_line_is_refused(cells: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_log(cells)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_stays_one_inert_line(model: str, why: str) -> None:
    one = line("submitted", model="m" + model, why=why)
    assert len(one.csv().splitlines()) == 1
    (again,) = read_log(text(one))
    assert not again.why.startswith(("=", "+", "-", "@"))
    assert again.state == "submitted"


BASE = text(line("submitted"), line("submitted", TWO))


def test_lines_are_only_added() -> None:
    assert check_appended(BASE, BASE) == 0
    assert check_appended(BASE, BASE + line("recomputed").csv()) == 1


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (BASE.replace("mine", "yours", 1), "line 2 of the log was .* and is "),
        (text(line("submitted")), "line 3 of the log is gone"),
        (text(line("submitted", TWO), line("submitted")), "line 2 of the log was"),
        (BASE.replace("\n", "\r\n"), "ends of lines"),
    ],
)
def test_a_changed_past_is_refused(now: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        check_appended(BASE, now)


def test_a_file_is_made_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    append(path, line("submitted"))
    before = path.read_text()
    append(path, line("retracted"))
    assert [one.state for one in load_log(path)] == ["submitted", "retracted"]
    assert check_appended(before, path.read_text()) == 1


def test_two_who_add_at_once_lose_nothing(tmp_path: Path) -> None:
    file, n_each = tmp_path / "log.csv", 8
    others = [
        subprocess.Popen([sys.executable, "-c", _ADDING, str(file), str(start), str(n_each)])
        for start in (0, n_each)
    ]
    assert [one.wait() for one in others] == [0, 0]
    assert len(load_log(file)) == 2 * n_each
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


_ADDING = """
import sys
from pathlib import Path
from anyres_bench.leaderboard.log import LogLine, append
start, n = map(int, sys.argv[2:])
for number in range(start, start + n):
    line = LogLine("2026-01-31", "submitted", f"{number:064x}", "", "mine", "")
    append(Path(sys.argv[1]), line)
"""


def test_what_a_link_leads_to_is_added_to(tmp_path: Path) -> None:
    file, link = tmp_path / "board" / "log.csv", tmp_path / "log.csv"
    append(file, line("submitted"))
    link.symlink_to(file)
    append(link, line("submitted", TWO))
    assert link.is_symlink()
    assert len(load_log(file)) == 2


def test_a_line_that_cannot_follow_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    append(path, line("submitted"))
    before = path.read_bytes()
    with pytest.raises(UsageError, match="cannot take this line"):
        append(path, line("submitted"))
    assert path.read_bytes() == before


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_log(tmp_path / "none.csv")
    (tmp_path / "log.csv").write_bytes(b"\xff")
    with pytest.raises(DataError, match="no UTF-8"):
        load_log(tmp_path / "log.csv")
