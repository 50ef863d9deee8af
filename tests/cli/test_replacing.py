"""No command replaces what is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.evaluation.reports import write_report
from anyres_bench.training.run_folder import check_folder
from tests.cli.calls import call
from tests.fakes import write_dataset
from tests.reference_files import mu_sigma, rows
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


def test_statistics_and_recipes_replace_their_own_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    data = write_dataset(tmp_path / "tiny", [(40 + i, 50) for i in range(8)]).folder
    common = ("--suite", "anyres-full40/frechet", "--n", "8", "--out", tmp_path / "out")
    evaluated = ("evaluate", "constant", "--dataset", data, *common, "--save-recipe")
    exported = ("stats", "export", data, "--task", "anyres-full40")
    for arguments, name in ((evaluated, "r.toml"), (exported, "s.npz")):
        for _ in range(2):
            code, _, err = call(capfd, *arguments, tmp_path / name)
            assert code == 0, err
    (tmp_path / "thesis.toml").write_text("title = 'mine'")
    theirs = mu_sigma(tmp_path / "theirs.npz", rows())
    for arguments, path in ((evaluated, tmp_path / "thesis.toml"), (exported, theirs)):
        before = path.read_bytes()
        code, out, err = call(capfd, *arguments, path)
        assert (code, out, "is there already" in err) == (2, "", True)
        assert path.read_bytes() == before
