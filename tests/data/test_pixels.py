"""Decoding rules of stored images, and conversions between 8 bits and floats."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from anyres_bench.core.errors import GeneratorError, ImageError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Box, Size
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
from tests.data.pictures import encode, picture, refused

LOSSLESS = ("PNG", "TIFF", "BMP", "PPM", "WEBP")


# --- plain decoding


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


# --- damage


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


# --- animation


@pytest.mark.parametrize("container", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_many(container: str) -> None:
    frames = [Image.fromarray(np.full((20, 30, 3), level, np.uint8)) for level in (10, 120, 240)]
    data = encode(frames[0], container, save_all=True, append_images=frames[1:])
    decoded = decode(data)
    assert (decoded.pixels == 10).all()
    assert decoded.info.n_frames == probe(data).n_frames == 3
    assert decoded.notes == ("first-frame",)


@pytest.mark.parametrize(("top", "left"), [(4, 6), (0, 0)])
def test_a_webp_is_white_where_its_first_frame_does_not_reach(top: int, left: int) -> None:
    """It was black there, as libwebp leaves it; GIFs are white."""
    still = encode(picture(20, 30), "WEBP", lossless=True)[12:]
    numbers = (left // 2, top // 2, 29, 19, 100)
    frame = b"".join(number.to_bytes(3, "little") for number in numbers) + b"\2" + still
    sides = (49).to_bytes(3, "little") + (39).to_bytes(3, "little")
    chunks = [(b"VP8X", b"\2\0\0\0" + sides), (b"ANIM", bytes(6)), (b"ANMF", frame)]
    body = b"".join(kind + struct.pack("<I", len(data)) + data for kind, data in chunks)
    decoded = decode(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body)
    expected = np.full((40, 50, 3), 255, np.uint8)
    expected[top : top + 20, left : left + 30] = picture(20, 30)
    np.testing.assert_array_equal(decoded.pixels, expected)


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
