"""How commands are stopped: at any moment, without a traceback, and for good."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anyres_bench.cli.main import COMMANDS
from tests.cli.processes import ROOT, run, run_failing

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
# Interrupts the main thread at each n-th call and return within the code of threads and pools, in a
# process of its own, and prints those after which the process did not end.
IN_LOCKS = """
import concurrent.futures.thread, os, signal, sys, threading, time
from anyres_bench.cli.interrupts import Interrupts

FILES = threading.__file__, concurrent.futures.thread.__file__, concurrent.futures._base.__file__
STEP = {step}

def work():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(time.sleep, 0.001) for _ in range(3)]:
            future.result()

def run(at):
    n = 0
    def count(frame, event, _):
        nonlocal n
        if frame.f_code.co_filename not in FILES:
            return None
        if event != "line":
            n += 1
            if n == at:
                signal.raise_signal(signal.SIGINT)
        return count
    try:
        with Interrupts():
            sys.settrace(count)
            try:
                work()
            finally:
                sys.settrace(None)
    except KeyboardInterrupt:
        pass
    return n

def ends(at):
    if not (pid := os.fork()):
        run(at)
        sys.exit()
    for _ in range(2000):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    return False

n = run(0)
assert n > 100, n
print([at for at in range(1, n + 1, STEP) if not ends(at)])
"""


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


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_an_interrupt_that_falls_into_the_locks_of_a_pool_leaves_none_held(step: int) -> None:
    ended = run(["-c", IN_LOCKS.format(step=step)], timeout=600)
    assert ended.stdout.strip() == "[]", ended.stderr


def test_an_interrupt_while_a_thread_is_waited_for_ends_the_wait(tmp_path: Path) -> None:
    body = (
        "import threading; signal.setitimer(signal.ITIMER_REAL, 0.1); "
        "signal.signal(signal.SIGALRM, lambda *_: (signal.signal(signal.SIGALRM, signal.getsignal("
        "signal.SIGINT)), signal.raise_signal(signal.SIGINT))); threading.Event().wait(50)"
    )
    ended = run_failing(tmp_path, body)
    assert (ended.returncode, ended.stderr.strip()) == (130, STOPPED)


START = "import sys; from anyres_bench.__main__ import main; print('ready', flush=True); main()"


def interrupted(arguments: list[str], cwd: Path, delay: float) -> tuple[int, str]:
    """(exit code, stderr) of a command whose process group gets SIGINT after `delay` seconds.

    One that goes on for two minutes is ended, and says where each of its threads was.
    """
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    env["PYTHONFAULTHANDLER"] = "1"
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
        try:
            _, said = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGABRT)
            _, said = process.communicate()
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
