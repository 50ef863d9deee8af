"""Lists of things to collect, as text, tables or Parquet: one mapping a row."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from anyres_bench.core.errors import DatasetError, UsageError

Row = Mapping[str, Any]
T = TypeVar("T")

_LONGEST_CELL = 1 << 24


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a list: txt (one URL a line, "#" for notes), csv, tsv, jsonl, parquet.

    Raises:
        UsageError: it is of no known kind.
        DatasetError: a row cannot be read; the message says which.
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


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else path.suffix.lower()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    # "-sig": a byte-order mark is Excel's and no part of the first column's name.
    packed = path.suffix.lower() == ".gz"
    with open(path, "rb") as file, gzip.open(file) if packed else file as plain:
        yield io.TextIOWrapper(cast(IO[bytes], plain), "utf-8-sig", newline="")


def _lines(path: Path) -> Iterator[Row]:
    with _opened(path) as file:
        for _, line in _numbered(path, file):
            if line.strip() and not line.startswith("#"):
                yield {"url": line.strip()}


def _csv_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_CELL)
    with _opened(path) as file:
        rows = csv.DictReader(file, delimiter="\t" if _suffix(path) == ".tsv" else ",")
        for number, row in _numbered(path, rows):
            if None in row:
                raise DatasetError(f"row {number} of {path} has more cells than columns; quote it")
            yield row


def _json_rows(path: Path) -> Iterator[Row]:
    with _opened(path) as file:
        for number, line in _numbered(path, file):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DatasetError(f"line {number} of {path} is no JSON: {error}") from error
            if not isinstance(row, dict):
                raise DatasetError(
                    f"line {number} of {path} is no JSON object; expected one a line"
                )
            yield row


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(1000):
                yield from batch.to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise DatasetError(f"{path} cannot be read as Parquet: {error}") from error


def _numbered(path: Path, items: Iterable[T]) -> Iterator[tuple[int, T]]:
    """Items with their numbers, from 1; what the file's own readers raise names the place."""
    number = 0
    try:
        for number, item in enumerate(items, 1):
            yield number, item
    except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError) as error:
        raise DatasetError(f"{path} cannot be read after row {number}: {error}") from error
