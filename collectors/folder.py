"""`folder`: any tree of images on this machine, as it is."""

from __future__ import annotations

import dataclasses
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Annotated, Any, ClassVar
from urllib.parse import quote_from_bytes, unquote_to_bytes

from anyres_bench.collectors.archives import Archive, Member, extract, open_archive
from anyres_bench.collectors.collector import Candidate, key_of
from anyres_bench.core.enclosure import open_regular
from anyres_bench.core.errors import ConfigError, ImageError, UsageError
from anyres_bench.core.quoting import storable
from anyres_bench.fetching.http import Fetcher

_CHUNK = 1 << 20
_SPELLED = re.compile(r"\\x[0-9a-f]{2}")


@dataclass(frozen=True)
class Folder:
    """Any tree of images on this machine; files that are no images go to the rejects table.

    Examples:
      anyres-bench collect folder ~/photographs data/photos --licence CC0-1.0
      anyres-bench collect folder birds.zip data/birds --labels --min-side 256
    """

    name: ClassVar[str] = "folder"
    local: ClassVar[bool] = True

    path: Annotated[Path, "Folder of images, searched with its subfolders; or a .zip, or a .tar."]
    source: Annotated[str, "Name of the collection; it begins every file name."] = "folder"
    licence: Annotated[str, "Licence of all images, an SPDX id such as CC-BY-4.0."] = "unknown"
    author: Annotated[str, "Author of all images."] = ""
    labels: Annotated[bool, "Take the name of an image's folder as its label."] = False
    hardlink: Annotated[bool, "Link the files instead of copying; never edit them then."] = False

    def __post_init__(self) -> None:
        if not self.source:
            raise ConfigError("source is empty; name the collection, such as `--source birds`")

    def recipe(self) -> dict[str, Any]:
        """What is asked for; the tree itself shows in the digest of what came."""
        return {
            "collector": self.name,
            "source": self.source,
            "licence": self.licence,
            "author": self.author,
            "labels": self.labels,
        }

    def candidates(self) -> Iterator[Candidate]:
        """One a file, in the order of their paths; hidden files and folders are left out.

        Folders that are links, or cannot be read, are candidates too, which are rejected for that.

        Raises:
            UsageError: there is no such folder or archive.
        """
        if self.path.is_file():
            yield from (self._of_member(self._members[name]) for name in sorted(self._members))
            return
        if not self.path.is_dir():
            raise UsageError(f"{self.path} is no folder; give a folder of images")
        unreadable: list[OSError] = []
        for folder, folders, names in os.walk(self.path, onerror=unreadable.append):
            folders[:] = sorted((f for f in folders if not f.startswith(".")), key=os.fsencode)
            linked = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            shown = (name for name in (*names, *linked) if not name.startswith("."))
            for name in sorted(shown, key=os.fsencode):  # the same under any locale
                yield self._of_file(os.path.join(folder, name), name in linked)
        for error in unreadable:
            if error.filename == os.fspath(self.path):
                raise UsageError(f"{self.path} cannot be read: {error}") from error
            yield self._of_folder(error)

    def obtain(self, candidate: Candidate, path: Path, fetcher: Fetcher) -> Candidate:
        """Copy or link the file.

        Raises:
            ImageError: `unreadable`, or what is wrong with a member of an archive.
        """
        if self.path.is_file():
            member = self._members.get(candidate.source_id)
            if member is None:
                raise ImageError("unreadable", f"{self.path} has no {candidate.source_id} any more")
            extract(self._archive, member, path)
            return candidate
        original = self._inside(os.fsdecode(unquote_to_bytes(candidate.url)))
        if not (self.hardlink and _linked(original, path)):
            _copy(original, path)
        return candidate

    def _inside(self, relative: str) -> Path:
        """The file of a relative path; a link is followed, but no path leads out by its name.

        Raises:
            ImageError: `unreadable`.
        """
        parts = Path(relative).parts
        if os.path.isabs(relative) or ".." in parts or "\0" in relative:
            raise ImageError("unreadable", f"{relative!r:.200} does not lie in {self.path}")
        return self.path.joinpath(*parts)

    @cached_property
    def _archive(self) -> Archive:
        return open_archive(self.path)

    @cached_property
    def _members(self) -> dict[str, Member]:
        """Readable name -> member; those of one name but the last are refused under others."""
        members: dict[str, Member] = {}
        for member in self._archive.members():
            name = readable(member.name.encode("utf-8", "surrogateescape"))
            if not _is_hidden(name):
                twice = f"{name} ({member.place})"
                members[twice if member.refusal == "name-twice" else name] = member
        return members

    def __getstate__(self) -> dict[str, Any]:
        """Worker processes open the archive themselves."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def _of_file(self, path: str, is_folder: bool) -> Candidate:
        relative = os.fsencode(os.path.relpath(path, self.path))
        if is_folder:
            told = "linked-folder: it is a link to a folder; collect that folder itself"
            return self._candidate(relative, refusal=told)
        return self._candidate(relative, stamp=_stamp(path))

    def _of_folder(self, error: OSError) -> Candidate:
        """What stands for a folder that cannot be looked into."""
        relative = os.fsencode(os.path.relpath(error.filename, self.path))
        return self._candidate(relative, refusal=f"unreadable: the folder cannot be read: {error}")

    def _of_member(self, member: Member) -> Candidate:
        name = member.name.encode("utf-8", "surrogateescape")
        if member.refusal == "name-twice":
            name += f" ({member.place})".encode()
            told = "name-twice: another member of the archive has this name, and comes behind it"
            return self._candidate(name, refusal=told)
        return self._candidate(name, stamp=member.stamp, is_member=True)

    def _candidate(
        self, relative: bytes, stamp: str = "", refusal: str = "", is_member: bool = False
    ) -> Candidate:
        name = readable(relative)
        # Some programs of Windows write archives with backslashes between folders.
        place = name.replace("\\", "/") if is_member else name
        return Candidate(
            key=key_of(self.source, os.path.splitext(name)[0]),
            url=quote_from_bytes(relative),
            source=self.source,
            source_id=name,
            author=self.author,
            licence_id=self.licence,
            label=Path(place).parent.name if self.labels else "",
            stamp=stamp,
            refusal=storable(refusal),
        )


def readable(name: bytes) -> str:
    """A file's name as text that can be stored, whatever bytes it is made of.

    No two names read the same: where some bytes are spelled out, or seem to be, each backslash of
    the name itself is doubled.

    >>> readable(b"a\xe9"), readable(b"a\\xe9"), readable(b"a\\b")
    ('a\\xe9', 'a\\\\xe9', 'a\\b')
    """
    try:
        text = name.decode()
        return text.replace("\\", "\\\\") if _SPELLED.search(text) else text
    except UnicodeDecodeError:
        return name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def _is_hidden(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return any(part.startswith((".", "__MACOSX")) and part != ".." for part in parts)


def _stamp(path: str) -> str:
    """Size and time of a file; empty where there is none, or it may not be read."""
    try:
        found = os.stat(path)
        is_readable = os.access(path, os.R_OK)
    except (OSError, ValueError):
        return ""
    if not is_readable:
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}"


def _copy(original: Path, path: Path) -> None:
    """Copy a regular file.

    Raises:
        ImageError: `unreadable`.
        OSError: the copy cannot be written.
    """
    try:
        source = open_regular(original)
    except OSError as error:
        raise ImageError("unreadable", f"{original} cannot be read: {error}") from error
    with source, open(path, "wb") as target:
        while data := _read(source, original):
            target.write(data)
        target.flush()
        os.fsync(target.fileno())


def _read(source: IO[bytes], original: Path) -> bytes:
    try:
        return source.read(_CHUNK)
    except OSError as error:
        raise ImageError("unreadable", f"{original} cannot be read on: {error}") from error


def _linked(original: Path, path: Path) -> bool:
    """Try to link to the file itself; False where it is none, or the file systems cannot."""
    path.unlink(missing_ok=True)
    try:
        target = os.path.realpath(original, strict=True)
        if not stat.S_ISREG(os.stat(target).st_mode):
            return False
        os.link(target, path, follow_symlinks=False)
    except OSError:
        return False
    return True
