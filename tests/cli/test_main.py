"""The frame of all commands: how they are stopped, how they fail, and where their output goes."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from anyres_bench.cli.main import COMMANDS
from tests.cli.calls import call

ROOT = Path(__file__).parents[2]
STOPPED = "stopped; the same command goes on where it was"
DEAF = """
import signal, sys, time
import click
from anyres_bench.cli import main

class Deaf:
    def __del__(self):
        signal.raise_signal({number})
        print("unheard")

@main.cli.command()
def deaf():
    Deaf()
    time.sleep(60)

main.COMMANDS["deaf"] = ("__main__", "")
command = deaf
main.main(["deaf"])
"""
FAILING = """
import signal, sys, tempfile
import click
from anyres_bench.cli import main

@main.cli.command()
def failing():
    {body}

main.COMMANDS["failing"] = ("__main__", "")
command = failing
main.main(["failing"])
"""


def run(arguments: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **how.pop("env", {})}
    how = {"capture_output": True, "text": True, "timeout": 60, **how}
    return subprocess.run([sys.executable, *arguments], env=env, **how)


def run_failing(tmp_path: Path, body: str, **how: Any) -> subprocess.CompletedProcess[str]:
    (tmp_path / "failing.py").write_text(FAILING.format(body=body))
    return run([str(tmp_path / "failing.py")], env={"TMPDIR": str(tmp_path)}, **how)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_that_falls_into_a_destructor_is_heard(tmp_path: Path, number: int) -> None:
    (tmp_path / "deaf.py").write_text(DEAF.format(number=int(number)))
    ended = run([str(tmp_path / "deaf.py")])
    assert ended.returncode == 130, ended.stderr
    assert ended.stderr.strip() == STOPPED
    assert not ended.stdout


def test_an_interrupt_that_falls_into_an_import_waits_for_its_end(tmp_path: Path) -> None:
    (tmp_path / "imported.py").write_text(
        "import signal, sys\n"
        "try: signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt: print('in the midst of it')\n"
    )
    ended = run_failing(tmp_path, "import imported, time; time.sleep(60)")
    assert (ended.returncode, ended.stderr.strip()) == (130, STOPPED)
    assert not ended.stdout


def test_an_interrupt_that_a_library_turned_into_an_error_is_no_error(tmp_path: Path) -> None:
    body = (
        "try: signal.raise_signal(signal.SIGINT)\n    except BaseException: raise ValueError('x')"
    )
    ended = run_failing(tmp_path, body)
    assert (ended.returncode, ended.stderr.strip()) == (130, STOPPED)


def test_an_interrupt_while_an_error_is_told_takes_no_word_of_it(tmp_path: Path) -> None:
    body = (
        "class Late(click.ClickException):\n"
        "        def format_message(self):\n"
        "            signal.raise_signal(signal.SIGINT); return 'all of it'\n"
        "    raise Late('')"
    )
    ended = run_failing(tmp_path, body)
    assert (ended.returncode, ended.stderr.strip()) == (1, "Error: all of it")


def test_a_second_interrupt_while_the_first_is_handled_is_quiet(tmp_path: Path) -> None:
    body = (
        "try: signal.raise_signal(signal.SIGINT)\n    finally: signal.raise_signal(signal.SIGTERM)"
    )
    ended = run_failing(tmp_path, body)
    assert (ended.returncode, ended.stderr.strip()) == (130, STOPPED)


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


START = "import sys; from anyres_bench.__main__ import main; print('ready', flush=True); main()"


def interrupted(arguments: list[str], cwd: Path, delay: float) -> tuple[int, str]:
    """(exit code, stderr) of a command whose process group gets SIGINT after `delay` seconds."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    env["ANYRES_BENCH_CACHE"] = str(cwd / "cache")
    with subprocess.Popen(
        [sys.executable, "-c", START, *arguments],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=120)
    return process.returncode, said


INTERRUPTED = {
    "cache": ["cache"],
    "check-model": ["check-model", "scenes"],
    "collect": ["collect", "scenes", "new", "--n", "40"],
    "compare": ["compare", "data/images", "data/images"],
    "convert": ["convert", "--list"],
    "demo": ["demo", "demo"],
    "doctor": ["doctor"],
    "evaluate": ["evaluate", "real", "--dataset", "data", "--n", "64"],
    "export": ["export", "data", "stylegan-zip", "out.zip"],
    "generate": ["generate", "scenes", "--size", "1024", "--seeds", "0-9"],
    "inspect": ["inspect", "data", "--verify", "--plot", "plot.png"],
    "leaderboard": ["leaderboard", "check", "data"],
    "recheck": ["recheck", "data", "--api", "http://127.0.0.1:9/"],
    "report": ["report", "results"],
    "stats": ["stats", "export", "data", "statistics.npz", "--task", "anyres-full64"],
    "tasks": ["tasks", "--dataset", "data"],
    "tile": ["tile", "data"],
    "tilers": ["tilers", "export", "kit"],
    "train": ["train", "run", "--preset", "scenes-tiny", "--data", "data"],
    "upscale": ["upscale", "data/images", "up", "--model", "lanczos", "--size", "900"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_ctrl_c_at_any_moment_shows_no_traceback(name: str, tmp_path: Path) -> None:
    collect = ["-m", "anyres_bench", "collect", "scenes", "data", "--n", "24", "--max-size", "160"]
    made = run(collect, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    moments = random.Random(name)
    for _ in range(8):
        code, said = interrupted(INTERRUPTED[name], tmp_path, moments.uniform(0.0, 4.0))
        assert "Traceback" not in said, said
        assert code in {0, 1, 2, 130, -signal.SIGINT}, said
        if code == 130:
            assert "stopped" in said
    assert not [path for path in tmp_path.rglob("*.tmp") if path.is_file()]
