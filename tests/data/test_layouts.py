"""Layouts of image files against other decoders, and the budget of one file."""

from __future__ import annotations

import functools
import io
import itertools
import os
import struct
import time
import tracemalloc
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.containers import MAX_SCANS, SLOW_BYTES
from anyres_bench.data.headers import probe
from anyres_bench.data.pixels import decode
from benchmarks import layouts
from tests.data.test_pixels import encode, picture, refused
from tests.servers import deep_png


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(data: bytes, new: bytes, before: bytes) -> bytes:
    place = data.index(before) - 4
    return data[:place] + new + data[place:]


# --- the grid


@pytest.mark.parametrize(
    "make",
    [
        layouts.png_cases,
        layouts.jpeg_cases,
        layouts.web_cases,
        layouts.wide_cases,
        layouts.gif_cases,
        layouts.bmp_cases,
        layouts.ppm_cases,
        functools.partial(layouts.tiff_cases, ("none", "lzw")),
        pytest.param(layouts.tiff_cases, marks=pytest.mark.slow),
    ],
)
def test_every_layout_is_decoded_right_or_refused_by_name(make: object) -> None:
    cases: list[layouts.Case] = list(make())  # type: ignore[operator]
    wrong = {f"{c.group}, {c.layout}": layouts.verdict(c) for c in cases}
    assert cases
    assert {name: word for name, (word, right) in wrong.items() if not right} == {}
    for case in cases:
        try:
            decoded = decode(case.data)
        except ImageError:
            continue
        assert probe(case.data) == decoded.info, case.layout


def test_what_is_common_is_not_refused() -> None:
    kept = {
        case.layout: layouts.verdict(case)[0] != "refused"
        for case in layouts.tiff_cases(("none", "adobe_deflate"))
    }
    for kind, bits, compression in itertools.product(
        ("minisblack", "rgb", "separated"), (8, 16), ("none", "adobe_deflate")
    ):
        assert kept[f"{kind}, {bits} bit, {compression}, little-endian"]
    assert kept["miniswhite, 16 bit, none, little-endian"]
    assert kept["rgb, 8 bit, none, planar, little-endian"]
    assert not kept["rgb, 16 bit, none, planar, little-endian"]


def test_the_document_is_the_one_that_the_benchmark_writes() -> None:
    document = (Path(__file__).parents[2] / "docs" / "layouts.md").read_text(encoding="utf-8")
    for case in itertools.chain(layouts.png_cases(), layouts.bmp_cases()):
        assert f"| {case.layout} |" in document


# --- text, profiles and blocks around the pixels of a PNG


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
def test_long_text_is_no_damage(before: bytes) -> None:
    text = zlib.compress(bytes(3 << 20))
    whole = with_chunk(encode(picture(), "PNG"), chunk(b"zTXt", b"workflow\0\0" + text), before)
    np.testing.assert_array_equal(decode(whole).pixels, picture())
    plain = with_chunk(encode(picture(), "PNG"), chunk(b"tEXt", b"a\0" + bytes(2 << 20)), before)
    np.testing.assert_array_equal(decode(plain).pixels, picture())
    assert probe(plain) == decode(plain).info


def test_a_long_profile_is_a_profile() -> None:
    long = zlib.compress(bytes(2 << 20))
    whole = with_chunk(encode(picture(), "PNG"), chunk(b"iCCP", b"long\0\0" + long), b"IDAT")
    decoded = decode(whole)
    assert decoded.notes == ("icc-unusable",)
    assert decoded.info.has_icc
    bomb = zlib.compress(bytes(32 << 20))
    whole = with_chunk(encode(picture(), "PNG"), chunk(b"iCCP", b"bomb\0\0" + bomb), b"IDAT")
    assert refused(whole) == "too-costly"


