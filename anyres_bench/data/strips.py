"""Images larger than memory, written to PNG or TIFF as their rows arrive."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seals import sealed_write

Rows = NDArray[np.uint8]
_PNG_LIMIT = (1 << 31) - 1
_ASCII, _SHORT, _LONG, _LONG8 = 2, 3, 4, 16
_TYPE_BYTES = {_ASCII: 1, _SHORT: 2, _LONG: 4, _LONG8: 8}
_TYPE_FORMAT = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}


def write_strips(path: Path, size: Size, bands: Iterable[Rows], note: str, by: str) -> None:
    """Write an RGB image from consecutive bands of rows, holding one band at a time.

    The file appears when the last band is written, whole or not at all.

    Args:
        path: ends in .png, .tif or .tiff.
        size: of the whole image.
        bands: (h, width, 3) uint8 arrays whose heights add up to the image's.
        note: text kept in the file: a PNG text chunk named "anyres-bench", or TIFF's
            ImageDescription.
        by: the command that writes; only what it has written is replaced.

    Raises:
        UsageError: another file type, or there is a file that `by` has not written.
        ValueError: a band of wrong width or type, or too few or too many rows.
    """
    writers: dict[str, Callable[[IO[Any], Size, Iterator[Rows], str], None]] = {
        ".png": _write_png,
        ".tif": _write_tiff,
        ".tiff": _write_tiff,
    }
    writer = writers.get(Path(path).suffix.lower())
    if writer is None:
        raise UsageError(f"cannot write {path} strip by strip; use {', '.join(writers)}")
    with sealed_write(path, by) as file:
        writer(file, size, _checked(size, bands), note)


def _checked(size: Size, bands: Iterable[Rows]) -> Iterator[Rows]:
    n_rows = 0
    for band in bands:
        if band.dtype != np.uint8 or band.ndim != 3 or band.shape[1:] != (size.width, 3):
            raise ValueError(
                f"got a {band.dtype} band of shape {band.shape}, "
                f"expected uint8 (h, {size.width}, 3)"
            )
        n_rows += len(band)
        yield band
    if n_rows != size.height:
        raise ValueError(f"got {n_rows} rows, expected {size.height}")


def _write_png(file: IO[bytes], size: Size, bands: Iterator[Rows], note: str) -> None:
    """Source: Portable Network Graphics specification, third edition, sections 5, 9 and 11."""

    def chunk(kind: bytes, data: bytes) -> None:
        checksum = zlib.crc32(data, zlib.crc32(kind))
        file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum))

    if size.longer > _PNG_LIMIT:
        raise ValueError(f"PNG holds at most {_PNG_LIMIT} pixels a side, got {size}")
    file.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", size.width, size.height, 8, 2, 0, 0, 0))
    chunk(b"iTXt", b"anyres-bench\0\0\0\0\0" + note.encode())
    deflate = zlib.compressobj(6)
    above = np.zeros((1, size.width, 3), np.uint8)
    for band in bands:
        # Filter type 2 ("Up"): rows are stored as differences to the row above, modulo 256.
        rows = np.concatenate([above, band])
        filtered = (rows[1:] - rows[:-1]).reshape(len(band), -1)
        marked = np.concatenate([np.full((len(band), 1), 2, np.uint8), filtered], axis=1)
        chunk(b"IDAT", deflate.compress(marked.tobytes()))
        above = rows[-1:]
    chunk(b"IDAT", deflate.flush())
    chunk(b"IEND", b"")


def _write_tiff(file: IO[bytes], size: Size, bands: Iterator[Rows], note: str) -> None:
    """Deflate-compressed BigTIFF, one strip of equal height after the other.

    Source: TIFF 6.0, sections 2 and 8; BigTIFF's 8-byte offsets lift the limit of 4 GiB.
    """
    file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0))
    offsets, counts = [], []
    rows_per_strip = max(1, min(size.height, (1 << 20) // (3 * size.width)))
    for strip in _regrouped(bands, rows_per_strip):
        data = zlib.compress(strip.tobytes(), 6)
        offsets.append(file.tell())
        counts.append(len(data))
        file.write(data)
    entries: list[tuple[int, int, Any]] = [
        (256, _LONG, [size.width]),
        (257, _LONG, [size.height]),
        (258, _SHORT, [8, 8, 8]),
        (259, _SHORT, [8]),  # Compression: Adobe deflate
        (262, _SHORT, [2]),  # PhotometricInterpretation: RGB
        (270, _ASCII, note.encode() + b"\0"),
        (273, _LONG8, offsets),
        (277, _SHORT, [3]),
        (278, _LONG, [rows_per_strip]),
        (279, _LONG8, counts),
    ]
    directory = _tiff_directory(file, entries)
    where = file.tell()
    file.write(directory)
    file.seek(8)
    file.write(struct.pack("<Q", where))


def _tiff_directory(file: IO[bytes], entries: list[tuple[int, int, Any]]) -> bytes:
    """The directory's bytes; values longer than 8 bytes are written to the file before it."""
    directory = struct.pack("<Q", len(entries))
    for tag, kind, values in entries:
        data = (
            bytes(values)
            if kind == _ASCII
            else struct.pack(f"<{len(values)}{_TYPE_FORMAT[kind]}", *values)
        )
        if len(data) > 8:
            place = struct.pack("<Q", file.tell())
            file.write(data)
        else:
            place = data.ljust(8, b"\0")
        directory += struct.pack("<HHQ", tag, kind, len(data) // _TYPE_BYTES[kind]) + place
    return directory + struct.pack("<Q", 0)


def _regrouped(bands: Iterator[Rows], n_rows: int) -> Iterator[Rows]:
    """The same rows in groups of `n_rows`; the last group may be shorter."""
    held: Rows | None = None
    for band in bands:
        held = band if held is None else np.concatenate([held, band])
        while len(held) >= n_rows:
            yield held[:n_rows]
            held = held[n_rows:]
    if held is not None and len(held):
        yield held
