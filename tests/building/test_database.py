"""The database of a ledger: sealed rows, our own tables, and no links."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyres_bench.building.database import LEDGER_NAME, Damage, connect, prepare, seal
from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DatasetError

ROW = (0, "k", "s", "{}", "pending", "", "", 0)
COLUMNS = "number, key, source_id, candidate, state, reason, message, attempts"
ADD = f"INSERT INTO candidates ({COLUMNS}, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, seal{ROW!r})"


@pytest.fixture
def folder(tmp_path: Path) -> Enclosure:
    (tmp_path / LEDGER_NAME).parent.mkdir()
    return Enclosure(tmp_path)


@contextlib.contextmanager
def database(folder: Enclosure) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(connect(folder)) as db:
        yield db


def test_a_seal_is_of_every_value_and_its_place() -> None:
    assert seal(1, "a", "") == seal(1, "a", "")
    seals = {seal(1, "a", ""), seal(1, "", "a"), seal(2, "a", ""), seal("1a", "", "\udc80")}
    assert len(seals) == 4


def test_rows_that_fit_their_seals_stay(folder: Enclosure) -> None:
    with database(folder) as db:
        assert prepare(db) == Damage()
        with db:
            db.execute(ADD, ROW)
    with database(folder) as db:
        assert prepare(db) == Damage()
        assert db.execute("SELECT count(*) FROM candidates").fetchone() == (1,)


@pytest.mark.parametrize("change", ["attempts = 7", "state = 'done'", "key = 'other'"])
def test_a_changed_row_goes(folder: Enclosure, change: str) -> None:
    with database(folder) as db:
        prepare(db)
        with db:
            db.execute(ADD, ROW)
            db.execute(f"UPDATE candidates SET {change}")
    with database(folder) as db:
        assert prepare(db) == Damage(candidates=1)
        assert db.execute("SELECT count(*) FROM candidates").fetchone() == (0,)


def test_tables_of_others_are_refused(folder: Enclosure) -> None:
    with database(folder) as db, db:
        db.execute("CREATE TABLE theirs (x)")
    with database(folder) as db, pytest.raises(DatasetError, match="another program"):
        prepare(db)


def test_a_link_in_its_place_is_refused(folder: Enclosure, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    (tmp_path / LEDGER_NAME).symlink_to(tmp_path / "other")
    with pytest.raises(DatasetError, match="no regular file"):
        connect(folder)