@pytest.mark.parametrize("place", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("form", ["eXIf", "xmp", "raw"])
def test_header_and_pixels_agree_on_the_orientation(place: bytes, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    xmp = b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'
    hexed = b"\nexif\n      20\n" + exif.tobytes().hex().encode()
    new = {
        "eXIf": chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")),
        "xmp": chunk(b"iTXt", xmp),
        "raw": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(hexed)),
    }[form]
    whole = with_chunk(encode(picture(30, 40), "PNG"), new, place)
    assert probe(whole) == decode(whole).info
    assert probe(whole).size == Size(40, 30)
    np.testing.assert_array_equal(decode(whole).pixels, np.rot90(picture(30, 40), -1))


def test_a_tiff_is_turned_by_its_xmp_where_it_has_no_tag() -> None:
    tags = {700: b'<x tiff:Orientation="6"/>'}
    file = io.BytesIO()
    Image.fromarray(picture(30, 40)).save(file, "TIFF", tiffinfo=tags)
    assert probe(file.getvalue()) == decode(file.getvalue()).info
    assert decode(file.getvalue()).pixels.shape == (40, 30, 3)


def test_a_wrong_checksum_in_the_pixels_is_damage() -> None:
    whole = bytearray(encode(picture(), "PNG"))
    place = whole.index(b"IEND") - 5
    whole[place] ^= 1  # the last byte of the checksum of the last IDAT
    assert refused(bytes(whole)) == "corrupt"


def test_another_colour_space_by_cicp_is_refused() -> None:
    whole = with_chunk(encode(picture(), "PNG"), chunk(b"cICP", bytes((9, 16, 0, 1))), b"IDAT")
    assert refused(whole) == "unsupported-mode"
    whole = with_chunk(encode(picture(), "PNG"), chunk(b"cICP", bytes((1, 13, 0, 1))), b"IDAT")
    np.testing.assert_array_equal(decode(whole).pixels, picture())


def test_indices_without_a_palette_are_damage() -> None:
    palette = encode(Image.fromarray(picture()).quantize(16), "PNG")
    start = palette.index(b"PLTE") - 4
    stop = start + 12 + struct.unpack(">I", palette[start : start + 4])[0]
    assert refused(palette[:start] + palette[stop:]) == "corrupt"


# --- the budget


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


def scans(n: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    whole = encode(picture(16, 16), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * n + whole[-2:]


def test_scans_are_counted() -> None:
    decode(scans(20))
    assert refused(scans(MAX_SCANS + 1)) == "too-costly"


def test_frames_of_a_gif_are_counted() -> None:
    frames = [Image.fromarray(np.full((8, 8), i, np.uint8)) for i in range(5)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert probe(data).n_frames == 5
    block = data[data.index(b"\x21\xf9", data.index(b"\x2c") + 1) : -1]
    n = 70_000 * 4 // 4
    with pytest.raises(ImageError, match="frames"):
        probe(data[:-1] + block[: len(block) // 4] * n + b";")


def test_slow_decoders_get_small_files() -> None:
    n = SLOW_BYTES // 2 + 1
    assert refused(b"P2\n%d 1\n255\n" % n + b"7 " * n) == "too-costly"
    bmp = bytearray(encode(picture(), "BMP"))
    struct.pack_into("<I", bmp, 30, 1)
    assert refused(bytes(bmp) + bytes(SLOW_BYTES)) == "too-costly"


def test_exif_that_names_itself_is_not_followed() -> None:
    """5,000 tags that all point to the 60 kB of the block."""
    entry = struct.pack("<HHII", 40000, 7, 60_000, 8)
    block = b"II*\0" + struct.pack("<IH", 8, 5000) + entry * 5000 + bytes(4)
    data = encode(picture(), "JPEG")
    app1 = b"Exif\0\0" + block[:65_000]
    whole = data[:2] + b"\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + data[2:]
    tracemalloc.start()
    decode(whole)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20  # Pillow takes 300 MB


def test_deep_pixels_take_little_memory() -> None:
    deep = deep_png(np.random.default_rng(0).integers(0, 65536, (1500, 1000, 4)), 6)
    tracemalloc.start()
    decode(deep)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1_500_000 + len(deep)


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
