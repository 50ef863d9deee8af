"""Tables come back as they were written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anyres_bench.core.errors import DatasetError
from anyres_bench.data import parquet
from anyres_bench.data.parquet import (
    plain_columns,
    read_batches,
    sound_columns,
    write_parquet,
)

TYPES = {"text": "string", "count": "int64", "share": "float64"}
ROWS: list[tuple[Any, ...]] = [
    ("a", 1, 0.1),
    (None, None, None),
    ("", 0, -0.0),
    ("größer\n\u0000 😀", -(2**63), 1e300),
    ("z" * 1000, 2**63 - 1, float("inf")),
]


@pytest.mark.parametrize("n_rows", [0, 1, 5, 9])
@pytest.mark.parametrize("piece", [2, 1 << 16])
def test_tables_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_rows: int, piece: int
) -> None:
    monkeypatch.setattr(parquet, "_ROWS", piece)
    rows = (ROWS * 2)[:n_rows]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(TYPES)}
    write_parquet(tmp_path / "t.parquet", columns, TYPES)
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.schema == pa.schema(list(TYPES.items()))
    assert table.to_pydict() == columns
    table.validate(full=True)
    by_arrow = pa.table({n: pa.array(columns[n], type_) for n, type_ in TYPES.items()})
    assert table.equals(by_arrow)


def test_pandas_is_not_imported(tmp_path: Path) -> None:
    code = """
import pathlib, sys
from anyres_bench.data.parquet import write_parquet
write_parquet(pathlib.Path(sys.argv[1]), {"a": ["x", None]}, {"a": "string"})
sys.exit("pandas" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code, tmp_path / "t.parquet"], check=True)


@pytest.mark.parametrize("n_rows", [0, 1, 9, 9000])
def test_foreign_tables_are_read_as_they_are(tmp_path: Path, n_rows: int) -> None:
    rows = (ROWS * -(-n_rows // len(ROWS)))[:n_rows]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(TYPES)}
    write_parquet(tmp_path / "t.parquet", columns, TYPES)
    found: dict[str, list[Any]] = {name: [] for name in TYPES}
    texts: dict[Any, Any] = {}
    for batch in read_batches(tmp_path / "t.parquet"):
        for name, values in plain_columns(batch, texts).items():
            found[name] += values
    assert found == columns
    assert len({id(text) for text in found["text"]}) <= len(ROWS), "equal texts are one object"


def test_a_text_that_comes_again_is_paid_for_once(tmp_path: Path) -> None:
    """12 kB of Parquet show 3 GB of text; Arrow and Python hold 1 MB of it."""
    once = pa.array(["x" * (1 << 20), "y"])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), once)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": column}), path, compression="zstd")
    assert path.stat().st_size < 12_000
    before = pa.total_allocated_bytes()
    [batch] = read_batches(path)
    assert len({id(text) for text in plain_columns(batch, {})["text"]}) == 1
    assert pa.total_allocated_bytes() - before < 64 << 20


def test_tables_that_would_unpack_to_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": ["x" * 9000 + str(i) for i in range(99)]}), path)
    monkeypatch.setattr(parquet, "_LONGEST_CELL", 9000)
    [batch] = read_batches(path)
    with pytest.raises(DatasetError, match=r"a cell has 900[12] bytes, at most 9000"):
        plain_columns(batch, {})
    monkeypatch.setattr(parquet, "_MOST_UNPACKED", 1000)
    monkeypatch.setattr(parquet, "_RATIO", 1)
    with pytest.raises(DatasetError, match=r"would unpack to .* bomb"):
        list(read_batches(path))
    with pytest.raises(DatasetError, match="lacks the columns b, c"):
        list(read_batches(path, ["a", "b"], ["c", "b"]))
    path.write_bytes(b"PAR1" * 9)
    with pytest.raises(DatasetError, match="cannot be read as Parquet"):
        list(read_batches(path))


def test_text_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    values = pa.array([b"sound", b"\xe6\xe6", b"sound"])
    damaged = pa.StringArray.from_buffers(3, *values.buffers()[1:])
    for column in (damaged, damaged.dictionary_encode()):
        pq.write_table(pa.table({"a": column}), path)
        [batch] = read_batches(path)
        with pytest.raises(DatasetError, match=r"t\.parquet holds what is no value .*utf-8"):
            sound_columns(path, batch, {})


def test_rows_that_point_beyond_their_dictionary_are_told(tmp_path: Path) -> None:
    for index in (2, -1):
        indices, texts = pa.array([0, index], pa.int32()), pa.array(["a", "b"])
        beyond = pa.DictionaryArray.from_arrays(indices, texts, safe=False)
        lists = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), beyond)
        for column in (beyond, lists):
            with pytest.raises(DatasetError, match=r"holds what is no value .*(lacks|bounds)"):
                sound_columns(tmp_path / "t.parquet", pa.record_batch({"a": column}), {})
