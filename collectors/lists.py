"""Lists of things to collect, as text, tables or Parquet: one mapping a row."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from anyres_bench.core.enclosure import open_regular
from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.core.plain import is_too_deep, unique_keys
from anyres_bench.data.parquet import plain_columns, read_batches, refuse_twice

Row = Mapping[str, Any]
T = TypeVar("T")

_LONGEST_CELL = 1 << 24  # characters
_LONGEST_LINE = 1 << 26
_DAMAGE = (UnicodeError, csv.Error, gzip.BadGzipFile, zlib.error, EOFError, OSError)
_NO_TEXT = re.compile("[\udc80-\udcff]")  # how bytes are read that are no text
_NO_TEXT_TOLD = "it is no UTF-8; save the list as UTF-8"
# Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read; those around it can.

    Attributes:
        number: of the row, from 1.
        message: what is wrong with it.
    """

    number: int
    message: str


def read_rows(path: Path) -> Iterator[Row | BadRow]:
    """The rows of a list: txt (one URL a line, "#" for notes), csv, tsv, jsonl, parquet.

    Text is UTF-8, or UTF-16 or UTF-32 where the file begins with their byte-order mark.

    Raises:
        UsageError: it is of no known kind.
        DatasetError: the file cannot be read on; the message says where.
    """
    readers = {
        ".txt": _lines,
        ".csv": _csv_rows,
        ".tsv": _csv_rows,
        ".jsonl": _json_rows,
        ".parquet": _parquet_rows,
    }
    suffix = _suffix(path)
    if suffix not in readers:
        raise UsageError(
            f"{path} is none of {', '.join(readers)} (each but parquet also .gz); rename it for "
            "what it is"
        )
    yield from readers[suffix](path)


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, packed or not, without their ends.

    Raises:
        DatasetError: it cannot be read.
    """
    with _opened(path) as file:
        yield from (line.rstrip("\r\n") for _, line in _numbered(path, _bounded(file)))


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else path.suffix.lower()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    packed = path.suffix.lower() == ".gz"
    try:
        file = open_regular(path)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    with file, gzip.open(file) if packed else file as plain:
        try:
            head = cast(io.BufferedReader, plain).peek(4)[:4]
        except _DAMAGE as error:
            raise DatasetError(f"{path} cannot be read: {error}; fetch it again") from error
        encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
        yield io.TextIOWrapper(cast(IO[bytes], plain), encoding, "surrogateescape", "")


def _lines(path: Path) -> Iterator[Row | BadRow]:
    for number, line in enumerate(read_lines(path), 1):
        if _NO_TEXT.search(line):
            yield BadRow(number, _NO_TEXT_TOLD)
        elif line.strip() and not line.startswith("#"):
            yield {"url": line.strip()}


def _csv_rows(path: Path) -> Iterator[Row | BadRow]:
    csv.field_size_limit(_LONGEST_CELL)
    with _opened(path) as file:
        delimiter = "\t" if _suffix(path) == ".tsv" else ","
        lines: Iterator[str] = (line.replace("\0", "\ufffd") for line in _bounded(file))
        start = list(_to_head(path, lines))
        is_spaced = f"{delimiter} " in start[-1] if start else False  # "url, caption", and the rows
        lines = itertools.chain(start, lines)
        rows = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=is_spaced)
        columns = next((row for row in _sound_rows(path, rows) if row), None)
        if columns is None:
            return
        if isinstance(columns, BadRow) or any(map(_NO_TEXT.search, columns)):
            raise DatasetError(f"{path} has no head that can be read; mend its first line")
        columns = [column.strip() for column in columns]
        refuse_twice(path, [column for column in columns if column])
        for number, cells in enumerate(_sound_rows(path, rows), 1):
            if isinstance(cells, BadRow):
                yield BadRow(number, cells.message)
            elif len(cells) > len(columns):
                told = f"it has {len(cells)} cells, there are {len(columns)} columns; quote it"
                yield BadRow(number, told)
            elif any(map(_NO_TEXT.search, cells)):
                yield BadRow(number, _NO_TEXT_TOLD)
            elif cells:
                yield dict(itertools.zip_longest(columns, cells))


def _to_head(path: Path, lines: Iterator[str]) -> Iterator[str]:
    """The lines up to the first that is not empty."""
    for _, line in _numbered(path, lines):
        yield line
        if line.strip():
            return


def _sound_rows(path: Path, rows: Any) -> Iterator[list[str] | BadRow]:
    """Rows as lists of cells; one of a single line that is quoted wrongly is bad.

    Raises:
        DatasetError: a quote is not closed where it should be, which swallows the rows behind it.
    """
    while True:
        before = rows.line_num
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if rows.line_num > before + 1 or "end of data" in str(error):
                raise DatasetError(
                    f"{path}, line {before + 1}: a quote is opened that is not closed as it should "
                    f"be ({error}): {rows.line_num - before} lines would be one row; mend that "
                    "line, and double the quotes that belong to a cell"
                ) from error
            yield BadRow(0, f"line {rows.line_num} is quoted wrongly: {error}")
        except _DAMAGE as error:
            where = f"after line {rows.line_num}"
            raise DatasetError(f"{path} cannot be read {where}: {error}") from error


def _json_rows(path: Path) -> Iterator[Row | BadRow]:
    with _opened(path) as file:
        for number, line in _numbered(path, _bounded(file)):
            if not line.strip():
                continue
            if _NO_TEXT.search(line):
                yield BadRow(number, _NO_TEXT_TOLD)
                continue
            try:
                row = json.loads(line, object_pairs_hook=unique_keys)
            except (ValueError, RecursionError) as error:
                yield BadRow(number, f"it is no JSON: {error!s:.200}")
                continue
            if not isinstance(row, dict):
                yield BadRow(number, "it is no JSON object; expected one a line")
            elif is_too_deep(row):
                yield BadRow(number, "it nests too deep")
            else:
                yield row


def _parquet_rows(path: Path) -> Iterator[Row | BadRow]:
    number = 0
    try:
        for batch in read_batches(path):
            for row in _plain_rows(batch):
                number += 1
                if isinstance(row, str):
                    yield BadRow(number, row)
                else:
                    yield BadRow(number, "it nests too deep") if is_too_deep(row) else row
    except (DatasetError, ValueError, OverflowError, RecursionError) as error:
        raise DatasetError(f"after row {number}: {error}") from error


def _plain_rows(batch: Any) -> Iterator[Row | str]:
    """The rows of a batch; what is wrong with one, such as a date in the year 10,000."""
    try:
        yield from _rows(batch)
    except (ValueError, OverflowError):
        for i in range(len(batch)):
            try:
                yield _rows(batch.slice(i, 1))[0]
            except (ValueError, OverflowError) as error:
                yield f"a value is out of range: {error}"


def _rows(batch: Any) -> list[Row]:
    columns = plain_columns(batch, {})
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _bounded(file: IO[str]) -> Iterator[str]:
    """Lines, each of a length that memory has room for."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise UnicodeError(f"a line has more than {_LONGEST_LINE} characters")
        yield line


def _numbered(path: Path, items: Iterable[T]) -> Iterator[tuple[int, T]]:
    """Items with their numbers, from 1; what the file's own readers raise names the place."""
    number = 0
    try:
        for number, item in enumerate(items, 1):
            yield number, item
    except _DAMAGE as error:
        raise DatasetError(f"{path} cannot be read after row {number}: {error}") from error
