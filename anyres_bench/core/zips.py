"""The zip archives of torch, by one reader that takes them in one way only.

A zip can be made so that two readers see two archives in it. Here its one table of contents must
end where the end record begins, all entries lie one behind the other in front of it, each under
the name that the table gives it, and what is read is stored as it is and has its checksum.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from typing import IO

from anyres_bench.core.budget import MAX_TABLE_BYTES, Budget
from anyres_bench.core.errors import CheckpointError

MAGIC = b"PK\x03\x04"
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF  # the number is in the zip64 record
_ENCRYPTED = 1
_LONGEST_COMMENT = 0xFFFF


@dataclass(frozen=True)
class Entry:
    """A file of the archive.

    Attributes:
        name: with its folders.
        start: first byte of its data in the archive.
        size: of the data in the archive.
        crc: CRC-32 of its content.
        is_plain: neither compressed nor encrypted, so the data are the content.
        is_encrypted: a password is needed.
    """

    name: str
    start: int
    size: int
    crc: int
    is_plain: bool
    is_encrypted: bool

    @property
    def packing(self) -> str:
        """What was done to the content, in a word, where it is not plain."""
        return "encrypted" if self.is_encrypted else "compressed"


class ZipArchive:
    """An archive in memory.

    Args:
        data: the whole file.
        budget: a step for every entry.

    Attributes:
        entries: by name.

    Raises:
        CheckpointError: it is cut short, holds more or something else than its table says, or
            could be read in two ways.
    """

    def __init__(self, data: memoryview, budget: Budget) -> None:
        self._data = data
        self._checked: set[str] = set()
        self.entries: dict[str, Entry] = {}
        try:
            self._read_table(budget)
        except (struct.error, UnicodeDecodeError) as error:
            raise CheckpointError(f"a zip with a damaged table of contents: {error}") from error

    def read(self, name: str) -> memoryview:
        """The content of a file, as a view of the archive.

        Raises:
            CheckpointError: there is no such file, it is compressed, or its checksum is wrong.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise CheckpointError(f"a zip without {name[:80]!r}; the checkpoint is damaged")
        if not entry.is_plain:
            raise CheckpointError(
                f"{name[:80]!r} is {entry.packing}, which torch never does to tensors; it is "
                "refused unread: get the file itself, or save it again with torch.save"
            )
        content = self._data[entry.start : entry.start + entry.size]
        if name not in self._checked:
            if zlib.crc32(content) != entry.crc:
                raise CheckpointError(
                    f"the checksum of {name[:80]!r} is wrong: its bytes were changed; get the "
                    "checkpoint again from its source"
                )
            self._checked.add(name)
        return content

    def _read_table(self, budget: Budget) -> None:
        start, end, n = _find_table(self._data)
        if end - start > MAX_TABLE_BYTES:
            raise CheckpointError(f"a zip whose table of contents has {end - start} bytes")
        at, taken = start, 0
        for _ in range(n):
            budget.spend("steps", 1)
            entry, header, at = self._read_entry(at, start)
            if header < taken or entry.name in self.entries:
                raise CheckpointError(
                    f"the entries of this zip overlap, repeat a name or are not in order, at "
                    f"{entry.name[:80]!r}; torch never writes that, and it is refused unread"
                )
            self.entries[entry.name], taken = entry, entry.start + entry.size
        if at != end or taken > start:
            raise CheckpointError("a zip whose table of contents is not where its end says")

    def _read_entry(self, at: int, table: int) -> tuple[Entry, int, int]:
        """An entry, where its own header begins, and the place behind it in the table."""
        fields = _ENTRY.unpack_from(self._data, at)
        magic, _, _, flags, method, _, _, crc, packed, size, n_name, n_extra, n_comment = fields[
            :13
        ]
        if magic != b"PK\x01\x02":
            raise CheckpointError(f"a zip whose table of contents is damaged at byte {at}")
        at += _ENTRY.size
        raw_name = bytes(self._data[at : at + n_name])
        extra = self._data[at + n_name : at + n_name + n_extra]
        size, packed, header = _wide((size, packed, fields[16]), extra)
        if header + _LOCAL.size > table:
            raise CheckpointError(f"a zip whose entry at byte {at} lies outside of it")
        local = _LOCAL.unpack_from(self._data, header)
        start = header + _LOCAL.size + local[9] + local[10]
        found = bytes(self._data[header + _LOCAL.size : header + _LOCAL.size + local[9]])
        if local[0] != MAGIC or local[2:4] != (flags, method) or found != raw_name:
            raise CheckpointError(
                f"a zip that calls one entry {raw_name[:80]!r} and {found[:80]!r}"
            )
        if start + packed > table:
            raise CheckpointError(f"a zip that is cut short, or lies about {raw_name[:80]!r}")
        encrypted = bool(flags & _ENCRYPTED)
        is_plain = method == 0 and packed == size and not encrypted
        entry = Entry(str(raw_name, "utf-8"), start, packed, crc, is_plain, encrypted)
        return entry, header, at + n_name + n_extra + n_comment


