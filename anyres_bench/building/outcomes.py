"""Candidates under way: jobs, what becomes of them, and what their images are called."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from anyres_bench.collectors.collector import Candidate
from anyres_bench.core.errors import DatasetError
from anyres_bench.data.records import ImageRecord

IMAGES_NAME = "images"
PER_FOLDER = 10_000
_KEY = re.compile(r"[A-Za-z0-9_-]{1,160}")
_NAME = re.compile(rf"{IMAGES_NAME}/(\d{{5,14}})/([A-Za-z0-9_-]{{1,200}})\.[a-z0-9]{{2,5}}")
_HASH = re.compile(r"[0-9a-f]{64}")
_NUMBERS = ("detail", "effective_resolution", "confidence", "blockiness")


@dataclass(frozen=True)
class Job:
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
Jobs = Callable[[Cursor], Generator[Job, None, None]]


@dataclass(frozen=True)
class Image:
    """One stored file: its record's fields, and everything measured that no record holds."""

    record: dict[str, Any]
    metadata: dict[str, Any]

    @property
    def file_name(self) -> str:
        """Path inside the dataset folder."""
        return str(self.record["file_name"])


@dataclass(frozen=True)
class Outcome:
    """What became of a candidate.

    Attributes:
        job: with what was learnt of the candidate on the way.
        state: "done", "rejected", "failed", or "pending" for one to be tried again.
        reason, message: why, where it is not done.
        images: its files, already in their places.
        n_bytes: of the original, for the progress.
    """

    job: Job
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


def image_name(number: int, stem: str, extension: str) -> str:
    """Path of an image inside the dataset; 10,000 candidates share a folder.

    Raises:
        DatasetError: the stem has other characters than A-Z a-z 0-9 _ -, or too many.
    """
    name = f"{IMAGES_NAME}/{number // PER_FOLDER:05d}/{stem}.{extension}"
    if not _NAME.fullmatch(name):
        raise DatasetError(f"{stem!r:.200} is no name of an image; keys come from `key_of`")
    return name


def checked_key(key: str) -> str:
    """The key, if it can be the stem of a file's name.

    Raises:
        DatasetError: it cannot.
    """
    if not _KEY.fullmatch(key):
        raise DatasetError(f"{key!r:.200} is no key of a candidate; keys come from `key_of`")
    return key


def checked_image(job: Job, values: Any) -> Image:
    """An image as a ledger has it, held against what a run of its candidate can have written.

    Raises:
        DatasetError: no run can have; the ledger was changed by hand, or is hostile.
    """
    what = f"the ledger's image of {job.candidate.key}"
    if not (isinstance(values, list) and len(values) == 2 and isinstance(values[1], dict)):
        raise DatasetError(f"{what} is not a record and its measurements")
    record = ImageRecord.checked(values[0], what)
    name = _NAME.fullmatch(record.file_name)
    if (
        name is None
        or int(name[1]) != job.number // PER_FOLDER
        or not name[2].startswith(job.candidate.key)
    ):
        raise DatasetError(
            f"the ledger says that {job.candidate.key} is in {record.file_name!r:.200}, where no "
            "run puts it: the folder was changed by hand, or is hostile; collect into a new folder"
        )
    return Image(_named(values[0]), _named(_checked_metadata(values[1], what)))


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same; each name is one string in memory, however many images have it."""
    return {sys.intern(name): value for name, value in values.items()}


def _checked_metadata(metadata: dict[str, Any], what: str) -> dict[str, Any]:
    numbers: Mapping[str, Any] = {name: metadata.get(name) for name in _NUMBERS}
    sound = (
        all(value is None or type(value) in (int, float) for value in numbers.values())
        and ("phash" not in metadata or _HASH.fullmatch(str(metadata["phash"])))
        and isinstance(metadata.get("notes", []), list)
        and isinstance(metadata.get("derived", {}), dict)
    )
    if not sound:
        raise DatasetError(f"{what} has measurements that no run makes")
    return metadata
