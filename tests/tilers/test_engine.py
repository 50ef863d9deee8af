"""Engines of other people as commands: how they are asked, and how bad ones are told."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from anyres_bench.core.errors import CommandError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.engine import Answer, ask

THREE = [Size(448, 448), Size(1080, 1920), Size(1, 200)]


def python(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", program]


GOOD = 'print(\'{"grid": [1, 1], "resized": [2, 2], "tokens": 3, "more": 4}\')'


def test_an_engine_may_answer_at_once_or_at_the_end() -> None:
    at_end = f"import sys\nfor line in sys.stdin.read().split('\\n')[:-1]: {GOOD}"
    refuses = "import sys\nfor line in sys.stdin: print('{\"refused\": true}', flush=True)"
    assert ask(python(at_end), THREE) == [Answer(Size(1, 1), Size(2, 2), 3)] * 3
    assert ask(python(refuses), THREE) == [Answer()] * 3


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import time; time.sleep(60)", r"no answer for 448x448 within 0.5 s, after 0 of 3"),
        (f"import time; {GOOD}; import sys; sys.stdout.flush(); time.sleep(60)", "after 1 of 3"),
        ("", r"ended \(status 0\) after 0 of 3 answers, at 448x448"),
        ("raise SystemExit('no such model')", r"status 1\).*no such model"),
        ("import os; os.kill(os.getpid(), 11)", r"ended \(signal 11\)"),
        (f"{GOOD}\nimport sys; sys.exit(4)", r"status 4\) after 1 of 3 answers, at 1080x1920"),
        ("print('ready')", r"answer 1 \(for 448x448\) is 'ready': not JSON"),
        ("print('[1, 2]')", "no object"),
        ("print('{}')", "a key is missing"),
        (GOOD.replace("3", "-3"), "no whole number"),
        (GOOD.replace("3", "3.5"), "no whole number"),
        (GOOD.replace("3", "true"), "no whole number"),
        (GOOD.replace("[2, 2]", "[2]"), "no whole number"),
        (GOOD.replace("[2, 2]", "[2, NaN]"), "no whole number"),
        ("print('[' * 50000)", "not JSON"),
        ("print('1' * 100000)", "over 65536 bytes"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n')", "not JSON"),
        (f"for k in range(4): {GOOD}", "more answers than the 3 sizes"),
        (f"while True: {GOOD}", "more answers than the 3 sizes"),
    ],
)
def test_a_bad_command_is_told(program: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        ask(python(program), THREE, timeout_s=0.5 if "sleep" in program else 10)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_timeout_that_is_none_is_told(timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout"):
        ask(python(""), THREE, timeout)


def test_a_command_that_cannot_start_is_told() -> None:
    with pytest.raises(UsageError, match="cannot start '/nowhere/engine'"):
        ask(["/nowhere/engine"], THREE)


@pytest.mark.slow
def test_nothing_that_a_command_started_is_left(tmp_path: Path) -> None:
    note = tmp_path / "child"
    child = f"import time, pathlib\ntime.sleep(1.5)\npathlib.Path({str(note)!r}).touch()"
    program = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-S', '-c', {child!r}])\ntime.sleep(60)"
    )
    with pytest.raises(CommandError):
        ask(python(program), THREE, timeout_s=0.5)
    time.sleep(1.6)
    assert not note.exists()
