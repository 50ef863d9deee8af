"""Arrays of `.npz` files from anywhere: read as plain numbers, and never more than was asked for.

numpy's own reader takes an archive at its word: a few kilobytes may announce and unpack to any
amount, and an array of objects is a pickle. Here the shape and type of an array are read first, so
that whoever needs it can refuse it; then at most as many bytes as they say are unpacked.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import math
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.enclosure import open_regular
from anyres_bench.core.errors import DataError
from anyres_bench.core.unpickle import quote
from anyres_bench.core.zips import stated_entries

MAGIC = b"PK\x03\x04"
_MOST_ARRAYS = 64
_MOST_TEXT = 1 << 20  # bytes of a text array
_LONGEST_TABLE = 1 << 20  # bytes of the archive's table of contents
_MOST_DIMENSIONS = 8
_LONGEST_HEADER = 10_000
_DTYPE = re.compile(r"[|<>=]?(?:b1|[iu][1248]|f[248]|U\d{1,7})")
_CHUNK = 1 << 20
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    OverflowError,
    MemoryError,
    OSError,  # of a place before the beginning
)


@dataclass(frozen=True)
class ArrayHeader:
    """What an array says of itself; `n_bytes` is what it must unpack to."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"


class _Bounded:
    """A file of which `zipfile`, which reads a table of contents at once, gets no longer piece."""

    def __init__(self, file: IO[bytes], longest: int | None) -> None:
        self._file, self.longest = file, longest
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, n_bytes: int = -1) -> bytes:
        if self.longest is not None:
            left = max(0, os.fstat(self._file.fileno()).st_size - self.tell())
            n_bytes = left if n_bytes < 0 else min(n_bytes, left)
            if n_bytes > self.longest:
                raise zipfile.BadZipFile(f"a table of contents of {n_bytes} bytes")
        return self._file.read(n_bytes)

    def close(self) -> None:
        self._file.close()


class NpzFile:
    """An open archive of arrays; a context manager.

    Args:
        path: the file.

    Attributes:
        headers: name, without ".npy" -> what the array says of itself.

    Raises:
        DataError: it is no regular file, no archive of arrays, damaged, or holds objects.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            self._file = open_regular(path)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
        try:
            with self._damage():
                bounded = _Bounded(self._file, _LONGEST_TABLE)
                self._archive = zipfile.ZipFile(cast(IO[bytes], bounded))
                bounded.longest = None  # what is read from here on, the headers bound
                self.headers = self._read_headers()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._file.close()

    def read(self, name: str) -> NDArray[Any]:
        """The whole array; look at its header first."""
        header = self.headers[name]
        with self._damage(), self._open(name) as file:
            flat = np.frombuffer(self._exactly(file, header.n_bytes, name), header.dtype)
            if file.read(1):
                raise DataError(f"{self.path}: {quote(name)} is longer than its shape says")
            return flat.reshape(header.shape, order="F" if header.fortran else "C")

    def text(self, name: str) -> str:
        """The one text that an array holds, of at most a megabyte."""
        header = self.headers[name]
        if header.dtype.kind != "U" or header.shape or header.n_bytes > _MOST_TEXT:
            raise DataError(f"{self.path}: {quote(name)} is {header}; expected a short text")
        return str(self.read(name)[()])

    def blocks(self, name: str, n_rows: int) -> Iterator[NDArray[Any]]:
        """The array, `n_rows` of its first axis at a time, the last block with what is left."""
        header = self.headers[name]
        if header.fortran or not header.shape:
            raise DataError(f"{self.path}: {quote(name)} is not stored row by row")
        row = header.n_bytes // max(header.shape[0], 1)
        with self._damage(), self._open(name) as file:
            for start in range(0, header.shape[0], n_rows):
                n = min(n_rows, header.shape[0] - start)
                data = self._exactly(file, n * row, name)
                yield np.frombuffer(data, header.dtype).reshape(n, *header.shape[1:])

    def digest(self, name: str) -> str:
        """SHA-256 of an array's type, shape and numbers, however they are packed."""
        header = self.headers[name]
        sha = hashlib.sha256(f"{header.dtype.str} {header.shape} {header.fortran};".encode())
        with self._damage(), self._open(name) as file:
            for start in range(0, header.n_bytes, _CHUNK):
                sha.update(self._exactly(file, min(_CHUNK, header.n_bytes - start), name))
        return sha.hexdigest()

    def _read_headers(self) -> dict[str, ArrayHeader]:
        names = self._archive.namelist()
        if not 0 < len(names) <= _MOST_ARRAYS or len(set(names)) != len(names):
            raise DataError(
                f"{self.path} holds {len(names)} entries; expected 1 to {_MOST_ARRAYS} arrays of "
                "different names"
            )
        if stated_entries(self._file) != len(names):
            raise DataError(f"{self.path} is damaged: its table of contents hides entries")
        if strangers := [name for name in names if not name.endswith(".npy")]:
            raise DataError(
                f"{self.path} holds {quote(strangers[0])}, which is no array; expected an .npz of "
                "numpy.savez"
            )
        return {name.removesuffix(".npy"): self._read_header(name) for name in names}

    def _read_header(self, entry: str) -> ArrayHeader:
        with self._archive.open(entry) as file:
            header = _header(file, f"{self.path}: {quote(entry)}")
            size = self._archive.getinfo(entry).file_size
        if header.n_bytes > size:
            raise DataError(
                f"{self.path}: {quote(entry)} says that it is {header}, {header.n_bytes} bytes, "
                f"and unpacks to {size}; the file is damaged or hostile"
            )
        return header

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        """An array's entry, at its first number."""
        with self._archive.open(f"{name}.npy") as file:
            _header(file, f"{self.path}: {quote(name)}")
            yield file

    def _exactly(self, file: IO[bytes], n: int, name: str) -> bytes:
        data = file.read(n)
        if len(data) != n:
            raise DataError(f"{self.path}: {quote(name)} is cut short; get the file again")
        return data

    @contextlib.contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGED as error:
            raise DataError(
                f"{self.path} is no .npz file, or a damaged one ({type(error).__name__}: "
                f"{str(error)[:120]}); get it again from its source"
            ) from error


