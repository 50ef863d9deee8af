"""Verdicts of rules: whatever goes wrong is a failure with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DataError
from anyres_bench.leaderboard.rules import NotSaid, SubmittedFolder, refuse, verdict_of


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (NotSaid("no samples"), "not said", "no samples"),
        (DataError("a file is damaged"), "failed", "a file is damaged"),
        (OSError(2, "gone"), "failed", "gone"),
        (RecursionError(), "failed", "nested too deeply"),
        (MemoryError(), "failed", "cannot be decided"),
        (ZeroDivisionError("0"), "failed", "cannot be decided"),
    ],
)
def test_what_is_raised_is_the_verdict(
    tmp_path: Path, error: Exception, state: str, said: str
) -> None:
    def look(folder: SubmittedFolder) -> str:
        raise error

    found = verdict_of("a rule", look, SubmittedFolder(Enclosure(tmp_path)))
    assert found.state == state
    assert said in found.said
    assert str(found).startswith(f"{state:<8}  a rule: ")


def test_reasons_are_counted_where_they_are_many() -> None:
    refuse([])
    with pytest.raises(DataError, match=r"^0; 1; 2; 3; 4; and 3 more$"):
        refuse(map(str, range(8)))
    folder = SubmittedFolder(Enclosure(Path()))
    with pytest.raises(DataError, match=r"submission\.json"):
        folder.need()
    with pytest.raises(DataError, match="no record"):
        folder.some()
