"""The ledger of a collection: one row a candidate, one row an image; what makes a run resumable.

    candidates   pending -> done        its images are in the dataset folder and in `images`
                         -> rejected    it cannot be had or used; final
                         -> failed      a host did not answer well; pending again in the next run
    images       what was made of a candidate: the record and everything that was measured

The file of an image is in its place before its rows are committed, and its name follows from the
candidate alone. So whatever moment a run is killed at, the next one does that candidate again over
the same name: nothing is lost and nothing is there twice.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from anyres_bench.collectors.collector import Candidate
from anyres_bench.core.errors import DatasetError
from anyres_bench.core.files import sha256_text

WORK_NAME = ".collect"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS candidates (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE COLLATE NOCASE, source_id TEXT NOT NULL,
    candidate TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending',
    reason TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS by_state ON candidates (state, number);
CREATE TABLE IF NOT EXISTS images (
    file_name TEXT PRIMARY KEY, number INTEGER NOT NULL, image TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_number ON images (number);
"""


@dataclass(frozen=True)
class Task:
    """A candidate and its number, which is its place in the collector's order."""

    number: int
    candidate: Candidate


class Cursor(Protocol):
    """How far some have got together in what is pending.

    Attributes:
        last: number of the last candidate that was taken.
        n_at_once: candidates that are taken at once.
        lock: is held meanwhile.
    """

    last: int
    n_at_once: int

    @property
    def lock(self) -> AbstractContextManager[object]:
        """Keeps all others out."""


class ThreadCursor:
    """The cursor of one who is alone."""

    def __init__(self) -> None:
        self.last = -1
        self.n_at_once = 1000
        self.lock = contextlib.nullcontext()


# those that a cursor has not come by yet, in order
Tasks = Callable[[Cursor], Generator[Task, None, None]]


@dataclass(frozen=True)
class Image:
    """One stored file: its record's fields, and everything measured that no record holds."""

    record: dict[str, Any]
    facts: dict[str, Any]

    @property
    def file_name(self) -> str:
        """Path inside the dataset folder."""
        return str(self.record["file_name"])


@dataclass(frozen=True)
class Outcome:
    """What became of a candidate.

    Attributes:
        task: with what was learnt of the candidate on the way.
        state: "done", "rejected", "failed", or "pending" for one to be tried again.
        reason, message: why, where it is not done.
        images: its files, already in their places.
        n_bytes: of the original, for the progress.
    """

    task: Task
    state: str
    reason: str = ""
    message: str = ""
    images: tuple[Image, ...] = ()
    n_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Reject:
    """A row of the rejects table."""

    candidate: Candidate
    state: str
    reason: str
    message: str
    attempts: int


