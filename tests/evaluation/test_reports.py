"""What `report` writes: a page that it may replace, and tables that replace nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.evaluation.reports import write_report
from anyres_bench.results import to_csv, to_latex
from tests.results.records import result


def test_the_suffix_says_what_is_written(tmp_path: Path) -> None:
    for name, text in (("t.csv", to_csv([result()])), ("t.tex", to_latex([result()]))):
        write_report([result()], tmp_path / name, "title")
        assert (tmp_path / name).read_text() == text
        with pytest.raises(UsageError, match="is there already"):
            write_report([result()], tmp_path / name, "title")
        assert (tmp_path / name).read_text() == text
    for _ in range(2):
        write_report([result()], tmp_path / "page.html", "title")
    assert "frechet" in (tmp_path / "page.html").read_text()
    with pytest.raises(UsageError, match=r"a page \(\.html\) or a table .* not \.pdf"):
        write_report([result()], tmp_path / "page.pdf", "title")
    assert not (tmp_path / "page.pdf").exists()
