from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from anyres_bench.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["leaderboard", *arguments])
    code = stop.value.code
    out, err = capsys.readouterr()
    return (code if isinstance(code, int) else 0 if code is None else 1), out, err


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_plan_as_text_csv_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "plan", "paper")
    assert code == 0
    assert "missing  14 of 14 things" in text
    code, table, _ = run(capsys, "plan", "paper", "--csv")
    assert (code, len(list(csv.DictReader(io.StringIO(table))))) == (0, 25)
    code, body, _ = run(capsys, "plan", "paper", "--json")
    assert (code, len(json.loads(body)["cells"])) == (0, 25)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "table"), "paper"),
        (("plan", "paper", "--dataset", "ffhq6k"), "NAME=PATH"),
        (("plan", "paper", "--dataset", "ffhq=x"), "ffhq6k"),
        (("plan", "paper", "--dataset", "ffhq6k=none"), "no such folder"),
        (("plan", "paper", "--csv", "--json"), "two answers"),
    ],
)
def test_mistakes_say_what_to_do(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = run(capsys, *arguments)
    assert code != 0
    assert said in err
