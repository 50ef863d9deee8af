"""Manifests: what goes to disk comes back, and a digest means content."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import DatasetError
from anyres_bench.data import parquet, records
from anyres_bench.data.records import METADATA_NAME, ImageRecord, Manifest


def record(i: int, **changes: object) -> ImageRecord:
    fields = {"file_name": f"images/{i:03}.png", "sha256": f"{i:064x}", "n_bytes": 10 + i}
    return ImageRecord(**{**fields, "height": 30, "width": 40, **changes})  # type: ignore[arg-type]


def test_parquet_round_trip(tmp_path: Path) -> None:
    manifest = Manifest(
        [record(1, jpeg_quality=90, caption="où"), record(0, effective_resolution=0.5)]
    )
    manifest.write(tmp_path)
    again = Manifest.read(tmp_path)
    assert list(again) == list(manifest)
    assert again.digest() == manifest.digest()
    assert [type(r.jpeg_quality) for r in again] == [type(None), int]


def test_a_table_of_more_text_or_rows_than_its_bytes_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One long caption that every row shows: digests and tables would write it out each time."""
    monkeypatch.setattr(parquet, "_MOST_UNPACKED", 1 << 20)
    monkeypatch.setattr(parquet, "_RATIO", 5)
    Manifest([record(i, caption="c" * 20_000) for i in range(300)]).write(tmp_path)
    with pytest.raises(DatasetError, match="holds too much text; that is a bomb"):
        Manifest.read(tmp_path)
    monkeypatch.setattr(records, "_MOST_ROWS", 2)
    monkeypatch.setattr(records, "_BYTES_PER_ROW", 1 << 30)
    Manifest([record(i) for i in range(3)]).write(tmp_path)
    with pytest.raises(DatasetError, match="more than 2 rows"):
        Manifest.read(tmp_path)


def test_parquet_is_an_imagefolder(tmp_path: Path) -> None:
    import pandas as pd

    Manifest([record(0)]).write(tmp_path)
    frame = pd.read_parquet(tmp_path / METADATA_NAME)
    assert frame.loc[0, "file_name"] == "images/000.png"
    assert frame.loc[0, "aspect"] == pytest.approx(4 / 3)
    assert frame.loc[0, "megapixels"] == pytest.approx(0.0012)


def test_digest_knows_content_not_order() -> None:
    records = [record(i) for i in range(5)]
    digest = Manifest(records).digest()
    assert Manifest(reversed(records)).digest() == digest
    assert Manifest(records[:4]).digest() != digest
    assert Manifest([*records[:4], record(4, licence_id="CC0-1.0")]).digest() != digest


def test_file_names_are_unique() -> None:
    with pytest.raises(DatasetError, match="listed twice"):
        Manifest([record(1), record(1)])


@pytest.mark.parametrize("damage", ["missing", "garbage", "empty table"])
def test_damaged_metadata_is_a_clear_error(tmp_path: Path, damage: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / METADATA_NAME
    if damage == "garbage":
        path.write_bytes(b"PAR1 nonsense")
    if damage == "empty table":
        pq.write_table(pa.table({"file_name": ["a"]}), path)
    expected = {"missing": "not a dataset", "garbage": "cannot be read", "empty table": "lacks"}
    with pytest.raises(DatasetError, match=expected[damage]):
        Manifest.read(tmp_path)
