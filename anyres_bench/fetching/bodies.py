"""The body of an answer: bounded while it comes, resumable, and checked before it counts."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from urllib3 import BaseHTTPResponse

from anyres_bench.core.enclosure import create_regular, open_regular
from anyres_bench.core.errors import FetchError
from anyres_bench.core.files import write_json

_CHUNK = 1 << 20  # most that one receive takes; it returns as soon as anything is there
_UNPACKED_CHUNK = 1 << 20
_LONGEST_NOTE = 1 << 16  # bytes
_HEAD = 512  # bytes that `Expect.accept` is shown
_PIECE = 1 << 14
_GZIP = b"\x1f"  # what each member begins with
_PACKED = 2  # as many bytes as the file's own, at most
_GZIP_OR_ZLIB = 47  # zlib's number for "look at the header yourself"

_VALIDATOR = re.compile(r"[\x20-\x7e]{1,1000}")  # what may go into a header of ours
# Eighteen digits are more bytes than there are, and no more than a number has room for.
_RANGE = re.compile(
    r"bytes (?P<start>[0-9]{1,18})-(?P<end>[0-9]{0,18})(?:/(?:(?P<total>[0-9]{1,18})|\*))?\s*"
)

Watch = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Expect:
    """What is known of a file before it is fetched; whatever differs is refused.

    Attributes:
        sha256, md5: hex digests.
        n_bytes: its length.
        accept: is shown the first bytes (up to 512) and raises what should end the fetch.
    """

    sha256: str | None = None
    md5: str | None = None
    n_bytes: int | None = None
    accept: Callable[[bytes], None] | None = None

    def problem(self, path: Path, sha256: str) -> tuple[str, str] | None:
        """(reason, what is wrong) of a file with this digest, None where it is the expected one."""
        if self.n_bytes is not None and (n_bytes := path.stat().st_size) != self.n_bytes:
            return "size-mismatch", f"it has {n_bytes} bytes instead of {self.n_bytes}"
        if self.sha256 and sha256 != self.sha256.lower():
            return "digest-mismatch", f"its sha256 is {sha256}, expected {self.sha256}"
        if self.md5:
            with open(path, "rb") as file:
                got = hashlib.file_digest(file, "md5").hexdigest()
            if got != self.md5.lower():
                return "digest-mismatch", f"its md5 is {got}, expected {self.md5}"
        return None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may come, and how slowly: the byte cap after unpacking, bytes a second, seconds."""

    max_bytes: int
    min_bytes_per_s: float
    grace_s: float


class PartialFile:
    """A file while it comes: `.NAME.part` beside its place, and what is needed to go on with it.

    Args:
        path: its place.
        url: as it was asked for; a part is only gone on with from there, because other files can
            have the same date or tag at other places.
        resume: keep what came of a failed try, and go on from there.
    """

    def __init__(self, path: Path, url: str, resume: bool) -> None:
        self.path = path
        self._url = url
        self.offset = 0
        self._resume = resume
        self._part = path.parent / f".{path.name}.part"
        self._sha256 = hashlib.sha256()

    @functools.cached_property
    def _note(self) -> Path:
        return self.path.parent / f".{self.path.name}.part.json"

    def resuming_headers(self) -> dict[str, str]:
        """Headers that ask for the rest only, where the server can tell that the file is the same.

        Without a validator of the server's (a strong ETag or a date) everything is asked for again.
        """
        self.offset, self._sha256 = 0, hashlib.sha256()
        validator = self._read_validator() if self._resume else ""
        if not validator or self._part.is_symlink() or not self._part.is_file():
            return {}
        with open_regular(self._part) as file:
            while chunk := file.read(_UNPACKED_CHUNK):
                self.offset += len(chunk)
                self._sha256.update(chunk)
        return {"Range": f"bytes={self.offset}-", "If-Range": validator} if self.offset else {}

    def begin(self, response: BaseHTTPResponse, url: str) -> None:
        """Look at what the server sends: the rest, or everything.

        Raises:
            FetchError: `incomplete`, when it sends another part than was asked for.
        """
        if response.status == 206:
            if not _is_rest(response.headers.get("Content-Range", ""), self.offset):
                self.discard()
                raise FetchError("incomplete", f"{url} sent another part than was asked for")
            return
        self.offset, self._sha256 = 0, hashlib.sha256()
        if self._resume:
            self.discard()
            write_json(self._note, {"url": self._url, "validator": _validator(response)})

    def receive(
        self,
        chunks: Iterable[bytes],
        accept: Callable[[bytes], None] | None,
        watch: Watch | None = None,
        total: int | None = None,
    ) -> None:
        """Append `chunks`; `accept` is shown the first bytes, `watch` how many have come."""
        head = b""
        flags = os.O_WRONLY | (os.O_APPEND if self.offset else os.O_TRUNC)
        with os.fdopen(create_regular(self._part, flags), "ab") as file:
            for chunk in chunks:
                file.write(chunk)
                self._sha256.update(chunk)
                self.offset += len(chunk)
                if accept and len(head) < _HEAD:
                    head += chunk
                    if len(head) >= _HEAD:
                        accept(head[:_HEAD])
                if watch:
                    watch(self.offset, total)
            file.flush()
            os.fsync(file.fileno())
        if accept and 0 < len(head) < _HEAD:
            accept(head)

    def place(self, expect: Expect, url: str, resumed: bool) -> str:
        """Check the whole file and put it in its place; its sha256.

        Raises:
            FetchError: `empty`, `size-mismatch` or `digest-mismatch`; `incomplete` for a mismatch
                of a file put together from two tries, which the next one fetches anew.
        """
        if not self.offset:
            raise FetchError("empty", f"{url} sent nothing")
        digest = self._sha256.hexdigest()
        if problem := expect.problem(self._part, digest):
            self.discard()
            reason = "incomplete" if resumed else problem[0]
            raise FetchError(reason, f"{url} is not the expected file: {problem[1]}")
        os.replace(self._part, self.path)
        if self._resume:
            self._note.unlink(missing_ok=True)
        return digest

    def give_up(self) -> None:
        """Remove what is of no use to a later try."""
        if not self._resume:
            self.discard()

    def discard(self) -> None:
        """Start over."""
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _read_validator(self) -> str:
        try:
            with open_regular(self._note) as file:
                note = json.loads(file.read(_LONGEST_NOTE))
                validator = note["validator"] if note["url"] == self._url else ""
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return ""
        is_sound = isinstance(validator, str) and _VALIDATOR.fullmatch(validator)
        return validator if is_sound else ""


