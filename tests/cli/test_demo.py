"""The demo keeps what is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.evaluation.demonstration import _write_notes


def test_the_demo_keeps_notes_that_are_not_its_own(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    for _ in range(2):
        _write_notes(notes)
    notes.write_text("mine")
    with pytest.raises(UsageError, match="another folder"):
        _write_notes(notes)
    assert notes.read_text() == "mine"
