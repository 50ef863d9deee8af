"""Tables come back as they were written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anyres_bench.data import parquet
from anyres_bench.data.parquet import write_parquet

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
