from __future__ import annotations

import json
from pathlib import Path

import pytest

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DataError
from anyres_bench.leaderboard.submission import MANIFEST, Card, Submission, read_submission

MADE = Submission(
    model="mine", created="2026-01-31T12:00:00Z", version="1", card=Card("MIT", "own photographs")
)


def written(folder: Path, text: str) -> Enclosure:
    (folder / MANIFEST).write_text(text)
    return Enclosure(folder)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    inside = written(tmp_path, json.dumps(MADE.to_json()))
    assert read_submission(inside) == MADE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"schema": 1}',
        '{"schema": NaN}',
        '{"schema": 1, "seal": [[[[[[]]]]]]}',
        "[" * 100_000,
        json.dumps(MADE.to_json()).replace("mine", "other"),
        json.dumps(MADE.to_json()).replace('"schema": 1', '"schema": 2'),
        json.dumps({**MADE.to_json(), "created": "2027-01-31T12:00:00Z"}),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=MANIFEST):
        read_submission(written(tmp_path, text))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text(json.dumps(MADE.to_json()))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / MANIFEST).symlink_to(tmp_path / "real.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_submission(Enclosure(tmp_path / "in"))


def test_a_missing_one_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leaderboard submit"):
        read_submission(Enclosure(tmp_path))
