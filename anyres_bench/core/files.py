"""Files: atomic writes, digests and the one cache folder."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from anyres_bench.core.errors import CacheError, ConfigError

if sys.platform != "win32":  # where leftovers stay
    import fcntl

_CHUNK_BYTES = 1 << 20
_TEMPORARY = re.compile(r"\..*\.\d+-[0-9a-f]{8}\.tmp", re.DOTALL)
_NAME_LETTERS = 40  # of the real name within a temporary one, which may not outgrow 255 bytes
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
_cleared: set[Path] = set()


@contextlib.contextmanager
def atomic_write(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path` that takes its place only when the block succeeds.

    The data are on disk before the rename, so after a crash `path` holds the old content or the
    whole new one. On any error, a full disk included, the temporary file is removed; what a killed
    process left in the folder is removed by the next that writes there. Errors of the disk name
    `path`.

    Args:
        path: the file to (re)place; missing parent folders are made.
        mode: "wb" or "w" (UTF-8, newlines as written).
    """
    path = Path(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    temporary = _temporary_name(path)
    with _disk_errors_name(path):
        try:
            descriptor = _created(temporary, _create_file)
            with open(descriptor, mode, **text) as file:  # type: ignore[call-overload]
                yield file
                file.flush()
                os.fsync(descriptor)
                os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its name only when the block succeeds.

    Raises:
        FileExistsError: there is something at `path`.
    """
    path = Path(path)
    with _disk_errors_name(path):
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        with _temporary_folder(path) as temporary:
            yield temporary
            try:
                path.mkdir()  # a rename would silently replace an empty folder that came meanwhile
                temporary.rename(path)
            except FileExistsError:
                raise
            except BaseException:
                with contextlib.suppress(OSError):
                    path.rmdir()
                raise


@contextlib.contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place only when the block succeeds.

    The folder that was there, if any, goes when the new one has its place. Whether it may go, the
    caller has looked.

    Raises:
        FileExistsError: there is something at `path` that is no folder.
    """
    path = Path(path)
    old = _temporary_name(path)  # so that what a killed process leaves is tidied up
    with _disk_errors_name(path), _temporary_folder(path) as temporary:
        yield temporary
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        try:
            if path.exists():
                path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            if old.exists() and not path.exists():  # stopped between the two
                old.rename(path)
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    """A new folder, held, that will become `path`; what is left of it goes."""
    temporary = _temporary_name(path)
    try:
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, _created(temporary, _create_folder))
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Hold off everybody else who asks for the same folder until the block ends.

    For a file that is read, added to and written anew: of two who do so at once one would lose what
    the other has written. Nobody is held off where locks are not known.

    Args:
        folder: it is made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_temporary(path: Path) -> bool:
    """Whether a file or folder is an unfinished one of `atomic_write` or `atomic_folder`."""
    return _TEMPORARY.fullmatch(Path(path).name) is not None


def clear_temporaries(folder: Path) -> int:
    """Remove what killed processes left unfinished in a folder; how many were removed.

    Whoever writes holds a lock, which ends with it; what is locked stays, and so does everything
    where locks are not known.
    """
    if sys.platform == "win32":
        return 0
    n_removed = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name) and not entry.is_symlink():
                n_removed += _removed(Path(entry.path))
    return n_removed


def _removed(path: Path) -> bool:
    """Remove one leftover, unless somebody holds it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        kind = os.fstat(file).st_mode
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISDIR(kind):
            shutil.rmtree(path)
        elif stat.S_ISREG(kind):
            path.unlink()
        else:
            return False
        return True
    except OSError:
        return False
    finally:
        os.close(file)


def _temporary_name(path: Path) -> Path:
    """A new name beside `path`; known before there is anything, so it can always be removed."""
    name = f".{path.name[:_NAME_LETTERS]}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    return path.parent / name


def _created(temporary: Path, create: Callable[[Path], int]) -> int:
    """Create and hold a temporary; its folder is made and tidied up. Returns its descriptor."""
    folder = temporary.parent
    folder.mkdir(parents=True, exist_ok=True)
    if folder not in _cleared:
        _cleared.add(folder)
        clear_temporaries(folder)
    while True:
        descriptor = create(temporary)
        if _held(descriptor):
            return descriptor
        os.close(descriptor)


def _create_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)


def _create_folder(path: Path) -> int:
    path.mkdir()
    return os.open(path, os.O_RDONLY)


def _held(descriptor: int) -> bool:
    """Lock what was created; False where somebody tidied it away before it was locked."""
    if sys.platform == "win32":
        return True
    with contextlib.suppress(OSError):  # a file system without locks, where nobody tidies up
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return os.fstat(descriptor).st_nlink > 0


@contextlib.contextmanager
def _disk_errors_name(path: Path) -> Iterator[None]:
    """Let errors of the disk name the file that was asked for: writing to a full one names none."""
    try:
        yield
    except OSError as error:
        named = error.filename
        if (named is None and error.errno in _DISK_ERRORS) or (
            isinstance(named, str) and is_temporary(Path(named))
        ):
            error.filename = str(path)
            del error.filename2  # where it is None, it is told
        raise


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON with sorted keys, atomically; NaN and infinity are refused."""
    with atomic_write(path, "w") as file:
        file.write(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def sha256_file(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits."""
    return sha256_of(open(path, "rb"))


def sha256_of(file: IO[bytes]) -> str:
    """SHA-256 of what is left of an open file as 64 hex digits; it is closed."""
    digest = hashlib.sha256()
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of bytes as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_text(text: str) -> str:
    """SHA-256 of the UTF-8 bytes of `text` as 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def portable_name(path: str | Path) -> str:
    """A path's bytes as UTF-8, whatever the locale; those that are none as `surrogateescape`."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def local_name(name: str) -> str:
    """The path that `portable_name` was made of, as this process names it."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def not_kept(what: str, error: OSError, rest: str = "") -> CacheError:
    """The error for what cannot be written into the cache: what that is, why, and what to do."""
    return CacheError(
        f"{what}: {error.strerror or error}; free some space if the disk is full, or set "
        f"ANYRES_BENCH_CACHE to a folder with room{rest}"
    )


def cache_dir() -> Path:
    """Folder of weights and cached states: `$ANYRES_BENCH_CACHE`, else `~/.cache/anyres-bench`.

    It is not created here; whoever writes creates it.

    Raises:
        ConfigError: neither is known, as for a user without a home folder.
    """
    configured = os.environ.get("ANYRES_BENCH_CACHE")
    caches = os.environ.get("XDG_CACHE_HOME", "")
    try:
        if configured:
            return Path(configured).expanduser()  # no shell has where it stands in quotes or a file
        # A relative one is invalid, says the XDG specification: there would be caches everywhere.
        return Path(caches if os.path.isabs(caches) else Path.home() / ".cache") / "anyres-bench"
    except RuntimeError:
        raise ConfigError(
            "no folder for the cache: this user has no home folder; set ANYRES_BENCH_CACHE to a "
            "folder that can be written"
        ) from None
