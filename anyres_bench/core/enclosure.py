"""A folder that someone else may have made: nothing in it leads out of it.

A dataset that was received may name files elsewhere in its tables, and hold links, pipes and
devices in the place of files and folders. So a name is checked before it is used, what is written,
moved or removed is opened folder by folder without following a link, and what is read must be a
regular file.

The top of an `Enclosure` is the user's own word and may be a link; nothing below it may.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from anyres_bench.core.errors import DataError, DatasetError

_LONGEST_PART, _LONGEST_NAME = 255, 1000  # bytes
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|^[A-Za-z]:")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE = 0o666  # less what the user's mask takes away


def inner_parts(name: str) -> tuple[str, ...]:
    """The parts of a path that lies inside a folder, "/" between them.

    Raises:
        DatasetError: it is empty or too long, climbs, begins at a root, or holds control characters
            or backslashes.

    >>> inner_parts("images/00000/a.png")
    ('images', '00000', 'a.png')
    """
    parts = tuple(name.split("/")) if isinstance(name, str) else ()
    if (
        not parts
        or any(part in ("", ".", "..") for part in parts)
        or _UNSAFE.search(name)
        or len(name.encode()) > _LONGEST_NAME
        or any(len(part.encode()) > _LONGEST_PART for part in parts)
    ):
        raise DatasetError(
            f"{name!r:.200} names no file inside the folder: expected a relative path such as "
            "images/00000/a.png; the table that holds it was changed by hand, or is hostile"
        )
    return parts


def open_regular(path: str | os.PathLike[str], dir_fd: int | None = None) -> IO[bytes]:
    """Open a file to be read; pipes, devices and folders are refused, and nothing is waited for.

    A link is followed where `dir_fd` is None.

    Raises:
        OSError: there is no such file, or it is no regular one.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if dir_fd is None else os.O_NOFOLLOW)
    file = os.open(path, flags, dir_fd=dir_fd)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
    return os.fdopen(file, "rb")


def read_bounded(path: Path, most: int, what: str, error: type[DataError] = DataError) -> bytes:
    """The bytes of a small foreign file; see `open_regular`.

    Args:
        path: of the file.
        most: bytes that one may have.
        what: it is, such as "recipe".
        error: that is raised.

    Raises:
        DataError: it cannot be read, or is larger.
    """
    try:
        with open_regular(path) as file:
            data = file.read(most + 1)
    except OSError as failure:
        raise error(f"{path} cannot be read: {failure.strerror or failure}") from failure
    if len(data) > most:
        raise error(f"{path} has more than {most} bytes, which no {what} has")
    return data


def create_regular(path: str | os.PathLike[str], flags: int, dir_fd: int | None = None) -> int:
    """A descriptor of a file to be written, made where it is not there; a link is refused.

    Raises:
        OSError: it is a link, a pipe, a device or a folder.
    """
    flags |= os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(path, flags & ~os.O_TRUNC, _MODE, dir_fd=dir_fd)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
    if flags & os.O_TRUNC:
        os.ftruncate(file, 0)
    return file


