"""Archives of images, read member by member: nothing is unpacked to where a member wants to be.

Members are named by the archive, which may be hostile: names that climb out of a folder, links,
devices, and data that unpack to a thousand times their size. A name is only ever looked at; what
may be read is decided before a byte is unpacked, and reading stops at the size that was stated.
"""

from __future__ import annotations

import contextlib
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from anyres_bench.core.errors import DatasetError, ImageError, UsageError

SUFFIXES = (".zip", ".tar")
_MAX_MEMBER_BYTES = 1 << 30
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
)
_CLIMBS = re.compile(r"(^|[/\\])\.\.($|[/\\])|^[/\\]|^[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive.

    Attributes:
        name: as the archive has it.
        n_bytes: unpacked, as the archive says.
        refusal: why it may not be read; empty where it may.
    """

    name: str
    n_bytes: int
    refusal: str = ""


class Archive(Protocol):
    """An open archive."""

    def members(self) -> Iterator[Member]:
        """Its files, in the archive's order."""

    def open(self, name: str) -> contextlib.AbstractContextManager[IO[bytes]]:
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
    try:
        archive = kinds[path.suffix.lower()](path)
        total = sum(member.n_bytes for member in archive.members() if not member.refusal)
    except _DAMAGE as error:
        raise DatasetError(f"{path} cannot be read: {error}; fetch it again") from error
    if total > max(_SMALL, _MAX_RATIO * path.stat().st_size):
        raise DatasetError(
            f"{path} of {path.stat().st_size} bytes would unpack to {total}; that is a bomb"
        )
    return archive


def extract(archive: Archive, member: Member, path: Path) -> None:
    """Write the content of a member to `path`.

    Raises:
        ImageError: it may not be read, or is damaged.
    """
    if member.refusal:
        raise ImageError(member.refusal, f"member {member.name!r} of the archive is not read")
    with open(path, "wb") as target:
        for data in _content(archive, member):
            target.write(data)
    if path.stat().st_size != member.n_bytes:
        raise ImageError("truncated", f"member {member.name!r} is shorter than it says")


def _content(archive: Archive, member: Member) -> Iterator[bytes]:
    """As many bytes as the member says that it has, and no more."""
    left = member.n_bytes
    try:
        with archive.open(member.name) as source:
            while data := source.read(min(left, _CHUNK)):
                yield data
                left -= len(data)
    except _DAMAGE as error:
        raise ImageError("corrupt", f"member {member.name!r} is damaged: {error}") from error


class _Zip:
    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)

    def members(self) -> Iterator[Member]:
        for info in self._zip.infolist():
            if not info.is_dir():
                yield Member(info.filename, info.file_size, self._refusal(info))

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(name)

    def _refusal(self, info: zipfile.ZipInfo) -> str:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if _CLIMBS.search(info.filename) or kind not in (0, stat.S_IFREG):
            return "unsafe-member"
        if info.flag_bits & 1:
            return "encrypted"
        return _size_refusal(info.file_size, info.compress_size)


class _Tar:
    def __init__(self, path: Path) -> None:
        self._path = path
        with tarfile.TarFile(path) as tar:
            self._infos = {info.name: info for info in tar.getmembers() if not info.isdir()}

    def members(self) -> Iterator[Member]:
        for info in self._infos.values():
            unsafe = _CLIMBS.search(info.name) or not info.isreg() or info.issparse()
            refusal = "unsafe-member" if unsafe else _size_refusal(info.size, info.size)
            yield Member(info.name, info.size, refusal)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        with open(self._path, "rb") as file:  # its own: several threads read at once
            file.seek(self._infos[name].offset_data)
            yield file


def _size_refusal(n_bytes: int, n_packed: int) -> str:
    is_bomb = n_bytes > max(_SMALL, _MAX_RATIO * n_packed)
    return "bomb" if is_bomb or n_bytes > _MAX_MEMBER_BYTES else ""
