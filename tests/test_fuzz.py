"""The fuzzer itself finds what it is for: other exceptions, crashes, hangs and hunger."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests import fuzz as fuzzing
from tests.fuzz import fuzz, replay


@pytest.fixture(autouse=True)
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fuzzing, "CORPUS", tmp_path / "corpus")
    return tmp_path / "corpus"


def crashes(data: bytes) -> None:
    if b"!" in data:
        os.kill(os.getpid(), signal.SIGSEGV)


def hangs(data: bytes) -> None:
    while len(data) < 3:
        pass


def eats(data: bytes) -> None:
    bytearray((1 << 40) if len(data) < 3 else 1)


def divides(data: bytes) -> None:
    1 // (len(data) - 3)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (crashes, "died with -11"),
        (hangs, "takes too long"),
        (eats, "MemoryError"),
        (divides, "ZeroDivisionError"),
    ],
)
def test_faults_are_found_and_kept(target: fuzzing.Target, words: str, corpus: Path) -> None:
    with pytest.raises(AssertionError, match=words):
        fuzz("t", [b"sound"], target, (ValueError,), seconds=20, limit_s=0.5)
    (kept,) = (corpus / "t").iterdir()
    assert not list(corpus.glob(".*"))
    if target is divides:
        with pytest.raises(AssertionError, match=f"{kept.name}\n.*Traceback"):
            replay("t", target, (ValueError,))


def test_sound_targets_leave_a_corpus(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUZZ_KEEP", "1")
    assert fuzz("int", [b"12"], lambda data: int(data), (ValueError,), seconds=0.5) > 100
    assert replay("int", lambda data: int(data), (ValueError,)) == len(
        list((corpus / "int").iterdir())
    )


def test_an_empty_corpus_is_no_success() -> None:
    with pytest.raises(AssertionError, match="no corpus of none"):
        replay("none", len, ())