def _find_table(data: memoryview) -> tuple[int, int, int]:
    """Start and end of the table of contents, and how many entries it has."""
    at = len(data) - _END.size
    if at < 0 or bytes(data[at : at + 4]) != b"PK\x05\x06":
        raise CheckpointError(
            "a zip that is cut short, or has something behind its end; get it again from its source"
        )
    _, disk, first_disk, n_here, n, size, start, n_comment = _END.unpack_from(data, at)
    numbers = (n_here, n, size, start)
    locator = at - _LOCATOR.size
    if locator >= _END64.size and bytes(data[locator : locator + 4]) == b"PK\x06\x07":
        at = locator - _END64.size
        magic, length, *_, disk64, first64, n_here, n, size, start = _END64.unpack_from(data, at)
        _, _, place, n_disks = _LOCATOR.unpack_from(data, locator)
        agree = all(
            old in (new, full)
            for old, new, full in zip(
                numbers, (n_here, n, size, start), (_FULL16, _FULL16, _FULL32, _FULL32), strict=True
            )
        )
        whole = (magic, length, place) == (b"PK\x06\x06", _END64.size - 12, at)
        if not agree or not whole or disk64 or first64 or n_disks > 1:
            raise CheckpointError("a zip with two ends that do not agree; it is refused unread")
    if disk or first_disk or n_comment or n_here != n or start + size != at:
        raise CheckpointError(
            "a zip whose table of contents is not where its end says; readers would see different "
            "archives in it, so it is refused unread"
        )
    return start, at, n


def _wide(numbers: tuple[int, int, int], extra: memoryview) -> tuple[int, int, int]:
    """Size, packed size and place; those that do not fit are in the zip64 field, in this order."""
    wanted = numbers.count(_FULL32)
    if not wanted:
        return numbers
    at = 0
    while at + 4 <= len(extra):
        kind, n = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            stored = iter(struct.unpack_from(f"<{wanted}Q", extra, at + 4))
            size, packed, place = (
                next(stored) if number == _FULL32 else number for number in numbers
            )
            return size, packed, place
        at += 4 + n
    raise CheckpointError("a zip that lacks the size of an entry")


def stated_entries(file: IO[bytes]) -> int:
    """How many entries the end of a zip counts, modulo 65,536.

    `zipfile` does not look at it, and takes an entry for the comment of the one before where the
    length of that comment is damaged.

    Source: PKWARE, APPNOTE.TXT 6.3.10, section 4.3.16.
    """
    n_bytes = file.seek(0, os.SEEK_END)
    file.seek(max(0, n_bytes - _END.size - _LONGEST_COMMENT))
    end = file.read(_END.size + _LONGEST_COMMENT)
    place = end.rfind(b"PK\5\6")
    return int.from_bytes(end[place + 10 : place + 12], "little")
