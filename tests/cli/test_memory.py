"""Limits of the shell under which libraries would end or hang the process are refused in words."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from anyres_bench.cli.main import COMMANDS
from anyres_bench.cli.memory import needed_bytes

ROOT = Path(__file__).parents[2]


def limited(n_bytes: int, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "anyres_bench", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ANYRES_BENCH_CACHE": str(cwd / "cache")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes)),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("command", "n_mib"), [("evaluate", 900), ("evaluate", 1500), ("train", 300), ("inspect", 250)]
)
def test_too_little_is_refused_at_once(command: str, n_mib: int, tmp_path: Path) -> None:
    ended = limited(n_mib << 20, command, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: the shell allows {n_mib} MiB of memory, and {command}")
    assert f"raise `ulimit -v` to {needed_bytes(command) >> 10} or more" in ended.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n", [1, 4])
def test_fewer_threads_are_advised_where_there_are_several(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(n))
    assert ("OMP_NUM_THREADS" in limited(300 << 20, "evaluate").stderr) == (n > 1)


def test_help_and_lists_need_no_room() -> None:
    assert needed_bytes("tasks") == 0
    for arguments in (["evaluate", "--help"], ["tasks"]):
        assert limited(300 << 20, *arguments).returncode == 0


def test_fewer_threads_need_less(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = []
    for n in ("1", "9"):
        monkeypatch.setenv("OMP_NUM_THREADS", n)
        needs.append(needed_bytes("evaluate"))
    assert needs[0] < needs[1]
    assert all(needed_bytes(command) >= 0 for command in COMMANDS)


@pytest.mark.slow
def test_what_is_said_to_be_enough_is(tmp_path: Path) -> None:
    """A dataset is made without a limit, and measured in the room that a refusal would name."""
    n_bytes = resource.RLIM_INFINITY
    made = limited(
        n_bytes, "collect", "scenes", "sc", "--n", "14", "--max-size", "128", cwd=tmp_path
    )
    assert made.returncode == 0, made.stderr
    task = ["--suite", "anyres-full64/frechet", "--n", "14"]
    call = ["evaluate", "resample:bicubic@32", "--dataset", "sc", *task]
    ended = limited(needed_bytes("evaluate"), *call, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