class Enclosure:
    """The inside of a folder.

    Args:
        path: of the folder.
        make: make it where it is missing.
    """

    def __init__(self, path: Path, make: bool = False) -> None:
        self.path = Path(path)
        if make:
            self.path.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def folder(self, parts: tuple[str, ...], make: bool = False) -> Iterator[int]:
        """A descriptor of the folder that `parts` lead to from the top.

        Raises:
            DatasetError: one of them is a link or no folder.
            FileNotFoundError: one of them is missing, and not to be made.
        """
        at = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for i, part in enumerate(parts):
                below = self._below(at, parts[: i + 1], part, make)
                os.close(at)
                at = below
            yield at
        finally:
            os.close(at)

    def _below(self, at: int, parts: tuple[str, ...], part: str, make: bool) -> int:
        try:
            return os.open(part, _FOLDER, dir_fd=at)
        except FileNotFoundError:
            if not make:
                raise
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=at)
            return os.open(part, _FOLDER, dir_fd=at)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            raise DatasetError(
                f"{self.path.joinpath(*parts)} is a link or no folder, and nothing is written "
                "through it; remove it, or put the whole dataset folder where it leads"
            ) from error

    @contextlib.contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """Let errors of the system name the whole path: those of one part say "lock" alone."""
        try:
            yield
        except OSError as error:
            if isinstance(error.filename, str) and not os.path.isabs(error.filename):
                error.filename = os.path.join(self.path, name)
                del error.filename2  # where it is None, it is told
            raise

    def make_folder(self, name: str) -> None:
        """Make a folder, and those above it.

        Raises:
            DatasetError: a part of it is a link or no folder.
        """
        with self._named(name), self.folder(inner_parts(name), make=True):
            pass

    def size(self, name: str) -> int | None:
        """Bytes of a regular file; None where there is none, or something else."""
        found = self._status(name)
        return found.st_size if found is not None and stat.S_ISREG(found.st_mode) else None

    def exists(self, name: str) -> bool:
        """Whether there is anything of that name, a broken link included."""
        return self._status(name) is not None

    def is_irregular(self, name: str) -> bool:
        """Whether there is something of that name that is no regular file, seen by one look."""
        found = self._status(name)
        return found is not None and not stat.S_ISREG(found.st_mode)

    def _status(self, name: str) -> os.stat_result | None:
        *above, last = inner_parts(name)
        try:
            with self._named(name), self.folder(tuple(above)) as at:
                return os.stat(last, dir_fd=at, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, name: str) -> IO[bytes]:
        """A regular file, to be read.

        Raises:
            DatasetError, OSError: it is a link, no regular file, or not there.
        """
        *above, last = inner_parts(name)
        with self._named(name), self.folder(tuple(above)) as at:
            return open_regular(last, at)

    def create(self, name: str, flags: int) -> int:
        """A descriptor of a file to be written, made with its folders where they are missing.

        Raises:
            DatasetError, OSError: it is a link or no regular file.
        """
        *above, last = inner_parts(name)
        with self._named(name), self.folder(tuple(above), make=True) as at:
            return create_regular(last, flags, at)

    def move(self, source: str, target: str) -> None:
        """Move a file, or a link itself, in the place of whatever file has the target's name.

        Raises:
            DatasetError: a folder of theirs is a link.
            FileNotFoundError: there is no source.
        """
        *above, last = inner_parts(source)
        *above_target, last_target = inner_parts(target)
        with (
            self._named(target),
            self.folder(tuple(above)) as at,
            self.folder(tuple(above_target), make=True) as at_target,
        ):
            os.replace(last, last_target, src_dir_fd=at, dst_dir_fd=at_target)

    def remove(self, name: str) -> None:
        """Remove a file, or a link itself; nothing happens where there is none.

        Raises:
            DatasetError: a folder of its is a link.
        """
        *above, last = inner_parts(name)
        missing = contextlib.suppress(FileNotFoundError)
        with missing, self._named(name), self.folder(tuple(above)) as at:
            os.unlink(last, dir_fd=at)

    def names(self, top: str) -> Iterator[str]:
        """Paths of all that is no folder below `top`, with "/" between parts; no link is followed.

        Raises:
            DatasetError: `top` is a link or no folder.
        """
        parts = inner_parts(top)
        try:
            with self._named(top), self.folder(parts) as at:
                for root, folders, names, here in os.fwalk(".", dir_fd=at, onerror=_raise):
                    inside = "/".join([*parts, *Path(root).parts])
                    linked = [name for name in folders if _is_link(name, here)]
                    yield from (f"{inside}/{name}" for name in (*names, *linked))
        except FileNotFoundError:
            return


def _is_link(name: str, at: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)


def _raise(error: OSError) -> None:
    raise error
