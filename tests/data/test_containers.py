"""Image containers are walked within a budget before a decoder sees them."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import png
import pytest
from PIL import Image

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.containers import MAX_SCANS, SLOW_BYTES
from anyres_bench.data.headers import probe
from anyres_bench.data.pixels import (
    decode,
)
from tests.data.pictures import encode, picture, refused


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(data: bytes, new: bytes, before: bytes) -> bytes:
    place = data.index(before) - 4
    return data[:place] + new + data[place:]


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


@pytest.mark.parametrize("keyword", [b"XML:com.adobe.xmp", b"Raw profile type exif"])
def test_packed_text_that_comes_again_and_again_is_unpacked_once(keyword: bytes) -> None:
    """1 KiB of each becomes 1 MiB: a file of 64 MiB would have asked for 64 GiB."""
    text = chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(bytes(1 << 20)))
    whole = with_chunk(encode(picture(), "PNG"), text * 50, b"IDAT")
    tracemalloc.start()
    probe(whole)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_one_colour_profile_and_no_more() -> None:
    profiles = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1000))) * 2
    assert refused(with_chunk(encode(picture(), "PNG"), profiles, b"IDAT")) == "unsupported-mode"


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


def test_a_wrong_checksum_in_the_pixels_is_damage() -> None:
    whole = bytearray(encode(picture(), "PNG"))
    place = whole.index(b"IEND") - 5
    whole[place] ^= 1  # the last byte of the checksum of the last IDAT
    assert refused(bytes(whole)) == "corrupt"


@pytest.mark.parametrize("kind", ["RGB", "P", "L", "RGBA"])
def test_pixels_that_stop_at_the_end_of_a_row_are_truncated(kind: str) -> None:
    """Sound to the last checksum; Pillow makes black rows of what is missing."""
    image = Image.fromarray(picture(8, 6)).convert(kind)
    rows = b"".join(b"\0" + row.tobytes() for row in np.asarray(image))
    whole = encode(image, "PNG")
    start, stop = whole.index(b"IDAT") - 4, whole.index(b"IEND") - 4

    def with_rows(n: int) -> bytes:
        pixels = chunk(b"IDAT", zlib.compress(rows[: n * len(rows) // 8]))
        return whole[:start] + pixels + whole[stop:]

    np.testing.assert_array_equal(decode(with_rows(8)).pixels, decode(whole).pixels)
    assert refused(with_rows(7)) == refused(with_rows(3)) == "truncated"


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (9, 1), (3, 5), (8, 8), (17, 10)])
@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 8, 16])
def test_pictures_of_one_colour_are_whole(
    height: int, width: int, interlace: bool, depth: int
) -> None:
    file = io.BytesIO()
    writer = png.Writer(width, height, greyscale=True, bitdepth=depth, interlace=interlace)
    writer.write(file, [[0] * width] * height)
    assert not decode(file.getvalue()).pixels.any()


def test_another_colour_space_by_cicp_is_refused() -> None:
    whole = with_chunk(encode(picture(), "PNG"), chunk(b"cICP", bytes((9, 16, 0, 1))), b"IDAT")
    assert refused(whole) == "unsupported-mode"
    whole = with_chunk(encode(picture(), "PNG"), chunk(b"cICP", bytes((1, 13, 0, 1))), b"IDAT")
    np.testing.assert_array_equal(decode(whole).pixels, picture())


def test_a_chunk_that_must_be_known_and_is_not() -> None:
    """As Apple's CgBI, behind which colours are stored in another order."""
    unknown = chunk(b"CgBI", bytes(4))
    assert refused(with_chunk(encode(picture(), "PNG"), unknown, b"IHDR")) == "unsupported-mode"
    passed = chunk(b"caBX", bytes(4))
    np.testing.assert_array_equal(
        decode(with_chunk(encode(picture(), "PNG"), passed, b"IDAT")).pixels, picture()
    )


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS"])
def test_what_stands_twice_in_a_png_is_refused(kind: bytes) -> None:
    palette = encode(Image.fromarray(picture()).quantize(16), "PNG", transparency=bytes(16))
    start = palette.index(kind) - 4
    stop = start + 12 + struct.unpack(">I", palette[start : start + 4])[0]
    assert refused(palette[:stop] + palette[start:]) == "corrupt"


def test_indices_without_a_palette_are_damage() -> None:
    palette = encode(Image.fromarray(picture()).quantize(16), "PNG")
    start = palette.index(b"PLTE") - 4
    stop = start + 12 + struct.unpack(">I", palette[start : start + 4])[0]
    assert refused(palette[:start] + palette[stop:]) == "corrupt"


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


def test_orientation_behind_the_pixels_of_a_png() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    body = exif.tobytes()[6:]
    late = struct.pack(">I", len(body)) + b"eXIf" + body
    late += struct.pack(">I", zlib.crc32(body, zlib.crc32(b"eXIf")))
    data = encode(picture(30, 40), "PNG")
    decoded = decode(data[:-12] + late + data[-12:])
    np.testing.assert_array_equal(decoded.pixels, np.rot90(picture(30, 40), -1))
    assert (decoded.info.size, decoded.info.orientation) == (Size(40, 30), 6)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, on cut tags
@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "block", [b"no block", b"", b"II*\0\xff\xff\xff\x7f", b"MM\0*\0\0\0\x08\xff\xff"]
)
def test_an_unreadable_exif_block_turns_nothing(container: str, block: bytes) -> None:
    decoded = decode(encode(picture(), container, exif=b"Exif\0\0" + block))
    assert decoded.info.orientation == 1
    assert decoded.pixels.shape == (41, 57, 3)
