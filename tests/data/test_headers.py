"""What an image file says of itself, and files that are none."""

from __future__ import annotations

import dataclasses
import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.headers import probe
from anyres_bench.data.pixels import (
    decode,
)
from tests.data.pictures import encode, picture, refused


def test_probe_reads_the_header_only() -> None:
    whole = encode(picture(800, 1200), "PNG")
    info = probe(whole[:200])
    assert (info.size, info.mode, info.n_frames) == (Size(800, 1200), "RGB", 1)
    assert info.jpeg_quality is None
    assert not info.has_icc


def test_every_ijg_quality_is_read_off_the_tables() -> None:
    image = picture(16, 16)
    for quality in range(1, 101):
        assert probe(encode(image, "JPEG", quality=quality)).jpeg_quality == quality


def test_a_foreign_table_gets_the_nearest_quality() -> None:
    with Image.open(io.BytesIO(encode(picture(), "JPEG", quality=75))) as image:
        table = list(image.quantization[0])
    table[5] += 1
    assert probe(encode(picture(), "JPEG", qtables=[table, table])).jpeg_quality == 75


def test_too_many_pixels_are_refused_before_decoding() -> None:
    header_only = encode(picture(300, 400), "PNG")[:100]
    assert refused(header_only, max_pixels=119_999) == "too-large"
    whole = encode(picture(300, 400), "PNG")
    assert decode(whole, max_pixels=120_000).info.size == Size(300, 400)


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    bomb = bytearray(encode(picture(), "PNG"))
    bomb[16:24] = struct.pack(">II", 100_000, 100_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bytes(bomb[12:29])))
    assert refused(bytes(bomb)) == "too-large"
    with pytest.raises(ImageError, match="too large"):
        probe(bytes(bomb))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html>404</html>", "not-an-image"),
        (b"%!PS-Adobe-3.0 EPSF", "not-an-image"),
    ],
)
def test_what_is_no_image(data: bytes, reason: str) -> None:
    assert refused(data) == reason


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    assert refused(tmp_path / "missing.png") == "unreadable"
    assert refused(tmp_path) == "unreadable"


def test_info_is_plain_data() -> None:
    info = probe(encode(picture(), "PNG"))
    assert dataclasses.asdict(info)["size"] == (41, 57)


def test_a_file_longer_than_its_pixels_may_be_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "tail.png"
    path.write_bytes(encode(picture(), "PNG"))
    os.truncate(path, 3 << 30)  # holes: no byte is stored
    assert refused(path) == "too-large"


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    yield path
    path.unlink()


def test_only_regular_files_are_read(tmp_path: Path, pipe: Path) -> None:
    assert refused(pipe) == "unreadable"
    for other in (Path("/dev/zero"), tmp_path):
        assert refused(other) == "unreadable"
    with pytest.raises(ImageError, match="no regular file"):
        probe(pipe)
    assert refused(Path("null\0byte.png")) == "unreadable"


@pytest.mark.slow
def test_more_than_89_megapixels_are_read_where_they_are_asked_for() -> None:
    data = encode(Image.new("1", (9600, 9600)), "PNG")
    assert refused(data) == "too-large"
    with warnings.catch_warnings(action="error"):  # Pillow's own limit warns
        assert probe(data).size == Size(9600, 9600)
        assert decode(data, max_pixels=120_000_000).pixels.shape == (9600, 9600, 3)
    with pytest.raises(ImageError, match="--max-megapixels"):
        decode(data)
