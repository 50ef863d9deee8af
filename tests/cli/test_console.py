"""What is printed: inert, as loud as was asked for, without a bar where no terminal is."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from anyres_bench.cli import console as module
from anyres_bench.cli.console import Console, show
from anyres_bench.core.errors import UsageError

ROOT = Path(__file__).parents[2]
EVIL = "red\x1b[31m\x1b]0;title\x07\r\u202e"


def test_what_is_printed_is_inert(capsys: pytest.CaptureFixture[str]) -> None:
    show(f"{EVIL}\nsecond line")
    console = Console()
    console.say(EVIL)
    out, err = capsys.readouterr()
    assert out.split("\n")[1] == "second line"
    for text in (out, err):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
        assert "red" in text


def test_one_process_of_many_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in group.items():
        monkeypatch.setenv(name, value)
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        show(f"by {rank}")
    assert capsys.readouterr().out == "by 0\n"


def test_quiet_and_verbose(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    console = Console()
    console.log_to(tmp_path / "log")
    for console.loudness in (-1, 0, 1):
        console.tell(f"tell {console.loudness}")
        console.say(f"say {console.loudness}")
        console.detail(f"detail {console.loudness}")
    told = capsys.readouterr().err.split("\n")
    assert told == ["tell -1", "tell 0", "say 0", "tell 1", "say 1", "detail 1", ""]
    head, *logged = (tmp_path / "log").read_text().splitlines()
    assert head == "# log of anyres-bench"
    assert len(logged) == 9
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d \w+ -?\d$", line) for line in logged)


def test_progress_in_a_file_is_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LINE_EVERY_S", 0.0)
    with Console().progress("decoding", 1000, 0, "img") as bar:
        bar.note("2 rejected")
        bar.update(500)
    assert capsys.readouterr().err == "decoding: 500 of 1,000 img 2 rejected\n"


PROGRAM = """
from anyres_bench.cli.console import Console
console = Console()
with console.progress("reading\\x1b[2J", 2, 0, "img") as bar:
    bar.update(); bar.note("\\x1b[31mred"); console.say("said"); bar.update()
"""


def test_a_bar_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", PROGRAM]
    subprocess.run(command, cwd=ROOT, stderr=theirs, check=True, timeout=60)
    os.close(theirs)
    seen = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "2/2" in seen
    assert "said\r\n" in seen
    assert "\x1b[2J" not in seen
    assert "\x1b[31m" not in seen


def test_a_long_result_is_logged_whole(tmp_path: Path) -> None:
    console = Console()
    console.log_to(tmp_path / "log")
    lines = [f"row {i} " + "x" * 90 for i in range(100)]
    with click.Context(click.Command("any"), obj=console):
        show("\n".join(lines))
    assert [line[20:] for line in (tmp_path / "log").read_text().splitlines()[1:]] == lines


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    log = str(tmp_path / "none" / "log")
    command = [sys.executable, "-m", "anyres_bench", "tasks", "--log", log]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "cannot be written" in ended.stderr


def test_logs_go_on_and_nothing_else_is_appended_to(tmp_path: Path) -> None:
    for _ in range(2):
        console = Console()
        console.log_to(tmp_path / "log")
        console.log("told")
    assert len((tmp_path / "log").read_text().splitlines()) == 3
    (tmp_path / "thesis.tex").write_text("precious")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "thesis.tex", tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(UsageError, match=r"no log of anyres-bench|no regular file"):
            Console().log_to(path)
    assert (tmp_path / "thesis.tex").read_text() == "precious"
