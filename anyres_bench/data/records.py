"""A dataset is files you can hash: one record an image, an immutable list of records.

On disk a dataset is a folder with the images, `metadata.parquet` (one row a record; its
`file_name` column makes the folder a Hugging Face `imagefolder`) and `dataset.json` (see
`anyres_bench.data.dataset`).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from anyres_bench.core.enclosure import inner_parts
from anyres_bench.core.errors import DatasetError
from anyres_bench.core.geometry import Size
from anyres_bench.core.plain import checked_fields
from anyres_bench.data.parquet import (
    most_unpacked,
    read_batches,
    sound_columns,
    write_parquet,
)

METADATA_NAME = "metadata.parquet"
_MOST_ROWS, _BYTES_PER_ROW = 100_000, 16  # a digest alone takes 32 bytes, however it is packed


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """One image file: where it is, what it is, where it came from and what may be done with it.

    Attributes:
        file_name: path inside the dataset folder, with "/" between parts.
        sha256: of the stored file, 64 hex digits.
        n_bytes: size of the stored file.
        height, width: pixels as shown, after the EXIF orientation.
        source_height, source_width: pixels of the source before anything was done to it.
        format: container as Pillow names it ("JPEG", "PNG", ...).
        mode: pixel mode of the stored file as Pillow names it ("RGB", "CMYK", "I;16", ...).
        orientation: EXIF orientation of the stored file, 1 to 8.
        jpeg_quality: IJG quality read off the quantisation tables; None where it is no JPEG.
        n_frames: frames in the file; only the first is used.
        source: collection that the image came from; splits are stratified by it.
        source_id, source_url, author: identity at the source.
        licence_id: SPDX id, or the source's own word; "unknown" where nothing is known.
        split: "", or the part of its source that it belongs to.
        group: images that show one photo (its low and high versions) share a group; never split.
        role: what a protocol uses it for ("hr", "lr").
        label, caption: annotations.
        effective_resolution: share of the Nyquist frequency that holds signal, in (0, 1].
    """

    file_name: str
    sha256: str
    n_bytes: int
    height: int
    width: int
    source_height: int | None = None
    source_width: int | None = None
    format: str = ""
    mode: str = "RGB"
    orientation: int = 1
    jpeg_quality: int | None = None
    n_frames: int = 1
    source: str = ""
    source_id: str = ""
    source_url: str = ""
    author: str = ""
    licence_id: str = "unknown"
    split: str = ""
    group: str = ""
    role: str = "hr"
    label: str = ""
    caption: str = ""
    effective_resolution: float | None = None

    @classmethod
    def checked(cls, values: object, what: str) -> ImageRecord:
        """A record of a foreign file's values.

        Args:
            values: field -> value.
            what: names the row in messages.

        Raises:
            DatasetError: a field is missing, unknown or of another type; the name leads out of the
                folder; a size or orientation is none.
        """
        record = cls(**checked_fields(cls, values, what))
        inner_parts(record.file_name)
        sides = (record.height, record.width, record.source_height, record.source_width)
        if (
            not all(side is None or 0 < side < 1 << 31 for side in sides)
            or record.n_bytes < 0
            or record.n_frames < 1
            or record.orientation not in range(1, 9)
        ):
            raise DatasetError(
                f"{what} is no image's: {record.height} x {record.width} pixels, {record.n_bytes} "
                f"bytes, {record.n_frames} frames, orientation {record.orientation}"
            )
        return record

    @property
    def size(self) -> Size:
        """Height and width as shown."""
        return Size(self.height, self.width)

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.width / self.height

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.size.pixels / 1e6


_FIELDS = {field.name: field for field in dataclasses.fields(ImageRecord)}
_TYPES = {"int": "int64", "int | None": "int64", "float | None": "float64", "str": "string"}


class Manifest(Sequence[ImageRecord]):
    """An immutable list of records, ordered by file name.

    Raises:
        DatasetError: two records have the same file name.
    """

    def __init__(self, records: Iterable[ImageRecord]) -> None:
        self._records = tuple(sorted(records, key=lambda record: record.file_name))
        for one, two in zip(self._records, self._records[1:], strict=False):
            if one.file_name == two.file_name:
                raise DatasetError(f"{one.file_name} is listed twice; file names must be unique")

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[ImageRecord]:
        return iter(self._records)

    @overload
    def __getitem__(self, index: int) -> ImageRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Manifest: ...
    def __getitem__(self, index: int | slice) -> ImageRecord | Manifest:
        if isinstance(index, slice):
            return Manifest(self._records[index])
        return self._records[index]

    def filter(self, keep: Callable[[ImageRecord], bool]) -> Manifest:
        """The records for which `keep` is true."""
        return Manifest(record for record in self._records if keep(record))

    def digest(self) -> str:
        """SHA-256 of what the manifest holds, whatever order or folder it came in."""
        return self._digest

    @functools.cached_property
    def _digest(self) -> str:
        lines = sorted(json.dumps(_plain(r), sort_keys=True) for r in self._records)
        digest = hashlib.sha256()
        for i, line in enumerate(lines):
            digest.update((f"\n{line}" if i else line).encode())
        return digest.hexdigest()

    def write(self, folder: Path) -> None:
        """Write `metadata.parquet` into `folder`, atomically."""
        types = {name: _TYPES[str(field.type)] for name, field in _FIELDS.items()}
        types |= {"aspect": "float64", "megapixels": "float64"}
        columns = {name: [getattr(r, name) for r in self._records] for name in types}
        write_parquet(Path(folder) / METADATA_NAME, columns, types)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read `metadata.parquet` of `folder`.

        Raises:
            DatasetError: the file is missing, is no Parquet, or lacks a column.
        """
        path = Path(folder) / METADATA_NAME
        if not path.exists():
            raise DatasetError(
                f"{folder} is not a dataset: it has no {METADATA_NAME}; make one with "
                f"`anyres-bench collect folder {shlex.quote(str(folder))} OUT`"
            )
        return cls(_read_records(path))


