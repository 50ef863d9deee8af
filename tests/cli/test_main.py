"""The frame of all commands: how they fail, and where their output goes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.cli.processes import FAILING, ROOT, run, run_failing


def test_a_fault_of_ours_says_so_and_exits_70(tmp_path: Path) -> None:
    ended = run_failing(tmp_path, "raise ZeroDivisionError('made \\x1b]0;up')")
    assert ended.returncode == 70
    assert "Traceback" not in ended.stderr
    assert "\x1b" not in ended.stderr
    [report] = tmp_path.glob("anyres-bench-fault-*.txt")
    assert str(report) in ended.stderr
    assert "ZeroDivisionError" in report.read_text()


def test_memory_that_runs_out_is_told(tmp_path: Path) -> None:
    limit = 1 << 32
    ended = run_failing(
        tmp_path,
        "bytearray(1 << 33)",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: memory ran out; ")


@pytest.mark.parametrize(
    ("name", "told", "kept"),
    [
        ("THP_MEM_ALLOC_ENABLE", None, "1"),
        ("THP_MEM_ALLOC_ENABLE", "0", "0"),
        ("OMP_WAIT_POLICY", None, "PASSIVE"),
        ("OMP_WAIT_POLICY", "ACTIVE", "ACTIVE"),
        ("OPENBLAS_THREAD_TIMEOUT", None, "4"),
        ("OPENBLAS_THREAD_TIMEOUT", "26", "26"),
    ],
)
def test_libraries_are_told_how_to_run_unless_the_user_has(
    name: str,
    told: str | None,
    kept: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, told or "")
    if told is None:
        monkeypatch.delenv(name)
    assert call(capfd, "--version")[0] == 0
    assert os.environ[name] == kept


def test_the_command_line_sets_these_before_libraries_are_loaded() -> None:
    code = "import sys, anyres_bench.cli.main; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_letter_that_the_terminal_lacks_is_spelled_out(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FAILING.format(body="click.echo('\\u56fe')"))
    env = {"PYTHONIOENCODING": "latin-1"}
    ended = run([str(tmp_path / "failing.py")], env=env)
    assert (ended.returncode, ended.stdout.strip()) == (0, "\\u56fe")


@pytest.mark.parametrize("arguments", [["--help"], ["tasks", "--help"], ["demo", "--help"]])
def test_output_onto_a_full_disk_is_told(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        command = ["-m", "anyres_bench", *arguments]
        ended = run(command, stdout=full, capture_output=False, stderr=subprocess.PIPE)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: standard output: the disk is full")


def test_messages_onto_a_full_disk_change_nothing() -> None:
    with open("/dev/full", "w") as full:
        command = ["-m", "anyres_bench", "nonsense"]
        ended = run(command, stderr=full, capture_output=False, stdout=subprocess.PIPE)
    assert ended.returncode == 2


def test_output_without_a_reader_is_quiet() -> None:
    command = [sys.executable, "-m", "anyres_bench", "--help"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_folder_that_is_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """There MKL ended the process: "cannot load libtorch_cpu.so"."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    code, _, told = call(capfd, "doctor")
    assert code == 2
    assert told == "error: the folder that you are in was removed; cd to one that exists\n"


def test_an_argument_that_is_written_as_an_option_is_named(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, _, told = call(capfd, "upscale", "a.png", "--out", "b.png")
    assert (code, told.splitlines()[-1]) == (
        2,
        "Error: OUT is an argument here: write it without --out.",
    )
    _, _, told = call(capfd, "upscale", "a.png", "b.png", "--modell", "x")
    assert told.splitlines()[-1].startswith("Error: No such option '--modell'. (Did you mean")
