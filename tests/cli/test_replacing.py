"""No command replaces what is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.evaluation.reports import write_report
from anyres_bench.training.run_folder import check_folder
from tests.results.records import result


def test_a_report_replaces_reports_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    measured = result()
    for _ in range(2):
        write_report([measured], page, "title")
    assert page.read_text().rstrip().endswith("-->")
    page.write_text("my thesis")
    with pytest.raises(UsageError, match=r"page\.html is there already"):
        write_report([measured], page, "title")
    assert page.read_text() == "my thesis"
    with pytest.raises(UsageError, match="/dev/null"):
        write_report([measured], Path("/dev/null"), "title")


def test_a_run_wants_a_folder_of_its_own(tmp_path: Path) -> None:
    check_folder(tmp_path / "none", is_resumed=False)
    check_folder(tmp_path, is_resumed=False)
    (tmp_path / "log.jsonl").write_text("mine")
    with pytest.raises(UsageError, match=r"holds log\.jsonl and no run"):
        check_folder(tmp_path, is_resumed=False)
    (tmp_path / "settings.json").write_text("{}")
    check_folder(tmp_path, is_resumed=False)  # killed before its first checkpoint
    (tmp_path / "ema-000100000").mkdir()
    with pytest.raises(UsageError, match="no state to go on from"):
        check_folder(tmp_path, is_resumed=False)
    check_folder(tmp_path, is_resumed=True)
