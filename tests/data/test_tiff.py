"""TIFF files: pages are counted, tags are bounded by the file."""

from __future__ import annotations

import io
import struct
import time

import pytest
from PIL import Image

from anyres_bench.core.errors import ImageError
from anyres_bench.data.headers import probe
from anyres_bench.data.pixels import decode
from tests.data.pictures import encode, picture, refused


def test_a_tiff_is_turned_by_its_xmp_where_it_has_no_tag() -> None:
    tags = {700: b'<x tiff:Orientation="6"/>'}
    file = io.BytesIO()
    Image.fromarray(picture(30, 40)).save(file, "TIFF", tiffinfo=tags)
    assert probe(file.getvalue()) == decode(file.getvalue()).info
    assert decode(file.getvalue()).pixels.shape == (40, 30, 3)


def many_pages(n: int, loop: bool = False) -> bytes:
    """A TIFF whose directory is repeated n times."""
    data = bytearray(encode(picture(8, 8), "TIFF"))
    [place] = struct.unpack_from("<I", data, 4)
    [n_tags] = struct.unpack_from("<H", data, place)
    directory = bytes(data[place : place + 2 + 12 * n_tags])
    struct.pack_into("<I", data, place + len(directory), len(data))
    start, step = len(data), len(directory) + 4
    pages = [
        directory + struct.pack("<I", start + step * (i + 1) if i < n - 1 else start if loop else 0)
        for i in range(n)
    ]
    return bytes(data) + b"".join(pages)


def test_pages_are_counted_without_reading_them() -> None:
    assert probe(many_pages(3)).n_frames == 4
    assert probe(many_pages(3, loop=True)).n_frames == 4
    start = time.process_time()
    assert probe(many_pages(20_000)).n_frames == 20_001
    assert time.process_time() - start < 5  # Pillow takes 18 s
    with pytest.raises(ImageError, match="65535 pages"):
        probe(many_pages(70_000))


def test_tags_that_name_the_whole_file_again_and_again_are_refused() -> None:
    data = bytearray(encode(picture(), "TIFF"))
    n, start = 400, len(data)
    entry = struct.pack("<HHII", 65000, 1, len(data), 0)
    struct.pack_into("<I", data, 4, start)
    assert refused(bytes(data) + struct.pack("<H", n) + entry * n + bytes(4)) == "corrupt"


def changed(data: bytes, **values: int) -> bytes:
    """A little-endian TIFF whose tags of one number have others, as `t257=48`."""
    whole = bytearray(data)
    [place] = struct.unpack_from("<I", whole, 4)
    for entry in range(place + 2, place + 2 + 12 * whole[place], 12):
        tag, kind = struct.unpack_from("<HH", whole, entry)
        if f"t{tag}" in values:
            struct.pack_into("<H" if kind == 3 else "<I", whole, entry + 8, values[f"t{tag}"])
    return bytes(whole)


def strips(compression: str, rows: int) -> bytes:
    """A picture of 24 rows, so many a strip."""
    return encode(picture(24, 16), "TIFF", compression=compression, tiffinfo={278: rows})


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_rows_that_no_strip_holds_are_no_black_rows(compression: str) -> None:
    whole = strips(compression, 24)
    decode(whole)
    assert refused(changed(whole, t257=48)) == "corrupt"
    assert refused(changed(whole, t278=0)) == "corrupt"


@pytest.mark.parametrize("rows", [8, 24])
def test_a_strip_that_is_too_short_is_not_filled_from_what_lies_behind_it(rows: int) -> None:
    whole = encode(picture(24, 16), "TIFF", compression="raw", tiffinfo={278: rows})
    n_bytes = 3 * 16 * rows
    length = struct.pack("<I", n_bytes)
    assert whole.count(length) >= 24 // rows
    assert refused(whole.replace(length, struct.pack("<I", n_bytes - 1), 1)) == "corrupt"
    decode(whole.replace(length, bytes(4)))  # a length that is not told


def test_strips_that_are_nowhere_are_no_pixels() -> None:
    """As GDAL writes what has no data; from offset 0 on, the header would be the pixels."""
    assert refused(changed(strips("raw", 24), t273=0)) == "unsupported-mode"


def test_a_jpeg_strip_that_is_too_small_leaves_no_black_rows() -> None:
    whole = strips("jpeg", 24)
    decode(whole)
    for values in ({"t257": 48, "t278": 48}, {"t256": 32}):
        assert refused(changed(whole, **values)) == "corrupt"


def test_a_tag_that_stands_twice_is_refused() -> None:
    """Pillow takes the last one, others the first."""
    whole = encode(Image.fromarray(picture()[..., 0]), "TIFF")
    [place] = struct.unpack_from("<I", whole, 4)
    [n] = struct.unpack_from("<H", whole, place)
    entries = whole[place + 2 : place + 2 + 12 * n]
    directory = struct.pack("<H", n + 1) + entries + struct.pack("<HHIHH", 262, 3, 1, 0, 0)
    twice = whole[:4] + struct.pack("<I", len(whole)) + whole[8:] + directory + bytes(4)
    assert refused(twice) == "corrupt"


def test_a_big_endian_bigtiff_is_not_called_damaged() -> None:
    """Pillow reads the numbers of its header in the other order."""
    file = io.BytesIO()
    Image.fromarray(picture(30, 40)).save(file, "TIFF", big_tiff=True)
    assert decode(file.getvalue()).pixels.shape == (30, 40, 3)
    head = struct.pack(">2sHHHQHQHHQQQ", b"MM", 43, 8, 0, 16, 1, 256, 4, 0, 1, 40 << 32, 0)
    assert refused(head) == "unsupported-mode"
