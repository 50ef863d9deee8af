"""Samples of 16 bits, colour profiles and transparency become 8-bit sRGB."""

from __future__ import annotations

import io
import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageCms

from anyres_bench.core.errors import UnknownNameError
from anyres_bench.data.pixels import (
    decode,
)
from tests.data.pictures import deep_tiff, encode, picture, refused
from tests.servers import deep_png


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


def grey_profile(exponent: int) -> bytes:
    """A version 2 profile of greys with a power curve."""
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv" + bytes(4) + struct.pack(">IHH", 1, exponent << 8, 0)
    table = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"kTRC", 176, 16)
    head = struct.pack(">I4xI4s4s4s12x4s28x", 192, 0x02200000, b"mntr", b"GRAY", b"XYZ ", b"acsp")
    return (head + white[8:]).ljust(128, b"\0") + table + white + curve


def test_a_profile_of_greys_is_followed_however_greys_are_stored() -> None:
    grey = picture()[..., 0]
    deep = Image.fromarray(grey.astype(np.uint16) * np.uint16(257))
    opaque = Image.fromarray(np.dstack([grey, np.full_like(grey, 255)]))
    plain = decode(encode(grey, "PNG", icc_profile=grey_profile(1))).pixels
    assert np.abs(plain[..., 0].astype(int) - grey).max() > 50
    linear = grey / 255
    light = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(plain, np.dstack([255 * light] * 3), atol=0.51)
    for image, container in (
        (deep, "PNG"),
        (deep, "TIFF"),
        (opaque, "PNG"),
        (Image.fromarray(grey), "WEBP"),
    ):
        decoded = decode(encode(image, container, icc_profile=grey_profile(1)))
        np.testing.assert_array_equal(decoded.pixels, plain)
        assert "icc-to-srgb" in decoded.notes
    coloured = decode(encode(picture(), "PNG", icc_profile=grey_profile(1)))
    assert coloured.notes == ("icc-unusable",)
    np.testing.assert_array_equal(coloured.pixels, picture())


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


def test_a_bmp_whose_opacity_was_never_set_is_no_white_picture() -> None:
    """Programs name a mask and leave the fourth byte 0; browsers show the colours."""
    image = picture(8, 6)

    def bmp(opacity: np.ndarray) -> bytes:
        rows = np.dstack([image[..., ::-1], opacity]).tobytes()
        masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        head = struct.pack("<IiiHHII", 108, 6, -8, 1, 32, 3, len(rows)) + bytes(16) + masks
        head += bytes(108 - len(head))
        return b"BM" + struct.pack("<III", 122 + len(rows), 0, 122) + head + rows

    unset = np.zeros((8, 6), np.uint8)
    np.testing.assert_array_equal(decode(bmp(unset)).pixels, image)
    unset[0, 0] = 255
    decoded = decode(bmp(unset))
    assert decoded.notes == ("alpha-over-white",)
    np.testing.assert_array_equal(decoded.pixels[0, 0], image[0, 0])
    assert (decoded.pixels[1:] == 255).all()


def test_transparent_palette_and_colour_key() -> None:
    palette = Image.fromarray(picture()).quantize(8)
    indices = np.asarray(palette)
    pixels = decode(encode(palette, "PNG", transparency=3)).pixels
    assert (pixels[indices == 3] == 255).all()
    keyed = picture()
    keyed[5, 6] = (1, 2, 3)
    pixels = decode(encode(keyed, "PNG", transparency=(1, 2, 3))).pixels
    assert pixels[5, 6].tolist() == [255, 255, 255]


def test_deep_pixels_take_little_memory() -> None:
    deep = deep_png(np.random.default_rng(0).integers(0, 65536, (1500, 1000, 4)), 6)
    tracemalloc.start()
    decode(deep)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1_500_000 + len(deep)
