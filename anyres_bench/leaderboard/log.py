"""The log of a leaderboard: what was added, re-rendered or retracted, when and why; append-only.

One CSV file. A line is never edited and never goes: a number that turns out to be wrong is
retracted by a later line, and stays visible as such.

>>> log = read_log(TABLE_HEAD + "2026-01-31,submitted," + "0" * 64 + ",,mine,first\\n")
>>> [(line.state, line.model) for line in log]
[('submitted', 'mine')]
"""

from __future__ import annotations

import csv
import datetime
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from anyres_bench.core.enclosure import read_bounded
from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.files import atomic_write, held_folder
from anyres_bench.core.quoting import csv_cell

TIERS: Final = ("submitted", "recomputed", "re-rendered")
RETRACTED: Final = "retracted"
_MOST_BYTES = 16 << 20
_LONGEST_CELL = 500
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class LogLine:
    """What a submission, or one of its records, is from a day on.

    Attributes:
        date: UTC, as 2026-01-31.
        state: one of `TIERS`, or `RETRACTED`.
        submission: seal of its `submission.json`, 64 hex digits.
        record: key of the one record that the line is about; empty for all of them.
        model: id.
        why: of a retraction; otherwise by choice.
    """

    date: str
    state: str
    submission: str
    record: str
    model: str
    why: str

    def __post_init__(self) -> None:
        try:
            day = datetime.date.fromisoformat(self.date)
        except ValueError as error:
            raise DataError(f"{self.date[:40]!r} is no date such as 2026-01-31") from error
        if day.isoformat() != self.date:
            raise DataError(f"{self.date!r} is written {day.isoformat()}")
        if self.state not in (*TIERS, RETRACTED):
            known = ", ".join((*TIERS, RETRACTED))
            raise DataError(f"the state is {self.state[:40]!r}, expected one of {known}")
        if not _DIGEST.fullmatch(self.submission):
            raise DataError(f"{self.submission[:80]!r} is no seal of 64 hex digits")
        if self.record and not _DIGEST.fullmatch(self.record):
            raise DataError(f"{self.record[:80]!r} is no key of 64 hex digits")
        if self.state == RETRACTED and not self.why.strip():
            raise DataError("a retraction says why")
        if not self.model.strip():
            raise DataError("it names no model")

    def csv(self) -> str:
        """The line as it stands in the file."""
        text = io.StringIO()
        cells = [csv_cell(getattr(self, field.name)) for field in fields(self)]
        csv.writer(text, lineterminator="\n").writerow(cells)
        return text.getvalue()


_COLUMNS = [field.name for field in fields(LogLine)]
TABLE_HEAD: Final = ",".join(_COLUMNS) + "\n"


States = Mapping[tuple[str, str], LogLine]


def read_log(text: str) -> tuple[LogLine, ...]:
    """The lines of a log, oldest first.

    Raises:
        DataError: a line is none, is older than the one before, or says what cannot follow.
    """
    reader = csv.reader(io.StringIO(text), strict=True)
    lines: list[LogLine] = []
    known: dict[tuple[str, str], LogLine] = {}
    try:
        head = next(reader, None)
        if head != _COLUMNS:
            got = "nothing" if head is None else ascii(",".join(head))[:80]
            raise DataError(f"the first line is not {TABLE_HEAD.strip()}, but {got}")
        for cells in reader:
            line = _line(cells)
            if lines and line.date < lines[-1].date:
                raise DataError(f"{line.date} comes after {lines[-1].date}")
            _check_follows(line, state_of(known, line.submission, line.record))
            lines.append(line)
            known[line.submission, line.record] = line
    except (csv.Error, DataError) as error:
        raise DataError(f"line {reader.line_num} of the log: {error}") from error
    return tuple(lines)


def _line(cells: Sequence[str]) -> LogLine:
    if len(cells) != len(_COLUMNS):
        raise DataError(f"{len(cells)} cells, expected {len(_COLUMNS)}")
    if long := next((cell for cell in cells if len(cell) > _LONGEST_CELL), None):
        raise DataError(f"a cell has {len(long)} characters, expected {_LONGEST_CELL} at most")
    return LogLine(*cells)


def _check_follows(new: LogLine, known: LogLine | None) -> None:
    """Hold a line against what is known of its submission or record.

    Raises:
        DataError: it cannot follow.
    """
    name = new.submission[:12]
    if known is None:
        if new.record or new.state == RETRACTED:
            raise DataError(f"{name} was never added")
    elif known.state == RETRACTED:
        raise DataError(
            f"{name} was retracted on {known.date}; what was mended is a new submission"
        )
    elif new.record and new.state not in (RETRACTED, TIERS[-1]):
        raise DataError(f"one record becomes {TIERS[-1]} or {RETRACTED}, not {new.state}")
    elif new.state != RETRACTED and TIERS.index(new.state) <= TIERS.index(known.state):
        raise DataError(f"{name} is {known.state} already")


def states(lines: Iterable[LogLine]) -> States:
    """(submission, record) -> the newest line of exactly these; see `state_of`.

    Args:
        lines: oldest first.
    """
    return {(line.submission, line.record): line for line in lines}


def state_of(known: States, submission: str, record: str = "") -> LogLine | None:
    """The line that says what a submission is now, or one of its records; None: never added.

    Args:
        known: what `states` gives.
        submission: its seal.
        record: key of the record; empty for the submission as a whole.
    """
    whole = known.get((submission, ""))
    if whole is None or whole.state == RETRACTED or not record:
        return whole
    return known.get((submission, record), whole)


def load_log(path: Path) -> tuple[LogLine, ...]:
    """Read the file of a log; see `read_log`.

    Raises:
        DataError: it cannot be read, or is none.
    """
    return read_log(log_text(path))


def log_text(path: Path) -> str:
    """The text of a log's file, as it is.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return read_bounded(path, _MOST_BYTES, "log").decode()
    except UnicodeError as error:
        raise DataError(f"{path} is no UTF-8") from error


def check_appended(base: str, text: str) -> int:
    """Hold that a log is an earlier one with lines added behind it.

    Args:
        base, text: the earlier file and the one that is to take its place.

    Returns:
        How many lines were added.

    Raises:
        DataError: a line was changed, taken out or put in between; or one of them is no log.
    """
    earlier, now = read_log(base), read_log(text)
    if text.startswith(base) and (base.endswith("\n") or text == base):
        return len(now) - len(earlier)
    old, new = base.splitlines(), text.splitlines()
    for number, line in enumerate(old, 1):
        if number > len(new):
            raise DataError(f"line {number} of the log is gone: {line[:200]}")
        if new[number - 1] != line:
            raise DataError(
                f"line {number} of the log was {line[:200]!r} and is {new[number - 1][:200]!r}; "
                "a log is only ever added to"
            )
    raise DataError("ends of lines of the log were changed; a log is only ever added to")


def append(path: Path, line: LogLine) -> None:
    """Add a line to a log's file, which is made where there is none.

    Of two who add at once neither loses a line, and where the path is a link, the file that it
    leads to is added to.

    Raises:
        UsageError: the line cannot follow those that are there.
        DataError: the file is no log.
    """
    file = Path(os.path.realpath(path))
    with held_folder(file.parent):
        text = log_text(path) if file.exists() else TABLE_HEAD
        text += "" if text.endswith("\n") else "\n"
        read_log(text)
        try:
            read_log(text + line.csv())
        except DataError as error:
            raise UsageError(f"{path} cannot take this line: {error}") from error
        with atomic_write(file, "w") as writing:
            writing.write(text + line.csv())
