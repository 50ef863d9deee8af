"""Plain tables to Parquet.

Columns become Arrow arrays buffer by buffer: `pyarrow.array` imports pandas to find out that a list
is no series, which takes longer than everything else that is done to a table of some thousand rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anyres_bench.core.files import atomic_write

_ROWS = 1 << 16  # of a piece; the offsets of its strings are 32 bits wide


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
