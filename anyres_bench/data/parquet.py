"""Plain tables to Parquet and back.

Writing: columns become Arrow arrays buffer by buffer: `pyarrow.array` imports pandas to find out
that a list is no series, which takes longer than everything else that is done to a table of some
thousand rows.

Reading: some thousand bytes of Parquet can stand for gigabytes, because a text that comes again is
stored once and a column of equal values as their number. Texts are kept as they are stored, so a
cell of memory is paid for once, however many rows show it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from anyres_bench.core.enclosure import open_regular
from anyres_bench.core.errors import DatasetError
from anyres_bench.core.files import atomic_write

_ROWS = 1 << 16  # of a piece; the offsets of its strings are 32 bits wide
_BATCH = 4096  # rows that are read at once
_LONGEST_CELL = 1 << 24  # bytes of text
_MOST_UNPACKED, _RATIO = 256 << 20, 200  # bytes of all columns, and over those of the file


def read_batches(
    path: Path, columns: Sequence[str] | None = None, required: Collection[str] = ()
) -> Iterator[Any]:
    """The rows of a foreign Parquet file, some thousand at a time, as Arrow batches.

    Columns of text are dictionaries; see `plain_columns`. What the file says that its columns
    unpack to is bounded; what one page of it really unpacks to, 2 GiB at most, only Arrow knows.

    Args:
        path: of a regular file.
        columns: which of those that it has; all by default.
        required: those that it must have.

    Raises:
        DatasetError: it is no Parquet, or damaged, a column is missing or there twice, or it says
            that it would unpack to far more than it has.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_regular(path) as file:
            table = pq.ParquetFile(file)
            _check_table(path, table, os.fstat(file.fileno()).st_size, required)
            kinds = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())
            texts = [field.name for field in table.schema_arrow if field.type in kinds]
            file.seek(0)
            with pq.ParquetFile(file, read_dictionary=texts) as table:
                yield from table.iter_batches(_BATCH, columns=columns)
    except (pa.ArrowException, OSError, ValueError, OverflowError, RecursionError) as error:
        raise DatasetError(f"{path} cannot be read as Parquet ({error}); rebuild it") from error


def most_unpacked(n_bytes: int) -> int:
    """Bytes to which a foreign Parquet file of `n_bytes` may unpack."""
    return max(_MOST_UNPACKED, _RATIO * n_bytes)


def refuse_twice(path: Path, columns: Sequence[str]) -> None:
    """Refuse a table of which readers take either of two columns.

    Raises:
        DatasetError: two have one name.
    """
    if twice := sorted(name for name, n in Counter(columns).items() if n > 1):
        raise DatasetError(f"{path} has the columns {', '.join(twice)} twice; rename them")


def _check_table(path: Path, table: Any, n_bytes: int, required: Collection[str]) -> None:
    if missing := sorted(set(required).difference(table.schema_arrow.names)):
        raise DatasetError(f"{path} lacks the columns {', '.join(missing)}; rebuild it")
    refuse_twice(path, table.schema_arrow.names)
    groups = map(table.metadata.row_group, range(table.metadata.num_row_groups))
    stated = sum(group.total_byte_size for group in groups)
    if stated > most_unpacked(n_bytes):
        raise DatasetError(f"{path} of {n_bytes} bytes would unpack to {stated}; that is a bomb")


def plain_columns(batch: Any, texts: dict[Any, Any]) -> dict[str, list[Any]]:
    """The columns of a batch as Python values.

    Args:
        batch: as `read_batches` yields it.
        texts: of the batches before, so that there is one object of equal texts.

    Raises:
        DatasetError: a text is too long.
        ValueError, OverflowError: Python has no such value, as a date in the year 10,000 or text
            that is no UTF-8; or a dictionary does not have the value that a row names.
    """
    columns = zip(batch.schema.names, batch.columns, strict=True)
    try:
        return {name: _plain(column, texts) for name, column in columns}
    except IndexError as error:
        raise ValueError(f"a row names a value that its dictionary lacks: {error}") from error


def sound_columns(path: Path, batch: Any, texts: dict[Any, Any]) -> dict[str, list[Any]]:
    """`plain_columns` of a file that means nothing with a part of its values.

    Raises:
        DatasetError: Python has no such value, as text that is no UTF-8, one is too long, or a
            dictionary lacks it.
    """
    try:
        return plain_columns(batch, texts)
    except (ValueError, OverflowError) as error:
        raise DatasetError(f"{path} holds what is no value ({error}); rebuild it") from error


def _plain(column: Any, texts: dict[Any, Any]) -> list[Any]:
    import pyarrow as pa

    if not isinstance(column, pa.DictionaryArray):
        column.validate(full=True)  # a list of dictionary values may point beyond memory
        return list(column.to_pylist())
    indices = column.indices.to_pylist()
    values: dict[int | None, Any] = {None: None}
    for index in set(indices) - {None}:
        if not 0 <= index < len(column.dictionary):  # Arrow takes what the file says
            raise IndexError(f"value {index} of {len(column.dictionary)}")
        scalar = column.dictionary[index]
        if isinstance(scalar, pa.StringScalar | pa.BinaryScalar) and scalar.is_valid:
            if (n_bytes := scalar.as_buffer().size) > _LONGEST_CELL:
                raise DatasetError(f"a cell has {n_bytes} bytes, at most {_LONGEST_CELL} are read")
            value = scalar.as_py()
            values[index] = texts.setdefault(value, value)
        else:
            values[index] = scalar.as_py()
    return [values[index] for index in indices]


def write_parquet(
    path: Path, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]
) -> None:
    """Write a table, atomically.

    Args:
        path: of the file.
        columns: name -> one value a row; None is null.
        types: name -> "string", "int64" or "float64", in the order of the columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: _column(columns[name], type_) for name, type_ in types.items()})
    with atomic_write(path) as file:
        pq.write_table(table, file)


def _column(values: Sequence[Any], type_: str) -> Any:
    import pyarrow as pa

    pieces = (values[start : start + _ROWS] for start in range(0, len(values), _ROWS))
    arrow_type = pa.type_for_alias(type_)
    return pa.chunked_array([_array(piece, arrow_type) for piece in pieces], arrow_type)


def _array(values: Sequence[Any], arrow_type: Any) -> Any:
    """An Arrow array: a bit a row for what is not null, then the values.

    Source: Apache Arrow columnar format 1.5, "Validity bitmaps" and "Variable-size binary layout".
    """
    import numpy as np
    import pyarrow as pa

    known = np.fromiter((value is not None for value in values), bool, len(values))
    buffers = [None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))]
    if arrow_type == pa.string():
        texts = [(value or "").encode() for value in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        buffers += [pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
    else:
        numbers = [0 if value is None else value for value in values]
        buffers.append(pa.py_buffer(np.asarray(numbers, arrow_type.to_pandas_dtype())))
    return pa.Array.from_buffers(arrow_type, len(values), buffers)
