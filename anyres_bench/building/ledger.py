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
import os
import shutil
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyres_bench.building.database import (
    INCOMING_NAME,
    LEDGER_NAME,
    SET_PENDING,
    WORK_NAME,
    connect,
    prepare,
    seal,
)
from anyres_bench.building.outcomes import (
    Cursor,
    Image,
    Job,
    Outcome,
    Reject,
    ThreadCursor,
    checked_image,
    checked_key,
)
from anyres_bench.collectors.collector import Candidate
from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DatasetError
from anyres_bench.core.files import sha256_text
from anyres_bench.core.plain import differences, read_json

_GONE, _GONE_TOLD = "gone", "its source is not there any more"
_UNREADABLE = "unreadable"  # where it has no stamp either
_WITHDRAWN = "withdrawn after it was collected"
_STATE = (
    "candidate = ?1, state = ?2, reason = ?3, message = ?4, "
    "seal = seal(number, key, source_id, ?1, ?2, ?3, ?4, attempts)"
)
_TRIED = (
    "candidate = ?1, state = ?2, reason = ?3, message = ?4, attempts = attempts + 1, "
    "seal = seal(number, key, source_id, ?1, ?2, ?3, ?4, attempts + 1)"
)


@dataclass(frozen=True)
class ListingChanges:
    """What a listing found.

    Attributes:
        n_new: candidates that were not known.
        n_changed: whose source is another one than the one that was collected.
        n_gone: done ones whose source is not there any more; their images stay.
        n_repeated: that name what another one of the listing names.
    """

    n_new: int = 0
    n_changed: int = 0
    n_gone: int = 0
    n_repeated: int = 0


