"""The workflow of docs/: its commands, run as a runner would, on a small board."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from anyres_bench.leaderboard.checks import check
from anyres_bench.leaderboard.log import RETRACTED
from anyres_bench.leaderboard.logged import add_submission, change_state
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, submit
from tests.leaderboard.submitted import results_of

WORKFLOW = Path(__file__).resolve().parents[2] / "docs" / "leaderboard-ci.yml"


def step(name: str) -> str:
    """The script of a step."""
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    (script,) = [s["run"] for job in jobs for s in job["steps"] if s.get("name") == name]
    return str(script)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one submission in its log, and a command of that name on the path."""
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "board"
    (root / "submissions").mkdir(parents=True)
    submit(results_of(), root / "submissions" / "mine", Card("MIT", "own"), Enclosed("float32"))
    add_submission(root / "log.csv", check(root / "submissions" / "mine"))
    program = tmp_path / "bin" / "anyres-bench"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m anyres_bench "$@"\n')
    program.chmod(0o755)
    for command in ("init -q", "add .", "-c user.name=a -c user.email=a@b commit -q -m first"):
        subprocess.run(["git", *command.split()], cwd=root, check=True)
    return root


def shell(board: Path, script: str, **extra: str) -> tuple[int, str]:
    path = f"{board.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **extra, "PATH": path}
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=board, env=environment, text=True, capture_output=True
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_the_workflow_accepts_an_honest_change_and_refuses_others(board: Path) -> None:
    grows, rules = (
        step("The log only grows"),
        step("Every submission holds to every rule and is in the log"),
    )
    line = (board / "log.csv").read_text().splitlines()[1]
    change_state(board / "log.csv", line.split(",")[2], RETRACTED, "", "wrong images")
    code, text = shell(board, grows, BASE="HEAD")
    assert (code, "added: 1 retracted" in text) == (0, True), text
    assert shell(board, rules)[0] == 0
    # A line that goes.
    (board / "log.csv").write_text((board / "log.csv").read_text().replace(line + "\n", ""))
    code, text = shell(board, grows, BASE="HEAD")
    assert (code, "was never added" in text) == (1, True), text
    # A submission that is not in the log, beside one that is.
    subprocess.run(["git", "checkout", "-q", "log.csv"], cwd=board, check=True)
    submit(results_of(), board / "submissions" / "again", Card("MIT", "more"), Enclosed("none"))
    code, text = shell(board, rules)
    assert code == 1
    assert "it has no line" in text
    assert "== submissions/mine/" in text
    # A first log, where there was none before.
    subprocess.run(["git", "rm", "-q", "--cached", "log.csv"], cwd=board, check=True)
    code, text = shell(board, grows, BASE="0" * 40)
    assert code == 0, text


@pytest.mark.slow
def test_the_workflow_builds_the_site(board: Path) -> None:
    code, text = shell(board, step("Build the site"))
    assert code == 0, text
    assert (board / "site" / "index.html").is_file()
