"""`report` makes a page or a table of results, and compares two of one task."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.results import write_result
from tests.cli.calls import call
from tests.fakes import write_dataset
from tests.results.records import TASK, model, result


def test_a_page_and_tables_of_results(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_result(tmp_path / "results", result())
    for name in ("page.html", "table.csv", "table.tex"):
        code, out, _ = call(capfd, "report", tmp_path / "results", "--out", tmp_path / name)
        assert (code, out) == (0, f"wrote {tmp_path / name}\n")
    assert TASK in (tmp_path / "page.html").read_text()
    assert str(1 / 3) in (tmp_path / "table.csv").read_text()


def test_results_of_different_tasks_are_not_compared(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one = write_result(tmp_path, result())
    other = write_result(tmp_path, result(model=model("m"), task=TASK.replace("n100", "n101")))
    code, out, err = call(capfd, "report", "--compare", one, other)
    assert (code, out, "they differ in n: " in err) == (1, "", True)


def test_odd_files_are_said_and_the_rest_is_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_result(tmp_path / "results", result())
    (tmp_path / "results" / "odd.json").write_text("{")
    code, _, err = call(capfd, "report", tmp_path / "results", "--out", tmp_path / "p.html")
    assert (code, "odd.json" in err) == (0, True)
    assert TASK in (tmp_path / "p.html").read_text()


def test_models_of_too_few_images_for_a_difference_are_shown_without_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "results"
    a, b, c = (write_dataset(tmp_path / x, [(40, 50), (41, 50 + i)]) for i, x in enumerate("abc"))
    for other in (b, c):
        code, _, err = call(
            capfd, "compare", a.folder, other.folder, "--metric", "frechet", "--out", out
        )
        assert code == 0, err
    files = sorted(out.rglob("*.json"))
    assert len(files) == 2
    code, _, err = call(capfd, "report", out, "--out", tmp_path / "page.html")
    assert code == 0, err
    code, _, err = call(capfd, "report", "--compare", *files)
    assert (code, "use more images" in err) == (1, True)
