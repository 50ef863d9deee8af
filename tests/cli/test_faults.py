"""What the system raises is told in words; what remains is ours, and is kept in a report file."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from pathlib import Path

import pytest

from anyres_bench.cli.faults import FAULT, ending, explanation, fault_message
from anyres_bench.cli.main import main
from anyres_bench.core.errors import DatasetError
from anyres_bench.features.extractor import extractor_from


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_error_of_the_system_is_told_with_its_file(number: int) -> None:
    told = explanation(OSError(number, os.strerror(number), "some/file"))
    assert told is not None
    assert told.startswith("some/file: ")
    assert "Errno" not in told


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (MemoryError(), "memory ran out"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "memory ran out"),
        (ImportError("libx.so: failed to map segment from shared object"), "memory ran out"),
        (RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"), "full"),
        (sqlite3.OperationalError("database or disk is full"), "the disk is full"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "read-only"),
        (RuntimeError("can't start new thread"), "no more processes"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), "was killed"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (UnicodeEncodeError("ascii", "\u56fe", 0, 1, "no"), "LC_ALL"),
        (ModuleNotFoundError("No module named 'jinja2'", name="jinja2"), "jinja2 is not installed"),
        (DatasetError("too few images"), "too few images"),
    ],
)
def test_limits_and_libraries_are_told_in_words(error: Exception, word: str) -> None:
    assert word in (explanation(error) or "")


def test_a_cause_explains_what_was_raised_of_it() -> None:
    with pytest.raises(ValueError, match="wrapped") as caught:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "a.bin")
        except OSError as error:
            raise ValueError("wrapped") from error
    assert "a.bin: the disk is full" in (explanation(caught.value) or "")


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), KeyError("x"), ZeroDivisionError(), AssertionError(), RuntimeError("x")],
)
def test_what_remains_is_a_fault_of_ours(error: Exception) -> None:
    assert explanation(error) is None


def test_a_missing_module_of_ours_is_our_fault() -> None:
    assert explanation(ModuleNotFoundError("no", name="anyres_bench.nowhere")) is None


def test_a_fault_leaves_a_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    try:
        raise ZeroDivisionError("integer division \x1b[2J by zero")
    except ZeroDivisionError as error:
        said = fault_message(error, ["evaluate", "my model"])
    [report] = tmp_path.iterdir()
    assert str(report) in said
    text = report.read_text()
    assert "Traceback" in text
    assert "test_a_fault_leaves_a_report" in text
    assert "'my model'" in text
    assert "numpy" in text


def test_a_fault_without_room_for_a_report_says_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        said = fault_message(error, [])
    assert "test_faults.py line" in said
    assert "no report could be written" in said


_RAISES = """
class Extractor:
    id, dim, n_views, is_fid = "mine", 3, 1, False

    def __call__(self, images):
        return {}["boom"]

def make():
    return Extractor()

def broken():
    return make().nothing
"""


@pytest.mark.parametrize(
    ("name", "line"), [("make", "line 6, in __call__"), ("broken", "line 12, in broken")]
)
def test_what_code_of_the_users_own_raises_is_no_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, line: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "reports"))
    (tmp_path / "reports").mkdir()
    (tmp_path / "mine.py").write_text(_RAISES)
    with pytest.raises((KeyError, AttributeError)) as raised:
        extractor_from(f"{tmp_path / 'mine.py'}:{name}")
    said, code = ending(raised.value, [])
    assert code == 1
    assert "your own code raised" in said
    assert f"mine.py {line}" in said
    [report] = (tmp_path / "reports").iterdir()
    assert "Traceback" in report.read_text()
    assert str(report) in said


def test_a_model_that_ends_the_program_is_told_and_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ends.py").write_text("import sys\n\ndef make():\n    sys.exit(0)\n")
    with pytest.raises(SystemExit) as ended:
        main(["check-model", f"{tmp_path / 'ends.py'}:make"])
    assert ended.value.code == 1
    assert "your own code raised SystemExit: 0 (ends.py line 4, in make)" in capsys.readouterr().err


def test_a_fault_of_ours_below_code_of_the_users_is_ours(tmp_path: Path) -> None:
    (tmp_path / "calls.py").write_text(
        "from anyres_bench.data.ar1 import canvas_of\ndef make():\n    return canvas_of('16', 4)\n"
    )
    with pytest.raises(ValueError, match="unpack") as raised:
        extractor_from(f"{tmp_path / 'calls.py'}:make")
    assert ending(raised.value, [])[1] == FAULT
