"""Seals: how a later call knows that a file is, to the bit, what an earlier call of ours wrote.

A command replaces nothing but such files. A name or a note inside a file would not do: files are
renamed, and programs that edit pictures keep the notes. So a file that may be written anew ends in
a line with the command that wrote it and the SHA-256 of all bytes before that line, in a form that
readers of its format pass over.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from anyres_bench.core.errors import UsageError
from anyres_bench.core.files import atomic_write

PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def sealed_write(path: Path, by: str) -> Iterator[IO[bytes]]:
    """`atomic_write` of a file that the same command may replace later, and nobody else's.

    Args:
        path: of the file; its suffix says how the seal is laid: .png, .mp4, .html, .svg, .pdf, or
            any format whose readers stop where its content ends, such as TIFF and WebP.
        by: the command that writes.

    Raises:
        UsageError: there is a file that this command has not written, or that was changed since.
    """
    path = Path(path)
    check_ours(path, by)
    with atomic_write(path, "w+b") as file:
        yield file
        if path.suffix.lower() == ".png":
            _drop(file, PNG_END)
        file.write(_tail(path, by, _digest(file, None)))
        check_ours(path, by)  # rendering takes long


def check_ours(path: Path, by: str) -> None:
    """Refuse to replace what `by` has not written; a path where nothing is passes.

    Raises:
        UsageError: there is something else.
    """
    if os.path.lexists(path) and not is_ours(path, by):
        raise UsageError(
            f"{path} is there already and is not as `anyres-bench {by}` wrote it; nothing was "
            "replaced: move it away, or write to another place"
        )


def is_ours(path: Path, by: str) -> bool:
    """Whether a file is, to the bit, what `by` has written here."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return False
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return False
    with open(descriptor, "rb") as file:
        length = len(_tail(path, by, "0" * 64))
        n_bytes = os.fstat(descriptor).st_size - length
        if n_bytes < 0:
            return False
        file.seek(n_bytes)
        tail = file.read()
        # A digest takes a second a gigabyte: only where there is a seal at all.
        found = re.search(rb"sha256 ([0-9a-f]{64})", tail)
        return found is not None and tail == _tail(path, by, _digest(file, n_bytes))


def _tail(path: Path, by: str, digest: str) -> bytes:
    text = f"anyres-bench {by} sha256 {digest}".encode()
    suffix = path.suffix.lower()
    if suffix == ".png":
        body = b"tEXt" + b"anyres-bench-seal\0" + text
        return (
            struct.pack(">I", len(body) - 4)
            + body
            + struct.pack(">I", zlib.crc32(body))
            + (PNG_END)
        )
    if suffix == ".mp4":
        return struct.pack(">I4s", 8 + len(text), b"free") + text
    if suffix == ".pdf":
        return b"\n% " + text + b"\n"
    if suffix in (".html", ".htm", ".svg"):
        return b"<!-- " + text + b" -->\n"
    return b"\n" + text + b"\n"


def _digest(file: IO[bytes], n_bytes: int | None) -> str:
    """SHA-256 of the first bytes of a file, or of all; the file is left at its end."""
    digest = hashlib.sha256()
    file.seek(0)
    left = n_bytes
    while chunk := file.read(_CHUNK_BYTES if left is None else min(left, _CHUNK_BYTES)):
        digest.update(chunk)
        left = None if left is None else left - len(chunk)
    file.seek(0, os.SEEK_END)
    return digest.hexdigest()


def _drop(file: IO[bytes], end: bytes) -> None:
    """Take `end` off the end of a file, if it ends so."""
    place = file.seek(0, os.SEEK_END) - len(end)
    if place >= 0:
        file.seek(place)
        if file.read() == end:
            file.truncate(place)
    file.seek(0, os.SEEK_END)