def _header(file: IO[bytes], what: str) -> ArrayHeader:
    """What stands before the numbers of an array.

    Source: the format is described in the documentation of `numpy.lib.format`.
    """
    magic = file.read(8)
    if len(magic) != 8 or magic[:6] != b"\x93NUMPY" or magic[6] not in (1, 2, 3):
        raise DataError(f"{what} is no array of numpy")
    length = int.from_bytes(file.read(2 if magic[6] == 1 else 4), "little")
    if length > _LONGEST_HEADER:
        raise DataError(f"{what} has a header of {length} bytes; expected {_LONGEST_HEADER}")
    said = ast.literal_eval(file.read(length).decode("latin1" if magic[6] < 3 else "utf-8").strip())
    if not isinstance(said, dict) or said.keys() != {"descr", "fortran_order", "shape"}:
        raise DataError(f"{what} has a header that numpy does not write")
    shape, descr, fortran = said["shape"], said["descr"], said["fortran_order"]
    if (
        not isinstance(shape, tuple)
        or len(shape) > _MOST_DIMENSIONS
        or not all(type(side) is int and 0 <= side < 1 << 40 for side in shape)
        or type(fortran) is not bool
    ):
        raise DataError(f"{what} has the shape {str(shape)[:80]}, which is none")
    return ArrayHeader(shape, _dtype(descr, what), fortran)


def _dtype(descr: object, what: str) -> np.dtype[Any]:
    """A type of plain numbers or of text."""
    if not isinstance(descr, str):
        raise DataError(f"{what} holds records; expected plain numbers")
    if descr.strip("|<>=").startswith("O"):
        raise DataError(
            f"{what} holds Python objects, which are a pickle and would be executed; refused "
            "unread: save plain numbers, numpy.savez(file, mu=mu, sigma=sigma)"
        )
    if not _DTYPE.fullmatch(descr):
        raise DataError(f"{what} holds {descr[:40]!r}; expected plain numbers")
    return np.dtype(descr)