def _is_rest(content_range: str, offset: int) -> bool:
    """Whether a Content-Range goes from `offset` to the end, as far as it says."""
    part = _RANGE.fullmatch(content_range)
    if part is None or int(part["start"]) != offset:
        return False
    return not part["end"] or not part["total"] or int(part["total"]) == int(part["end"]) + 1


def _validator(response: BaseHTTPResponse) -> str:
    etag = response.headers.get("ETag", "")
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
    return validator if _VALIDATOR.fullmatch(validator) else ""


def declared_length(response: BaseHTTPResponse, url: str, bounds: Bounds) -> int | None:
    """Bytes that the answer says will come; None where it does not say.

    Raises:
        FetchError: `bad-length` or `too-many-bytes`.
    """
    text = response.headers.get("Content-Length")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text.strip()):
        raise FetchError("bad-length", f"{url} says that its length is {text[:40]!r}")
    if int(text) > bounds.max_bytes:
        raise FetchError(
            "too-many-bytes", f"{url} has {int(text)} bytes, the limit is {bounds.max_bytes}"
        )
    return int(text)


def chunks(
    response: BaseHTTPResponse, url: str, bounds: Bounds, declared: int | None
) -> Iterator[bytes]:
    """The body, unpacked, as it comes; it ends where a bound is broken.

    Args:
        response: with its body unread.
        url: for messages.
        bounds: how much may come, and how slowly.
        declared: what `declared_length` says.

    Raises:
        FetchError: `incomplete`, `too-slow`, `too-many-bytes` or `content-encoding`.
    """
    raw = _raw_chunks(response, url, bounds, declared)
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("gzip", "x-gzip", "deflate"):
        raw = _unpacked(raw, url)
    elif encoding not in ("identity", ""):
        raise FetchError("content-encoding", f"{url} is packed as {encoding[:40]!r}, unasked for")
    n_bytes = 0
    for chunk in raw:
        n_bytes += len(chunk)
        if n_bytes > bounds.max_bytes:
            raise FetchError("too-many-bytes", f"{url} sends more than {bounds.max_bytes} bytes")
        yield chunk


def _raw_chunks(
    response: BaseHTTPResponse, url: str, bounds: Bounds, declared: int | None
) -> Iterator[bytes]:
    n_bytes, start = 0, time.monotonic()
    wanted = _CHUNK if declared is None else min(_CHUNK, max(declared, 1))
    while chunk := response.read1(wanted, decode_content=False):
        n_bytes += len(chunk)
        if n_bytes > _PACKED * bounds.max_bytes:  # which may hold nothing, without end
            raise FetchError("too-many-bytes", f"{url} sends more than {bounds.max_bytes} bytes")
        taken = time.monotonic() - start
        if taken > bounds.grace_s and n_bytes < bounds.min_bytes_per_s * taken:
            raise FetchError(
                "too-slow",
                f"{url} sends {n_bytes / taken:.0f} bytes a second, "
                f"fewer than {bounds.min_bytes_per_s:.0f}",
            )
        yield chunk
    if declared is not None and n_bytes < declared:
        raise FetchError("incomplete", f"{url} ended after {n_bytes} of {declared} bytes")


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Short ones: what is left of one is copied with each member that ends in it."""
    for chunk in chunks:
        for place in range(0, len(chunk), _PIECE):
            yield chunk[place : place + _PIECE]


def _unpacked(packed: Iterator[bytes], url: str) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        for piece in _pieces(packed):
            while piece:
                if unpacker.eof:  # a gzip file may have several members (RFC 1952, 2.2)
                    piece = piece.lstrip(b"\0")
                    if not piece.startswith(_GZIP):
                        break  # padding, or what no reader looks at
                    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
                yield unpacker.decompress(piece, _UNPACKED_CHUNK)
                piece = unpacker.unconsumed_tail or unpacker.unused_data
    except zlib.error as error:
        raise FetchError("content-encoding", f"{url} is packed wrongly: {error}") from error
    if not unpacker.eof:
        raise FetchError("incomplete", f"{url} ended in the middle of its packed data")
