"""`folder`: any tree of images on this machine, as it is."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import quote_from_bytes, unquote_to_bytes

from anyres_bench.collectors.archives import Archive, Member, extract, open_archive
from anyres_bench.collectors.collector import Candidate, key_of
from anyres_bench.core.errors import ConfigError, ImageError, UsageError
from anyres_bench.fetching.http import Fetcher


@dataclass(frozen=True)
class Folder:
    """Any tree of images on this machine; files that are no images go to the rejects table."""

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

        Raises:
            UsageError: there is no such folder or archive.
        """
        if self.path.is_file():
            shown = (name for name in self._members if not _is_hidden(name))
            yield from map(self._candidate, sorted(shown))
            return
        if not self.path.is_dir():
            raise UsageError(f"{self.path} is no folder; give a folder of images")
        for folder, folders, names in os.walk(self.path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(name for name in names if not name.startswith(".")):
                yield self._candidate(os.path.relpath(os.path.join(folder, name), self.path))

    def obtain(self, candidate: Candidate, path: Path, fetcher: Fetcher) -> Candidate:
        """Copy or link the file.

        Raises:
            ImageError: `unreadable`, or what is wrong with a member of an archive.
        """
        if self.path.is_file():
            extract(self._archive, self._members[candidate.source_id], path)
            return candidate
        original = self.path / os.fsdecode(unquote_to_bytes(candidate.url))
        try:
            if not original.is_file():
                raise ImageError("unreadable", f"{original} is no file, or a link to nowhere")
            if not (self.hardlink and _linked(original, path)):
                with open(original, "rb") as source, open(path, "wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                    os.fsync(target.fileno())
        except PermissionError as error:
            raise ImageError("unreadable", f"{original} may not be read: {error}") from error
        return candidate

    @cached_property
    def _archive(self) -> Archive:
        return open_archive(self.path)

    @cached_property
    def _members(self) -> dict[str, Member]:
        return {_readable(member.name): member for member in self._archive.members()}

    def __getstate__(self) -> dict[str, Any]:
        """Worker processes open the archive themselves."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def _candidate(self, relative: str) -> Candidate:
        readable = _readable(relative)
        label = Path(readable).parent.name if self.labels else ""
        return Candidate(
            key=key_of(self.source, os.path.splitext(readable)[0]),
            url=quote_from_bytes(os.fsencode(relative)),
            source=self.source,
            source_id=readable,
            author=self.author,
            licence_id=self.licence,
            label=label,
        )


def _readable(name: str) -> str:
    """A file's name as text that can be stored, whatever bytes it is made of."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) and part != ".." for part in name.split("/"))


def _linked(original: Path, path: Path) -> bool:
    """Try to link; False where the file systems differ or cannot."""
    path.unlink(missing_ok=True)
    try:
        os.link(original, path)
    except OSError:
        return False
    return True
