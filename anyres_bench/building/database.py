"""The database file of a ledger: sealed row by row, and checked before it is believed.

A ledger lives for days on disks that lose bits, and a folder that was received brings one along. So
every row carries a seal of what it holds, and a file is opened only where its schema is ours to the
letter (a view or a trigger would run on our behalf), its pages agree, and it is no link. A row that
does not fit its seal is removed and said; what it stood for is done again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DatasetError

WORK_NAME = ".collect"
LEDGER_NAME = f"{WORK_NAME}/ledger.sqlite"
INCOMING_NAME = f"{WORK_NAME}/incoming"
_VERSION = 1  # of the schema, as PRAGMA user_version; 0 had no seals and no stamps
_SEAL_BYTES = 8
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, seal TEXT NOT NULL);
CREATE TABLE candidates (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE COLLATE NOCASE, source_id TEXT NOT NULL,
    candidate TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending',
    reason TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0, seal TEXT NOT NULL);
CREATE INDEX by_state ON candidates (state, number);
CREATE TABLE images (
    file_name TEXT PRIMARY KEY, number INTEGER NOT NULL, image TEXT NOT NULL, seal TEXT NOT NULL);
CREATE INDEX by_number ON images (number);
"""
_FIRST_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE candidates (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE COLLATE NOCASE, source_id TEXT NOT NULL,
    candidate TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending',
    reason TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0);
CREATE INDEX by_state ON candidates (state, number);
CREATE TABLE images (
    file_name TEXT PRIMARY KEY, number INTEGER NOT NULL, image TEXT NOT NULL);
CREATE INDEX by_number ON images (number);
"""
_ROWS = {  # the columns that a seal covers
    "meta": "name, value",
    "candidates": "number, key, source_id, candidate, state, reason, message, attempts",
    "images": "file_name, number, image",
}
STATES = ("pending", "done", "rejected", "failed")  # of candidates
_TYPES: dict[str, tuple[type, ...]] = {  # SQLite keeps any type in any column
    "meta": (str, str),
    "candidates": (int, str, str, str, str, str, str, int),
    "images": (str, int, str),
}
SET_PENDING = (
    "UPDATE candidates SET state = 'pending', "
    "seal = seal(number, key, source_id, candidate, 'pending', reason, message, attempts)"
)


@dataclass(frozen=True)
class Damage:
    """Rows that did not fit their seals and were removed: candidates, and images alone."""

    candidates: int = 0
    images: int = 0


def seal(*values: object) -> str:
    """What is kept beside a row, so that a change of any of its values shows."""
    row = "\x1f".join(map(str, values)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(row, digest_size=_SEAL_BYTES).hexdigest()


def connect(inside: Enclosure) -> sqlite3.Connection:
    """The database of a folder, made where it is missing; SQL may call `seal`.

    Raises:
        DatasetError: the file, or one that SQLite keeps beside it, is a link or no file.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        name = f"{LEDGER_NAME}{suffix}"
        if inside.is_irregular(name):  # one look: another process may end and remove its files
            raise DatasetError(f"{inside.path / name} is no regular file; remove it")
    db = sqlite3.connect(inside.path / LEDGER_NAME)
    try:
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        db.close()
        raise
    db.create_function("seal", -1, seal, deterministic=True)
    return db


def prepare(db: sqlite3.Connection) -> Damage:
    """Make the tables, or check those that are there; the rows that were removed.

    Raises:
        DatasetError: it is not one of our ledgers, or damaged beyond rows.
    """
    found, version = _schema_of(db), db.execute("PRAGMA user_version").fetchone()[0]
    if not found:
        _in_one(db, _SCHEMA)
    elif version == 0 and found == _named(_FIRST_SCHEMA):
        _check_pages(db)
        _seal_all(db)
        return _without_damaged(db)
    elif version == _VERSION and found == _named(_SCHEMA):
        _check_pages(db)
        return _without_damaged(db)
    else:
        raise DatasetError(
            f"the ledger has the tables of version {version} of another program; this one reads "
            f"those of version {_VERSION}: collect into a new folder"
        )
    return Damage()


def _schema_of(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    """All that is in a database, automatic indices included; in order."""
    query = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master"
    # a damaged file has bytes where it had text, and these do not compare
    return sorted(db.execute(query).fetchall(), key=repr)


@functools.cache
def _named(schema: str) -> list[tuple[str, ...]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(schema)
        return _schema_of(db)


def _in_one(db: sqlite3.Connection, script: str) -> None:
    db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {_VERSION}; COMMIT;")


def _seal_all(db: sqlite3.Connection) -> None:
    """Bring a ledger of the first schema to this one."""
    steps = ["DROP INDEX by_state; DROP INDEX by_number;"]
    steps += [f"ALTER TABLE {table} RENAME TO old_{table};" for table in _ROWS]
    steps.append(_SCHEMA)
    for table, columns in _ROWS.items():
        steps.append(f"INSERT INTO {table} SELECT {columns}, seal({columns}) FROM old_{table};")
        steps.append(f"DROP TABLE old_{table};")
    _in_one(db, "\n".join(steps))


def _check_pages(db: sqlite3.Connection) -> None:
    told = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if told != "ok":
        raise sqlite3.DatabaseError(str(told).replace("\n", "; "))


def _without_damaged(db: sqlite3.Connection) -> Damage:
    """Remove rows that do not fit their seals; what they stood for is done again."""
    if list(_damaged(db, "meta")):
        raise sqlite3.DatabaseError("what it says of itself has changed")
    numbers = [(place,) for place, *_ in _damaged(db, "candidates")]
    images = list(_damaged(db, "images"))
    with db:
        db.executemany("DELETE FROM candidates WHERE number = ?", numbers)
        db.executemany("DELETE FROM images WHERE number = ?", numbers)
        if numbers:
            db.execute("DELETE FROM meta WHERE name = 'listed'")
        # Whichever of an image's name and number is the damaged one, the other leads home.
        home = f"{SET_PENDING} WHERE instr(?, '/' || key) OR number = ?"
        db.executemany(home, [(name, number) for _, name, number, _ in images])
        db.executemany("DELETE FROM images WHERE rowid = ?", [(place,) for place, *_ in images])
        bare = "state = 'done' AND number NOT IN (SELECT number FROM images)"
        n_bare = db.execute(f"{SET_PENDING} WHERE {bare}").rowcount
    return Damage(len(numbers), max(len(images), n_bare))


def _damaged(db: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """Rows, behind their place, that do not fit their seals or hold what no run writes."""
    db.text_factory = _text_or_bytes
    try:
        for place, *row, kept in db.execute(f"SELECT rowid, {_ROWS[table]}, seal FROM {table}"):
            if not _is_sound(table, row) or seal(*row) != kept:
                yield (place, *row)
    finally:
        db.text_factory = str


def _text_or_bytes(data: bytes) -> str | bytes:
    """Text, or what is no UTF-8 any more."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _is_sound(table: str, row: list[Any]) -> bool:
    """Whether the values of a row, sealed or not, are of the types and states that a run writes."""
    if tuple(map(type, row)) != _TYPES[table]:
        return False
    return table != "candidates" or (row[0] >= 0 and row[4] in STATES)
