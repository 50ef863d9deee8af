"""Archives of images, read member by member: nothing is unpacked to where a member wants to be.

Members are named by the archive, which may be hostile: names that climb out of a folder, links,
devices, and data that unpack to a thousand times their size. A name is only ever looked at; what
may be read is decided before a byte is unpacked, and reading stops at the size that was stated.
"""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import re
import stat
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from anyres_bench.core.errors import DatasetError, ImageError, UsageError
from anyres_bench.core.filekinds import HEAD_BYTES, describe
from anyres_bench.core.zips import stated_entries

SUFFIXES = (".zip", ".tar")
_MAX_MEMBER_BYTES = 1 << 30
_MAX_TABLE_BYTES = 128 << 20  # of a zip's contents: a million names and more; takes some GB to hold
_MAX_RATIO = 200  # unpacked over packed; pictures hardly pack at all, flat bitmaps do
_CHUNK = 1 << 20
_SMALL = 1 << 20  # below this no ratio hurts
# What the readers and unpackers raise on damaged files; bzip2's is an OSError.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    struct.error,
)
_LONGEST_HEADER = 1 << 16
_PADDING = 1 << 20  # bytes behind the end that are looked at; tools write 10 KiB
_LISTING_S, _MEMBER_S = 60.0, 0.001
# LZMA is none of them: its dictionary may ask for gigabytes before a byte is unpacked.
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_INSTEAD = "unpack the archive, and collect the folder"
_REFUSALS = {
    "unsafe-member": "its name leads out of the archive, or it is a link, a device or a file with "
    "holes",
    "encrypted": f"it wants a password; {_INSTEAD}",
    "packing": f"it is packed in another way than deflate and bzip2; {_INSTEAD}",
    "bomb": f"it would unpack to far more than it has, or to over {_MAX_MEMBER_BYTES >> 30} GiB",
}
_CLIMBS = re.compile(r"(^|[/\\])\.\.($|[/\\])|^[/\\]|^[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive.

    Attributes:
        name: as the archive has it, without the "./" that some begin with.
        n_bytes: unpacked, as the archive says.
        refusal: why it may not be read; empty where it may.
        place: of its header in the archive, which tells members of one name apart.
        stamp: what differs once the member is changed.
    """

    name: str
    n_bytes: int
    refusal: str = ""
    place: int = 0
    stamp: str = ""


class Archive(Protocol):
    """An open archive."""

    def members(self) -> Iterator[Member]:
        """Its files, in the archive's order."""

    def open(self, member: Member) -> contextlib.AbstractContextManager[IO[bytes]]:
        """The content of a file that `members` did not refuse."""


def open_archive(path: Path) -> Archive:
    """Open a .zip or an uncompressed .tar.

    Raises:
        UsageError: it is neither.
        DatasetError: it is damaged, or a bomb as a whole.
    """
    kinds: dict[str, Callable[[Path], Archive]] = {".zip": _Zip, ".tar": _Tar}
    if path.suffix.lower() not in kinds:
        raise UsageError(f"{path} is neither a folder nor {' nor '.join(SUFFIXES)}; unpack it")
    if not path.is_file():
        raise UsageError(f"{path} is no file; give a folder or an archive")
    try:
        archive = kinds[path.suffix.lower()](path)
        total = sum(member.n_bytes for member in archive.members() if not member.refusal)
    except _DAMAGE as error:
        raise DatasetError(f"{path} cannot be read: {error}; {_advice(path)}") from error
    if total > max(_SMALL, _MAX_RATIO * path.stat().st_size):
        raise DatasetError(
            f"{path} of {path.stat().st_size} bytes would unpack to {total}; that is a bomb"
        )
    return archive


def _advice(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    found = ".zip" if head.startswith(b"PK") else ".tar" if head[257:262] == b"ustar" else ""
    if found and found != path.suffix.lower():
        return f"it is a {found}; give it that ending"
    return "fetch it again" if found or not head else f"it is {describe(head)}"


def extract(archive: Archive, member: Member, path: Path) -> None:
    """Write the content of a member to `path`.

    Raises:
        ImageError: it may not be read, or is damaged.
    """
    if member.refusal:
        told = f"member {member.name!r} of the archive is not read"
        raise ImageError(member.refusal, f"{told}: {_REFUSALS.get(member.refusal, _INSTEAD)}")
    with open(path, "wb") as target:
        for data in _content(archive, member):
            target.write(data)
    if os.stat(path).st_size != member.n_bytes:
        raise ImageError("truncated", f"member {member.name!r} is shorter than it says")


def _content(archive: Archive, member: Member) -> Iterator[bytes]:
    """As many bytes as the member says that it has, and no more."""
    left = member.n_bytes
    try:
        with archive.open(member) as source:
            while data := source.read(min(left, _CHUNK)):
                yield data
                left -= len(data)
    except _DAMAGE as error:
        raise ImageError("corrupt", f"member {member.name!r} is damaged: {error}") from error


class _BoundedFile(io.FileIO):
    """A file of which `zipfile`, which reads the table of contents at once, gets no huge one."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = max(0, os.fstat(self.fileno()).st_size - self.tell())
        if size > _MAX_TABLE_BYTES:
            told = f"its table of contents has {size} bytes, expected {_MAX_TABLE_BYTES} at most"
            raise zipfile.BadZipFile(told)
        return super().read(size)


class _Zip:
    def __init__(self, path: Path) -> None:
        file = _BoundedFile(path)
        self._zip = zipfile.ZipFile(file)
        stated, n_entries = stated_entries(file), len(self._zip.infolist())
        if stated not in (n_entries % 65_536, 65_535):  # the last says that zip64 counts them
            told = f"its table of contents shows {n_entries} entries, its end counts {stated}"
            raise zipfile.BadZipFile(told)
        self._infos = {info.header_offset: info for info in self._zip.infolist()}

    def members(self) -> Iterator[Member]:
        files = [info for info in self._zip.infolist() if not info.is_dir()]
        last = {_plain_name(info.filename): info for info in files}
        for info in files:
            name = _plain_name(info.filename)
            refusal = self._refusal(info) if last[name] is info else "name-twice"
            stamp = f"{info.CRC:08x}-{info.file_size}"
            yield Member(name, info.file_size, refusal, info.header_offset, stamp)

    def open(self, member: Member) -> IO[bytes]:
        return self._zip.open(self._infos[member.place])

    def _refusal(self, info: zipfile.ZipInfo) -> str:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if _CLIMBS.search(info.filename) or kind not in (0, stat.S_IFREG):
            return "unsafe-member"
        if info.flag_bits & 1:
            return "encrypted"
        if info.compress_type not in _PACKINGS:
            return "packing"
        return _size_refusal(info.file_size, info.compress_size)


class _Tar:
    def __init__(self, path: Path) -> None:
        self._path = path
        with open(path, "rb") as file:
            headers = cast(IO[bytes], _Headers(file))
            with tarfile.TarFile(fileobj=headers, encoding="utf-8") as tar:
                self._infos = list(_forwards(tar))

    def members(self) -> Iterator[Member]:
        last = {_plain_name(info.name): info for info in self._infos}
        for info in self._infos:
            name = _plain_name(info.name)
            unsafe = _CLIMBS.search(info.name) or not info.isreg() or info.issparse()
            refusal = "unsafe-member" if unsafe else _size_refusal(info.size, info.size)
            refusal = refusal if last[name] is info else "name-twice"
            stamp = f"{info.mtime}-{info.size}"
            yield Member(name, info.size, refusal, info.offset_data, stamp)

    @contextlib.contextmanager
    def open(self, member: Member) -> Iterator[IO[bytes]]:
        with open(self._path, "rb") as file:  # its own: several threads read at once
            file.seek(member.place)
            yield file


class _Headers:
    """A tar of which only headers are read: a longer piece is what a hostile one states."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, n_bytes: int = -1) -> bytes:
        if not 0 <= n_bytes <= _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header says that it has {n_bytes} bytes")
        return self._file.read(n_bytes)


def _forwards(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The files of a tar, as long as each begins behind the one before.

    A member of a negative size would be followed by itself, for ever.

    Raises:
        tarfile.ReadError: it goes back, or takes longer to list than any archive of pictures.
    """
    before, n, start = -1, 0, time.monotonic()
    while (info := tar.next()) is not None:
        n += 1
        if info.size < 0 or info.offset_data <= before:
            raise tarfile.ReadError(f"member {n} does not begin behind the one before it")
        if time.monotonic() - start > _LISTING_S + n * _MEMBER_S:
            raise tarfile.ReadError(f"its headers take too long, after {n} members")
        before = info.offset_data
        if not info.isdir():
            yield info
    _check_end(tar, n)


def _check_end(tar: tarfile.TarFile, n: int) -> None:
    """Refuse a tar that ends where no end is: what stands behind would be left out in silence.

    `tarfile` takes a header that is damaged, or not where the one before says, for the end.

    Raises:
        tarfile.ReadError: neither the end of the file is there nor zeros alone.
    """
    file = cast(IO[bytes], tar.fileobj)
    file.seek(tar.offset)
    for _ in range(_PADDING // _LONGEST_HEADER):
        if (block := file.read(_LONGEST_HEADER)).strip(b"\0"):
            raise tarfile.ReadError(
                f"behind member {n}, at byte {tar.offset}, is neither another one nor the end; it "
                "is damaged, or several archives in one file, to be given one by one"
            )
        if not block:
            return


def _plain_name(name: str) -> str:
    """A name without "./" before it, as `tar -C folder -cf x.tar .` writes them."""
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name


def _size_refusal(n_bytes: int, n_packed: int) -> str:
    is_bomb = n_bytes > max(_SMALL, _MAX_RATIO * n_packed)
    return "bomb" if is_bomb or n_bytes > _MAX_MEMBER_BYTES else ""