def _read_records(path: Path) -> Iterator[ImageRecord]:
    """The rows of a Parquet file, a batch at a time, each held against what a record is.

    Text that is stored once and shown by every row is counted for every row: digests, tables and
    cards write it out.
    """
    required = {n for n, field in _FIELDS.items() if field.default is dataclasses.MISSING}
    n_bytes = os.stat(path).st_size
    most, left = max(_MOST_ROWS, n_bytes // _BYTES_PER_ROW), most_unpacked(n_bytes)
    number, texts = 0, dict[Any, Any]()
    for batch in read_batches(path, list(_FIELDS), required):
        if number + len(batch) > most:
            raise DatasetError(f"{path} has more than {most} rows, too many for its length")
        columns = sound_columns(path, batch, texts)
        for values in zip(*columns.values(), strict=True):
            number += 1
            left -= sum(len(value) for value in values if isinstance(value, str))
            if left < 0:
                raise DatasetError(f"{path} of {n_bytes} bytes holds too much text; that is a bomb")
            row = dict(zip(columns, values, strict=True))
            yield ImageRecord.checked(_without_nulls(row), f"row {number} of {path}")


def _plain(record: ImageRecord) -> dict[str, Any]:
    """Its fields; `dataclasses.asdict` would copy these plain values, at ten times the cost."""
    return {name: getattr(record, name) for name in _FIELDS}


def _without_nulls(row: dict[str, Any]) -> dict[str, Any]:
    nullable = {n for n, field in _FIELDS.items() if str(field.type).endswith("None")}
    kept = {name: value for name, value in row.items() if value is not None or name in nullable}
    return {n: None if isinstance(v, float) and math.isnan(v) else v for n, v in kept.items()}