class Ledger:
    """The ledger of one dataset folder; `opened` opens it.

    All writes come from one thread; `pending` may be read by others meanwhile.

    Attributes:
        inside: of the dataset folder.
        damage: rows that had changed since they were written; what they stood for is done again.
    """

    def __init__(self, inside: Enclosure) -> None:
        self.inside = inside
        try:
            self._db = connect(inside)
        except UnicodeDecodeError as error:  # SQLite quotes what is damaged
            raise sqlite3.DatabaseError("malformed database schema") from error
        try:
            self.damage = prepare(self._db)
        except UnicodeDecodeError as error:
            self._db.close()
            raise sqlite3.DatabaseError("malformed database") from error
        except BaseException:
            self._db.close()
            raise

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
            self._db = connect(self.inside)

    def claim(self, recipe: dict[str, Any]) -> None:
        """Bind the ledger to a recipe.

        Raises:
            DatasetError: it was made for another one.
        """
        text = json.dumps(recipe, sort_keys=True)
        known = self._meta("recipe") or text
        if known != text:
            before, now = (one.get("collector") for one in (self.recipe, recipe))
            if before != now:
                raise DatasetError(
                    f"{self.inside.path} holds another collection: it is of `collect {before}`, "
                    f"not of `collect {now}`; give another output folder"
                )
            changed = ", ".join(differences(self.recipe, json.loads(text)))
            raise DatasetError(
                f"{self.inside.path} holds another collection: it differs in {changed}; give "
                "another output folder, or the options of before"
            )
        self._set_meta("recipe", text)

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe that the ledger is bound to.

        Raises:
            DatasetError: it has none.
        """
        recipe = read_json(self._meta("recipe"), f"the recipe of the ledger of {self.inside.path}")
        if not isinstance(recipe, dict):
            raise DatasetError(f"the ledger of {self.inside.path} has no recipe; collect again")
        return recipe

    @property
    def notices(self) -> list[str]:
        """What must be said wherever the images are shown."""
        notices = read_json(self._meta("notices") or "[]", "the notices of the ledger")
        return [str(notice) for notice in notices] if isinstance(notices, list) else []

    def set_notices(self, notices: Iterable[str]) -> None:
        """Keep what must be said wherever the images are shown."""
        self._set_meta("notices", json.dumps(list(notices)))

    @property
    def written(self) -> dict[str, str] | None:
        """Name -> SHA-256 of the documents beside the images, as they were last written."""
        written = read_json(self._meta("written") or "null", "the ledger's list of documents")
        return written if isinstance(written, dict) else None

    def set_written(self, digests: Mapping[str, str] | None) -> None:
        """Keep the digests of the documents beside the images; None where they are not known."""
        self._set_meta("written", json.dumps(digests, sort_keys=True))

    @property
    def listed(self) -> bool:
        """Whether all candidates have been listed."""
        return self._meta("listed") == "yes"

    def list_candidates(
        self, candidates: Iterable[Candidate], whole: bool = False
    ) -> ListingChanges:
        """Add those that are not there yet, and make pending again whose source has changed.

        Different ids whose keys are the same, if only for upper and lower case, get the digest of
        their id in the key.

        Args:
            candidates: in the collector's order.
            whole: whether sources that are not among them are gone: what is pending is rejected
                for that then, and what is done stays.
        """
        with self._db:
            self._next = self._largest() + 1
            n_known, n_changed, n_listed = self._next - 1, 0, 0
            seen = bytearray(n_known + 1)
            for candidate in candidates:
                number, changed = self._add(candidate)
                n_changed += changed
                n_listed += 1
                if number <= n_known:
                    seen[number] = 1
            n_gone = self._gone(seen) if whole else 0
            self._set_meta("listed", "yes")
        n_new = self._next - 1 - n_known
        return ListingChanges(n_new, n_changed, n_gone, n_listed - n_new - sum(seen))

    def _largest(self) -> int:
        return int(
            self._db.execute("SELECT coalesce(max(number), 0) FROM candidates").fetchone()[0]
        )

    def _add(self, candidate: Candidate) -> tuple[int, bool]:
        """The number of a candidate, and whether its source has changed since it was done."""
        added = self._insert(candidate)
        if added is None:
            suffix = sha256_text(candidate.source_id)[:8]
            added = self._insert(dataclasses.replace(candidate, key=f"{candidate.key}-{suffix}"))
        return added or (self._next, False)

    def _insert(self, candidate: Candidate) -> tuple[int, bool] | None:
        """As `_add`; None where another one has its key."""
        number, key = self._next, checked_key(candidate.key)
        text, fresh = candidate.to_json(), ("pending", "", "", 0)
        sealed = seal(number, key, candidate.source_id, text, *fresh)
        added = self._db.execute(
            "INSERT OR IGNORE INTO candidates (number, key, source_id, candidate, seal) "
            "VALUES (?, ?, ?, ?, ?)",
            (number, key, candidate.source_id, text, sealed),
        )
        if added.rowcount:
            self._next += 1
            return number, False
        query = "SELECT number, source_id, candidate, state, reason, message "
        known = self._db.execute(f"{query} FROM candidates WHERE key = ?", (key,)).fetchone()
        if known[1] != candidate.source_id:
            return None
        return known[0], self._renewed(candidate, text, *known)

    def _renewed(
        self,
        candidate: Candidate,
        text: str,
        number: int,
        _: str,
        known: str,
        state: str,
        reason: str,
        message: str,
    ) -> bool:
        """Make a candidate pending whose source has changed or come back; whether it was done."""
        if message == _WITHDRAWN or not (candidate.stamp or reason == _GONE):
            return False
        before = Candidate.from_json(known)
        is_new = bool(before.stamp or reason == _UNREADABLE) and before.stamp != candidate.stamp
        if is_new or reason == _GONE:
            values = (text, "pending", "", "", number)
        elif not before.stamp:  # of a ledger that knew no stamps
            text = dataclasses.replace(before, stamp=candidate.stamp).to_json()
            values = (text, state, reason, message, number)
        else:
            return False
        self._db.execute(f"UPDATE candidates SET {_STATE} WHERE number = ?5", values)
        return state == "done" != values[1]

    def _gone(self, seen: bytearray) -> int:
        """Reject what is pending and was not listed, and forget what was rejected and was not.

        Returns:
            How many done ones were not listed.
        """
        query = "SELECT number, state, candidate, message FROM candidates WHERE number < ?"
        n_gone, gone, forgotten = 0, [], []
        for number, state, text, message in self._db.execute(query, (len(seen),)):
            if seen[number]:
                continue
            n_gone += state == "done"
            if state in ("pending", "failed"):
                gone.append((text, "rejected", _GONE, _GONE_TOLD, number))
            elif state == "rejected" and message not in (_WITHDRAWN, _GONE_TOLD):
                forgotten.append((number,))
        self._db.executemany(f"UPDATE candidates SET {_STATE} WHERE number = ?5", gone)
        self._db.executemany("DELETE FROM candidates WHERE number = ?", forgotten)
        return n_gone

    def begin(self, retry: Iterable[str] = ()) -> list[str]:
        """Make what may still come pending: what failed, and what was rejected for `retry`.

        What was withdrawn never comes back.

        Returns:
            Reasons of `retry` for which nothing was rejected.
        """
        with self._db:
            self._db.execute(f"{SET_PENDING} WHERE state = 'failed'")
            again = f"{SET_PENDING} WHERE reason = ? AND state = 'rejected' AND message != ?"
            tried = ((why, self._db.execute(again, (why, _WITHDRAWN)).rowcount) for why in retry)
            return [why for why, n in tried if not n]

    def withdraw(self, reasons: Mapping[str, str]) -> None:
        """Reject the candidates of these images for good; their files are `withdrawn` then.

        What is not known and not there any more was withdrawn by a run that was stopped.

        Raises:
            DatasetError: the ledger has no such image, and the folder has.
        """
        with self._db:
            found = {self._number_of(name): why for name, why in reasons.items()}
            for number, why in found.items():
                query = "SELECT candidate FROM candidates WHERE number = ?"
                for (text,) in self._db.execute(query, (number,)).fetchall():
                    values = (text, "rejected", why, _WITHDRAWN, number)
                    self._db.execute(f"UPDATE candidates SET {_STATE} WHERE number = ?5", values)

    def withdrawn(self) -> list[str]:
        """Names of all images of candidates that were withdrawn, until they are forgotten."""
        return [image.file_name for _, image in self._images("message = ?", _WITHDRAWN)]

    def forget(self, names: Iterable[str]) -> None:
        """Know nothing more of images whose files are removed."""
        with self._db:
            forgotten = [(name,) for name in names]
            self._db.executemany("DELETE FROM images WHERE file_name = ?", forgotten)

    def _number_of(self, file_name: str) -> int | None:
        query = "SELECT number FROM images JOIN candidates USING (number) WHERE file_name = ?"
        row = self._db.execute(query, (file_name,)).fetchone()
        if row is None and self.inside.exists(file_name):
            raise DatasetError(
                f"the ledger of {self.inside.path} knows no image {file_name}: the dataset was "
                "changed by hand; collect it again"
            )
        return None if row is None else int(row[0])

    def redo(self, numbers: Iterable[int]) -> None:
        """Make candidates pending whose files are not what the ledger says."""
        with self._db:
            again = f"{SET_PENDING} WHERE number = ?"
            self._db.executemany(again, [(number,) for number in numbers])

    def is_pending(self, key: str) -> bool:
        """Whether a candidate of this key, or of one that differs in case alone, is pending."""
        query = "SELECT 1 FROM candidates WHERE key = ? AND state = 'pending'"
        return self._db.execute(query, (key,)).fetchone() is not None

    def pending(self, cursor: Cursor | None = None) -> Generator[Job, None, None]:
        """The pending candidates in order, over a connection of its own; one thread at a time.

        Args:
            cursor: how far all who share it have got; each candidate goes to one of them.
        """
        cursor = cursor or ThreadCursor()
        query = (
            "SELECT number, key, candidate FROM candidates WHERE state = 'pending' AND number > ? "
            "ORDER BY number LIMIT ?"
        )
        path = self.inside.path / LEDGER_NAME
        with contextlib.closing(sqlite3.connect(path, check_same_thread=False)) as db:
            while True:
                with cursor.lock:
                    rows = db.execute(query, (cursor.last, cursor.n_at_once)).fetchall()
                    if not rows:
                        return
                    cursor.last = rows[-1][0]
                for number, key, text in rows:
                    yield Job(number, _candidate(key, text))

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Commit outcomes, all or none of them."""
        with self._db:
            for outcome in outcomes:
                self._record(outcome)

    def _record(self, outcome: Outcome) -> None:
        number, text = outcome.job.number, outcome.job.candidate.to_json()
        values = (text, outcome.state, outcome.reason, outcome.message, number)
        self._db.execute(f"UPDATE candidates SET {_TRIED} WHERE number = ?5", values)
        self._db.execute("DELETE FROM images WHERE number = ?", (number,))
        rows = [(i.file_name, number, json.dumps([i.record, i.metadata])) for i in outcome.images]
        sealed = [(*row, seal(*row)) for row in rows]
        self._db.executemany("INSERT INTO images VALUES (?, ?, ?, ?)", sealed)

    def images(self) -> Iterator[tuple[Job, Image]]:
        """All stored images with their candidates, in order.

        Raises:
            DatasetError: one is not where a run puts it, or not what a run writes.
        """
        return self._images("state = ?", "done")

    def _images(self, condition: str, value: object) -> Iterator[tuple[Job, Image]]:
        query = (
            "SELECT number, key, candidate, file_name, image FROM images "
            f"JOIN candidates USING (number) WHERE {condition} ORDER BY number, file_name"
        )
        for number, key, text, name, image in self._db.execute(query, (value,)):
            job = Job(number, _candidate(key, text))
            stored = checked_image(job, read_json(image, f"the ledger's image of {key}"))
            if stored.file_name != name:
                raise DatasetError(f"the ledger calls one image {name!r:.200} and another name")
            yield job, stored

    def image_names(self) -> set[str]:
        """Names of all stored images, those of candidates that are pending again included."""
        return {str(row[0]) for row in self._db.execute("SELECT file_name FROM images")}

    def rejects(self) -> Iterator[Reject]:
        """All candidates that were rejected or failed, in order."""
        query = (
            "SELECT key, candidate, state, reason, message, attempts FROM candidates "
            "WHERE state IN ('rejected', 'failed') ORDER BY number"
        )
        for key, text, *rest in self._db.execute(query):
            yield Reject(_candidate(key, text), *rest)

    def counts(self) -> dict[str, int]:
        """Candidates by state."""
        return dict(self._db.execute("SELECT state, COUNT(*) FROM candidates GROUP BY state"))

    def _meta(self, name: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    def _set_meta(self, name: str, value: str) -> None:
        with self._db:
            row = (name, value, seal(name, value))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", row)


def _candidate(key: str, text: str) -> Candidate:
    """A candidate as a ledger has it; its key, which names files, is the row's."""
    candidate = Candidate.from_json(text)
    if candidate.key != checked_key(key):
        raise DatasetError(f"the ledger's candidate {key} says that it is {candidate.key!r:.200}")
    return candidate


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Ledger]:
    """The ledger of a dataset folder, for this process alone.

    Of a new folder in which not even the candidates could be listed, nothing stays.

    Raises:
        DatasetError: another run is at work in the folder, the ledger is damaged or not ours, or
            what should be a file or a folder of it is a link.
    """
    is_made = not os.path.lexists(folder)
    inside = Enclosure(Path(folder), make=True)
    inside.make_folder(WORK_NAME)
    try:
        lock = os.fdopen(inside.create(f"{WORK_NAME}/lock", os.O_RDWR), "r+b")
    except OSError as error:
        raise DatasetError(
            f"{folder}/{WORK_NAME}/lock cannot be used: {error}; a folder "
            "that is collected into must be one that can be written to"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(f"another run is collecting into {folder}; let it end") from error
        try:
            with _kept_if_begun(inside, is_made), contextlib.closing(Ledger(inside)) as ledger:
                yield ledger
        except sqlite3.Error as error:
            raise DatasetError(
                f"{inside.path / LEDGER_NAME} cannot be used ({error}); {_advice(error)}"
            ) from error


def _advice(error: sqlite3.Error) -> str:
    """What to do; only what is damaged is a reason to remove what was collected."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without its details
    if code == sqlite3.SQLITE_FULL:
        return "make room on the disk; nothing is lost, and the same command goes on"
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return "it is damaged: collect into a new folder"
    return (
        "see that the folder can be written to and that its disk is sound and has room; the same "
        "command goes on"
    )


@contextlib.contextmanager
def _kept_if_begun(inside: Enclosure, is_made: bool) -> Iterator[None]:
    """Remove a new ledger again when nothing was obtained by it; and its folder, if made for it.

    Under the lock: a run that finds another one at work has nothing to remove.
    """
    is_new = not inside.exists(LEDGER_NAME)
    try:
        yield
    except BaseException:
        if is_new and not inside.exists(INCOMING_NAME):
            shutil.rmtree(inside.path / WORK_NAME, ignore_errors=True)
            if is_made:
                with contextlib.suppress(OSError):  # somebody put something else there
                    inside.path.rmdir()
        raise
