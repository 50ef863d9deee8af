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
