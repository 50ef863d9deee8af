"""Decoding rules of stored images, and conversions between 8 bits and floats."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from anyres_bench.core.errors import GeneratorError, ImageError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.data import jpeg
from anyres_bench.data.headers import probe
from anyres_bench.data.pixels import (
    FILTERS,
    center_square,
    crop,
    decode,
    resize_uint8,
    to_float,
    to_uint8,
)
from tests.servers import deep_png

LOSSLESS = ("PNG", "TIFF", "BMP", "PPM", "WEBP")


def picture(height: int = 41, width: int = 57, seed: int = 0) -> np.ndarray:
    """Smooth colours with a little noise, so that every container finds work."""
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.stack([x * 4, y * 5, (x + y) * 2], axis=2)
    noise = np.random.default_rng(seed).integers(0, 20, smooth.shape)
    return ((smooth + noise) % 256).astype(np.uint8)


def encode(image: np.ndarray | Image.Image, container: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    if container == "WEBP":
        options = {"lossless": True, "exact": True, **options}
    image.save(file, container, **options)
    return file.getvalue()


def deep_tiff(samples: np.ndarray, order: str) -> bytes:
    """An uncompressed 16-bit RGB TIFF in either byte order."""
    height, width = samples.shape[:2]
    data = samples.astype(f"{order}u2").tobytes()
    fields = [(256, 4, width), (257, 4, height), (259, 3, 1), (262, 3, 2), (273, 4, 8)]
    fields += [(277, 3, 3), (278, 4, height), (279, 4, len(data))]
    bits = 8 + len(data)
    entries = [(258, 3, 3, struct.pack(f"{order}I", bits))]
    for tag, kind, value in fields:
        form = f"{order}HH" if kind == 3 else f"{order}I"
        entries.append((tag, kind, 1, struct.pack(form, *((value, 0) if kind == 3 else (value,)))))
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, n, value in sorted(entries):
        directory += struct.pack(f"{order}HHI", tag, kind, n) + value
    start = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, bits + 6)
    return start + data + struct.pack(f"{order}3H", 16, 16, 16) + directory + bytes(4)


def refused(source: bytes | Path, **options: Any) -> str:
    with pytest.raises(ImageError) as caught:
        decode(source, **options)
    assert caught.value.reason in str(caught.value) or len(str(caught.value)) > 20
    return caught.value.reason


# --- plain decoding and the header


@pytest.mark.parametrize("container", LOSSLESS)
def test_lossless_containers_give_the_samples_back(container: str) -> None:
    image = picture()
    decoded = decode(encode(image, container))
    np.testing.assert_array_equal(decoded.pixels, image)
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.flags.writeable
    assert decoded.notes == ()
    assert (decoded.info.size, decoded.info.format) == (Size(41, 57), container)


def test_a_path_and_its_bytes_are_the_same(tmp_path: Path) -> None:
    data = encode(picture(), "JPEG")
    (tmp_path / "a.jpg").write_bytes(data)
    for source in (tmp_path / "a.jpg", str(tmp_path / "a.jpg")):
        np.testing.assert_array_equal(decode(source).pixels, decode(data).pixels)
        assert probe(source) == probe(data) == decode(data).info


def test_probe_reads_the_header_only() -> None:
    whole = encode(picture(800, 1200), "PNG")
    info = probe(whole[:200])
    assert (info.size, info.mode, info.n_frames) == (Size(800, 1200), "RGB", 1)
    assert info.jpeg_quality is None
    assert not info.has_icc


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_pixels_are_pillows(subsampling: int, progressive: bool) -> None:
    data = encode(picture(), "JPEG", subsampling=subsampling, progressive=progressive)
    np.testing.assert_array_equal(decode(data).pixels, np.asarray(Image.open(io.BytesIO(data))))


def test_simplejpeg_where_installed_is_used_and_identical(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("simplejpeg")
    library = jpeg.identical_simplejpeg()
    assert library is not None
    data = encode(picture(333, 517), "JPEG", quality=83)
    fast = decode(data)
    monkeypatch.setattr(jpeg, "identical_simplejpeg", lambda: None)
    np.testing.assert_array_equal(fast.pixels, decode(data).pixels)


def test_every_ijg_quality_is_read_off_the_tables() -> None:
    image = picture(16, 16)
    for quality in range(1, 101):
        assert probe(encode(image, "JPEG", quality=quality)).jpeg_quality == quality


def test_a_foreign_table_gets_the_nearest_quality() -> None:
    with Image.open(io.BytesIO(encode(picture(), "JPEG", quality=75))) as image:
        table = list(image.quantization[0])
    table[5] += 1
    assert probe(encode(picture(), "JPEG", qtables=[table, table])).jpeg_quality == 75


# --- limits and damage


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


@pytest.mark.parametrize("container", [*LOSSLESS, "JPEG", "GIF", "AVIF"])
def test_truncated_files_are_refused_wherever_they_are_cut(container: str) -> None:
    if container == "AVIF":
        pytest.importorskip("PIL._avif")
    whole = encode(picture(), container)
    decode(whole)
    for share in (0.02, 0.3, 0.6, 0.9, 0.97):
        refused(whole[: int(len(whole) * share)])
    refused(whole[:-8])


@pytest.mark.parametrize("container", ["PNG", "JPEG"])
def test_every_byte_counts(container: str) -> None:
    whole = encode(picture(9, 11), container)
    for n in range(len(whole)):
        refused(whole[:n])


@pytest.mark.parametrize("container", ["PNG", "JPEG", "GIF"])
def test_zeros_behind_the_half_are_refused(container: str) -> None:
    whole = encode(picture(), container)
    refused(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))


def test_a_progressive_jpeg_that_stops_is_truncated() -> None:
    whole = encode(picture(200, 300), "JPEG", progressive=True)
    assert refused(whole[: len(whole) * 3 // 4]) == "truncated"


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


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, on damaged tags
@pytest.mark.parametrize("container", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM"])
def test_damaged_bytes_raise_nothing_but_image_errors(container: str) -> None:
    whole = np.frombuffer(encode(picture(20, 24), container), np.uint8)
    rng = np.random.default_rng(7)
    for _ in range(150):
        damaged = whole.copy()
        places = rng.integers(0, len(whole), rng.integers(1, 6))
        damaged[places] = rng.integers(0, 256, len(places))
        with contextlib.suppress(ImageError):
            decoded = decode(damaged.tobytes(), max_pixels=1_000_000)
            assert decoded.pixels.shape == (*decoded.info.size, 3)


# --- orientation


@pytest.mark.parametrize("container", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(container: str, orientation: int) -> None:
    # A marker in the stored top left corner must land where the orientation says.
    stored = np.zeros((32, 48, 3), np.uint8)
    stored[:16, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(stored, container, exif=exif.tobytes())
    decoded = decode(data)
    corner = {
        1: (0, 0),
        2: (0, 1),
        3: (1, 1),
        4: (1, 0),
        5: (0, 0),
        6: (0, 1),
        7: (1, 1),
        8: (1, 0),
    }
    bright = np.argwhere(decoded.pixels[..., 0] > 128).mean(axis=0)
    height, width = decoded.info.size
    assert (bright[0] > height / 2, bright[1] > width / 2) == corner[orientation]
    assert decoded.pixels.shape[:2] == decoded.info.size
    assert decoded.info.size == (Size(48, 32) if orientation >= 5 else Size(32, 48))
    assert decoded.info.stored == Size(32, 48)
    assert decoded.info.orientation == orientation
    assert ("oriented" in decoded.notes) == (orientation != 1)
    assert probe(data) == decoded.info


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


# --- 16 bits


def test_16_bit_greys_are_scaled_by_257() -> None:
    levels = np.arange(65536).reshape(256, 256)
    for order in ("<u2", ">u2"):
        data = encode(Image.fromarray(levels.astype(order)), "TIFF")
        assert_scaled(data, levels[..., None])
    decoded = assert_scaled(deep_png(levels, 0), levels[..., None])
    np.testing.assert_array_equal(np.unique(decoded), np.arange(256))
    clipped = np.asarray(Image.open(io.BytesIO(deep_png(levels, 0))).convert("RGB"))
    assert not np.array_equal(decoded, clipped)


def assert_scaled(data: bytes, samples: np.ndarray) -> np.ndarray:
    decoded = decode(data)
    expected = np.rint(samples / 257).astype(np.uint8)
    np.testing.assert_array_equal(decoded.pixels, np.broadcast_to(expected, decoded.pixels.shape))
    assert decoded.notes == ("16-bit-scaled",)
    return decoded.pixels


def test_16_bit_colours_keep_their_low_byte() -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (21, 34, 3))
    assert_scaled(deep_png(samples, 2), samples)
    assert_scaled(deep_tiff(samples, "<"), samples)
    assert_scaled(deep_tiff(samples, ">"), samples)


def test_16_bit_alpha() -> None:
    rng = np.random.default_rng(1)
    colours, opacity = rng.integers(0, 65536, (9, 11, 3)), rng.integers(0, 65536, (9, 11, 1))
    whole = deep_png(np.concatenate([colours, opacity], axis=2), 6)
    np.testing.assert_array_equal(decode(whole, alpha="drop").pixels, np.rint(colours / 257))
    over = (colours * opacity / 65535 + (65535 - opacity)) / 257
    assert np.abs(decode(whole).pixels - over).max() <= 1
    grey = deep_png(np.concatenate([colours[..., :1], opacity], axis=2), 4)
    np.testing.assert_array_equal(
        decode(grey, alpha="drop").pixels, np.rint(colours[..., :1] / 257).repeat(3, axis=2)
    )
    assert np.abs(decode(grey).pixels - over[..., :1]).max() <= 1


def test_the_transparent_colour_of_a_16_bit_png() -> None:
    samples = np.full((4, 5), 1000)
    samples[1, 2] = 1001  # the same 8-bit level; only 16 bits tell them apart
    decoded = decode(deep_png(samples, 0, struct.pack(">H", 1000))).pixels
    assert decoded[1, 2].tolist() == [4, 4, 4]
    assert (np.delete(decoded.reshape(-1, 3), 7, axis=0) == 255).all()


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_without_a_known_white_are_refused(mode: str) -> None:
    assert refused(encode(Image.new(mode, (8, 8), 70_000), "TIFF")) == "unsupported-mode"


# --- colour


def profile(red_x: float = 0.64, gamma: float = 2.2) -> bytes:
    """A matrix profile with chosen red primary, or sRGB."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if red_x == 0.64:
        return srgb
    # Exchanging the tags of red and green exchanges the channels: a profile easy to check.
    swapped = bytearray(srgb)
    n_tags = struct.unpack(">I", swapped[128:132])[0]
    places = {bytes(swapped[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(n_tags)}
    for red, green in ((b"rXYZ", b"gXYZ"), (b"rTRC", b"gTRC")):
        swapped[places[red] : places[red] + 4], swapped[places[green] : places[green] + 4] = (
            green,
            red,
        )
    return bytes(swapped)


def test_an_srgb_profile_changes_nothing() -> None:
    image = picture()
    decoded = decode(encode(image, "PNG", icc_profile=profile()))
    np.testing.assert_array_equal(decoded.pixels, image)
    assert decoded.info.has_icc
    assert decoded.notes == ()


def test_a_profile_is_followed_to_srgb() -> None:
    image = picture()
    decoded = decode(encode(image, "PNG", icc_profile=profile(red_x=0.3)))
    np.testing.assert_allclose(decoded.pixels, image[..., [1, 0, 2]], atol=2)
    assert decoded.notes == ("icc-to-srgb",)


def test_a_profile_is_followed_under_alpha_and_for_greys() -> None:
    image = np.dstack([picture(), np.full((41, 57), 255, np.uint8)])
    decoded = decode(encode(image, "PNG", icc_profile=profile(red_x=0.3)))
    np.testing.assert_allclose(decoded.pixels, image[..., [1, 0, 2]], atol=2)
    grey = decode(encode(picture()[..., 0], "PNG", icc_profile=profile(red_x=0.3)))
    assert grey.notes == ("icc-to-srgb",)


def test_an_unusable_profile_is_left_aside_and_said() -> None:
    for icc in (b"no profile", b"\0" * 200):
        decoded = decode(encode(picture(), "PNG", icc_profile=icc))
        np.testing.assert_array_equal(decoded.pixels, picture())
        assert decoded.notes == ("icc-unusable",)


def test_cmyk() -> None:
    inks = np.zeros((16, 64, 4), np.uint8)
    inks[:, 16:32, 0] = 255  # cyan
    inks[:, 32:48, 3] = 255  # black
    inks[:, 48:, 1] = 255  # magenta
    for data in (
        encode(Image.fromarray(inks, "CMYK"), "TIFF"),
        encode(Image.fromarray(inks, "CMYK"), "JPEG", quality=100, subsampling=0),
    ):
        decoded = decode(data)
        assert decoded.info.mode == "CMYK"
        for x, colour in (
            (8, (255, 255, 255)),
            (24, (0, 255, 255)),
            (40, (0, 0, 0)),
            (56, (255, 0, 255)),
        ):
            np.testing.assert_allclose(decoded.pixels[8, x], colour, atol=3)


def test_greys_bits_and_palettes() -> None:
    grey = picture()[..., 0]
    np.testing.assert_array_equal(decode(encode(grey, "PNG")).pixels, np.dstack([grey] * 3))
    bits = grey > 127
    np.testing.assert_array_equal(decode(encode(bits, "PNG")).pixels[..., 1], bits * 255)
    palette = Image.fromarray(picture()).quantize(16)
    expected = np.asarray(palette.convert("RGB"))
    for container in ("PNG", "GIF"):
        np.testing.assert_array_equal(decode(encode(palette, container)).pixels, expected)


# --- alpha and animation


def test_alpha_policies() -> None:
    image = np.dstack([picture(), np.tile(np.arange(57, dtype=np.uint8) * 4, (41, 1))])
    for container in ("PNG", "WEBP"):
        data = encode(image, container)
        dropped = decode(data, alpha="drop")
        np.testing.assert_array_equal(dropped.pixels, image[..., :3])
        assert dropped.notes == ("alpha-dropped",)
        white = Image.new("RGBA", (57, 41), "white")
        white.alpha_composite(Image.fromarray(image))
        over = decode(data)
        np.testing.assert_allclose(over.pixels, np.asarray(white)[..., :3], atol=1)
        assert over.notes == ("alpha-over-white",)
        assert refused(data, alpha="refuse") == "has-alpha"
    with pytest.raises(UnknownNameError, match="white"):
        decode(data, alpha="whit")  # type: ignore[arg-type]


def test_transparent_palette_and_colour_key() -> None:
    palette = Image.fromarray(picture()).quantize(8)
    indices = np.asarray(palette)
    pixels = decode(encode(palette, "PNG", transparency=3)).pixels
    assert (pixels[indices == 3] == 255).all()
    keyed = picture()
    keyed[5, 6] = (1, 2, 3)
    pixels = decode(encode(keyed, "PNG", transparency=(1, 2, 3))).pixels
    assert pixels[5, 6].tolist() == [255, 255, 255]


@pytest.mark.parametrize("container", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_many(container: str) -> None:
    frames = [Image.fromarray(np.full((20, 30, 3), level, np.uint8)) for level in (10, 120, 240)]
    data = encode(frames[0], container, save_all=True, append_images=frames[1:])
    decoded = decode(data)
    assert (decoded.pixels == 10).all()
    assert decoded.info.n_frames == probe(data).n_frames == 3
    assert decoded.notes == ("first-frame",)


# --- boxes, resizing, floats


def test_center_square_and_crop() -> None:
    assert center_square(Size(10, 7)) == Box(1, 0, 7, 7)
    assert center_square(Size(6, 6)) == Box(0, 0, 6, 6)
    image = picture()
    np.testing.assert_array_equal(crop(image, Box(3, 5, 10, 20)), image[3:13, 5:25])
    for box in (Box(0, 0, 42, 57), Box(-1, 0, 5, 5), Box(0, 0, 0, 5)):
        with pytest.raises(UsageError, match="41x57"):
            crop(image, box)


def test_resize_uint8_is_pillows_on_the_cropped_box() -> None:
    image, box = picture(), Box(4, 9, 30, 31)
    part = Image.fromarray(np.ascontiguousarray(image[4:34, 9:40]))
    for name, pillow in FILTERS.items():
        expected = np.asarray(part.resize((13, 17), pillow))
        np.testing.assert_array_equal(resize_uint8(image, Size(17, 13), name, box), expected)
    same = resize_uint8(image, Size(41, 57))
    np.testing.assert_array_equal(same, image)
    assert not np.shares_memory(same, image)
    with pytest.raises(UnknownNameError, match="lanczos"):
        resize_uint8(image, Size(8, 8), "lanczoz")
    with pytest.raises(UsageError):
        resize_uint8(image, Size(8, 8), box=Box(0, 0, 99, 9))


def test_floats_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    floats = to_float(levels)
    assert floats.dtype == torch.float32
    assert (floats.min(), floats.max()) == (-1, 1)
    for rounding in ("round", "truncate"):
        assert torch.equal(to_uint8(floats, rounding), levels)


def test_rounding_and_clamping() -> None:
    step = 1 / 127.5
    values = torch.tensor([-7.0, -1 + 0.49 * step, -1 + 0.51 * step, 1 - 0.49 * step, 5.0])
    assert to_uint8(values).tolist() == [0, 0, 1, 255, 255]
    # The official rule cuts x * 127.5 + 128: -1 is 0.5 -> 0 and +1 is 255.5 -> 255.
    values = torch.tensor([-9.0, -1.0, -1 + 0.6 * step, 0.0, 1.0, 9.0])
    assert to_uint8(values, "truncate").tolist() == [0, 0, 1, 128, 255, 255]
    assert to_uint8(torch.tensor([0.0])).tolist() == [128]  # 127.5 to even


def test_nan_has_no_8_bit_form() -> None:
    with pytest.raises(GeneratorError, match="NaN"):
        to_uint8(torch.tensor([0.0, float("nan")]))
    with pytest.raises(UnknownNameError, match="round"):
        to_uint8(torch.zeros(1), "roun")  # type: ignore[arg-type]


def test_info_is_plain_data() -> None:
    info = probe(encode(picture(), "PNG"))
    assert dataclasses.asdict(info)["size"] == (41, 57)