class Ledger:
    """The ledger of one dataset folder; `opened` opens it.

    All writes come from one thread; `pending` may be read by others meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = self._connect()
        self._db.executescript(_SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextlib.contextmanager
    def disconnected(self) -> Iterator[None]:
        """Only `pending` may be used inside: SQLite must not be connected where a process forks."""
        self._db.close()
        try:
            yield
        finally:
            self._db = self._connect()

    def claim(self, recipe: dict[str, Any]) -> None:
        """Bind the ledger to a recipe.

        Raises:
            DatasetError: it was made for another one.
        """
        text = json.dumps(recipe, sort_keys=True)
        known = self._meta("recipe") or text
        if known != text:
            old, new = json.loads(known), json.loads(text)
            changed = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
            raise DatasetError(
                f"{self._path.parent.parent} holds another collection: it differs in "
                f"{', '.join(changed)}; give another output folder, or the options of before"
            )
        self._set_meta("recipe", text)

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe that the ledger is bound to."""
        recipe = json.loads(self._meta("recipe"))
        assert isinstance(recipe, dict)
        return recipe

    @property
    def notices(self) -> list[str]:
        """What must be said wherever the images are shown."""
        return list(json.loads(self._meta("notices") or "[]"))

    def set_notices(self, notices: Iterable[str]) -> None:
        """Keep what must be said wherever the images are shown."""
        self._set_meta("notices", json.dumps(list(notices)))

    @property
    def listed(self) -> bool:
        """Whether all candidates have been listed."""
        return self._meta("listed") == "yes"

    def list_candidates(self, candidates: Iterable[Candidate]) -> int:
        """Add those that are not there yet; how many were new.

        An id that is listed again is left as it is. Different ids whose keys are the same, if only
        for upper and lower case, get the digest of their id in the key.
        """
        with self._db:
            n_new = sum(self._add(candidate) for candidate in candidates)
            self._set_meta("listed", "yes")
        return n_new

    def _add(self, candidate: Candidate) -> int:
        if (n_new := self._insert(candidate)) is None:
            suffix = sha256_text(candidate.source_id)[:8]
            n_new = self._insert(dataclasses.replace(candidate, key=f"{candidate.key}-{suffix}"))
        return n_new or 0

    def _insert(self, candidate: Candidate) -> int | None:
        """1 for a new one, 0 for one that is there; None where another one has its key."""
        added = self._db.execute(
            "INSERT OR IGNORE INTO candidates (key, source_id, candidate) VALUES (?, ?, ?)",
            (candidate.key, candidate.source_id, candidate.to_json()),
        )
        if added.rowcount:
            return 1
        query = "SELECT source_id FROM candidates WHERE key = ?"
        same = self._db.execute(query, (candidate.key,)).fetchone()[0] == candidate.source_id
        return 0 if same else None

    def begin(self, retry: Iterable[str] = ()) -> None:
        """Make what may still come pending: what failed, and what was rejected for `retry`."""
        with self._db:
            self._db.execute("UPDATE candidates SET state = 'pending' WHERE state = 'failed'")
            again = "UPDATE candidates SET state = 'pending' WHERE reason = ? AND state != 'done'"
            self._db.executemany(again, [(reason,) for reason in retry])

    def withdraw(self, reasons: Mapping[str, str]) -> list[str]:
        """Reject the candidates of these images for good; the names of all files of theirs."""
        numbers = {
            self._db.execute("SELECT number FROM images WHERE file_name = ?", (name,)).fetchone()[
                0
            ]: why
            for name, why in reasons.items()
        }
        files = []
        with self._db:
            for number, why in numbers.items():
                rows = self._db.execute("SELECT file_name FROM images WHERE number = ?", (number,))
                files += [str(row[0]) for row in rows]
                self._db.execute("DELETE FROM images WHERE number = ?", (number,))
                self._db.execute(
                    "UPDATE candidates SET state = 'rejected', reason = ?, "
                    "message = 'withdrawn after it was collected' WHERE number = ?",
                    (why, number),
                )
        return files

    def redo(self, numbers: Iterable[int]) -> None:
        """Make candidates pending whose files are not what the ledger says."""
        with self._db:
            self._db.executemany(
                "UPDATE candidates SET state = 'pending' WHERE number = ?", [(n,) for n in numbers]
            )

    def pending(self, cursor: Cursor | None = None) -> Generator[Task, None, None]:
        """The pending candidates in order, over a connection of its own; one thread at a time.

        Args:
            cursor: how far all who share it have got; each candidate goes to one of them.
        """
        cursor = cursor or ThreadCursor()
        query = (
            "SELECT number, candidate FROM candidates WHERE state = 'pending' AND number > ? "
            "ORDER BY number LIMIT ?"
        )
        with contextlib.closing(sqlite3.connect(self._path, check_same_thread=False)) as db:
            while True:
                with cursor.lock:
                    rows = db.execute(query, (cursor.last, cursor.n_at_once)).fetchall()
                    if not rows:
                        return
                    cursor.last = rows[-1][0]
                for number, text in rows:
                    yield Task(number, Candidate.from_json(text))

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Commit outcomes, all or none of them."""
        with self._db:
            for outcome in outcomes:
                self._record(outcome)

    def _record(self, outcome: Outcome) -> None:
        number = outcome.task.number
        self._db.execute(
            "UPDATE candidates SET state = ?, reason = ?, message = ?, candidate = ?, "
            "attempts = attempts + 1 WHERE number = ?",
            (outcome.state, outcome.reason, outcome.message)
            + (outcome.task.candidate.to_json(), number),
        )
        self._db.execute("DELETE FROM images WHERE number = ?", (number,))
        rows = [(i.file_name, number, json.dumps([i.record, i.facts])) for i in outcome.images]
        self._db.executemany("INSERT INTO images VALUES (?, ?, ?)", rows)

    def images(self) -> Iterator[tuple[Task, Image]]:
        """All stored images with their candidates, in order."""
        query = (
            "SELECT images.number, candidate, image FROM images JOIN candidates USING (number) "
            "WHERE state = 'done' ORDER BY images.number, file_name"
        )
        for number, text, image in self._db.execute(query):
            yield Task(number, Candidate.from_json(text)), Image(*json.loads(image))

    def rejects(self) -> Iterator[Reject]:
        """All candidates that were rejected or failed, in order."""
        query = (
            "SELECT candidate, state, reason, message, attempts FROM candidates "
            "WHERE state IN ('rejected', 'failed') ORDER BY number"
        )
        for text, *rest in self._db.execute(query):
            yield Reject(Candidate.from_json(text), *rest)

    def counts(self) -> dict[str, int]:
        """Candidates by state."""
        return dict(self._db.execute("SELECT state, COUNT(*) FROM candidates GROUP BY state"))

    def _meta(self, name: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    def _set_meta(self, name: str, value: str) -> None:
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Ledger]:
    """The ledger of a dataset folder, for this process alone.

    Raises:
        DatasetError: another run is at work in the folder, or the ledger is damaged.
    """
    work = Path(folder) / WORK_NAME
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(f"another run is collecting into {folder}; let it end") from error
        try:
            with contextlib.closing(Ledger(work / "ledger.sqlite")) as ledger:
                yield ledger
        except sqlite3.DatabaseError as error:
            raise DatasetError(
                f"{work / 'ledger.sqlite'} cannot be used ({error}); if the disk is full make "
                "room, if it is damaged remove the folder and collect again"
            ) from error
