"""gAMA and cHRM of a PNG without a colour profile are heeded."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest

from anyres_bench.data.encodings import _SRGB, _profile, _to_d50, recoding, stated_profile
from anyres_bench.data.pixels import decode
from tests.data.pictures import encode, picture
from tests.data.test_containers import chunk, with_chunk
from tests.servers import deep_png

SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
RED_IS_GREEN = (*SRGB[:2], *SRGB[4:6], *SRGB[2:4], *SRGB[6:])


def stating(
    data: bytes, gamma: int = 0, chromaticity: tuple[int, ...] = (), **others: bytes
) -> bytes:
    new = b"".join(chunk(kind.encode(), content) for kind, content in others.items())
    new += chunk(b"gAMA", struct.pack(">I", gamma)) if gamma else b""
    new += chunk(b"cHRM", struct.pack(">8I", *chromaticity)) if chromaticity else b""
    return with_chunk(data, new, b"IDAT")


def encoded(linear: np.ndarray) -> np.ndarray:
    """Light of 0 to 1 in levels of sRGB (IEC 61966-2-1)."""
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("gamma", [100_000, 55_556])
def test_the_curve_of_a_png_is_followed(gamma: int) -> None:
    image = picture()
    expected = encoded((image / 255) ** (100_000 / gamma))
    for data in (encode(image, "PNG"), deep_png(image.astype(np.uint16) * 257, 2)):
        decoded = decode(stating(data, gamma))
        np.testing.assert_allclose(decoded.pixels, expected, atol=1.5)
        assert "gamma-to-srgb" in decoded.notes
        assert not decoded.info.has_icc
    grey = decode(stating(encode(image[..., 0], "PNG"), gamma))
    np.testing.assert_allclose(grey.pixels, np.dstack([expected[..., 0]] * 3), atol=1.5)


def test_primaries_of_a_png_are_followed() -> None:
    image = picture()
    decoded = decode(stating(encode(image, "PNG"), 45_455, RED_IS_GREEN))
    expected = encoded((image[..., [1, 0, 2]] / 255) ** 2.2)
    np.testing.assert_allclose(decoded.pixels, expected, atol=1.5)


@pytest.mark.parametrize("stated", [
    {"gamma": 45_455, "chromaticity": SRGB},
    {"gamma": 45_000},
    {"chromaticity": RED_IS_GREEN},
    {"gamma": 100_000, "sRGB": b"\0"},
    {"gamma": 100_000, "cICP": bytes((1, 13, 0, 1))},
])  # fmt: skip
def test_srgb_by_another_name_is_left_as_it_is(stated: dict[str, Any]) -> None:
    decoded = decode(stating(encode(picture(), "PNG"), **stated))
    np.testing.assert_array_equal(decoded.pixels, picture())
    assert decoded.notes == ()


@pytest.mark.parametrize("xy", [(0,) * 8, (1,) * 8, (0.3, 0.3, 0.6, 0.3, 0.6, 0.3, 0.1, 0.1)])
def test_primaries_that_span_nothing_are_passed_over(xy: tuple[float, ...]) -> None:
    assert stated_profile({"gamma": 1 / 2.2, "chromaticity": xy}) is None
    assert stated_profile({"gamma": 1.0, "chromaticity": xy}) == stated_profile({"gamma": 1.0})


def test_16_bits_are_rounded_once_the_curve_was_followed() -> None:
    """Light in 8 bits has no level of sRGB between 0 and 13."""
    samples = np.arange(65536).reshape(256, 256)
    rgb = np.dstack([samples, samples[::-1], samples.T])
    for gamma in (100_000, 55_556):
        for data, of in ((deep_png(samples, 0), samples[..., None]), (deep_png(rgb, 2), rgb)):
            decoded = decode(stating(data, gamma))
            expected = encoded((of / 65535) ** (100_000 / gamma))
            np.testing.assert_allclose(
                decoded.pixels, np.broadcast_to(expected, (256, 256, 3)), atol=0.51
            )
            assert decoded.notes == ("16-bit-scaled", "gamma-to-srgb")


def curves(curve: bytes) -> bytes:
    """sRGB's colours with another curve."""
    return _profile(_to_d50(np.asarray(_SRGB).reshape(4, 2)), curve)


def fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(65536 * number) for number in numbers))


X = np.linspace(0, 1, 65536)


@pytest.mark.parametrize(("curve", "light"), [
    (b"curv" + bytes(8), X),
    (b"curv" + bytes(4) + struct.pack(">IHH", 1, 0x1CD, 0), X ** (0x1CD / 256)),
    (b"curv" + bytes(4) + struct.pack(">I4H", 4, 0, 1000, 20000, 65535),
     np.interp(X, [0, 1 / 3, 2 / 3, 1], np.array([0, 1000, 20000, 65535]) / 65535)),
    (b"para" + bytes(8) + fixed(1.8), X**1.8),
    (b"para" + bytes(4) + struct.pack(">HH", 1, 0) + fixed(2, 1.25, -0.25),
     np.maximum(1.25 * X - 0.25, 0) ** 2),
    (b"para" + bytes(4) + struct.pack(">HH", 2, 0) + fixed(2, 1, 0, 0), X**2),
    (b"para" + bytes(4) + struct.pack(">HH", 3, 0) + fixed(2, 1, 0, 0.25, 0.25),
     np.where(X >= 0.25, X**2, X / 4)),
    (b"para" + bytes(4) + struct.pack(">HH", 4, 0) + fixed(2, 1, 0, 0.25, 0.25, 0, 0),
     np.where(X >= 0.25, X**2, X / 4)),
])  # fmt: skip
def test_16_bits_follow_every_curve_of_a_profile(curve: bytes, light: np.ndarray) -> None:
    samples = np.arange(65536).reshape(256, 256)
    by = recoding(curves(curve))
    assert by is not None
    np.testing.assert_allclose(by.levels[1], encoded(light), atol=0.52)
    packed = b"p\0\0" + zlib.compress(curves(curve))
    decoded = decode(stating(deep_png(np.dstack([samples] * 3), 2), iCCP=packed))
    np.testing.assert_allclose(
        decoded.pixels, np.dstack([encoded(light).reshape(256, 256)] * 3), atol=1.1
    )
    assert decoded.notes == ("16-bit-scaled", "icc-to-srgb")


@pytest.mark.parametrize("curve", [
    b"", b"para" + bytes(8), b"para" + bytes(4) + struct.pack(">HH", 9, 0) + fixed(1),
    b"curv" + bytes(4) + struct.pack(">IH", 9, 0), b"curv" + bytes(4) + struct.pack(">I", 1 << 31),
    b"curv" + bytes(4) + struct.pack(">I2H", 2, 30000, 65535),
])  # fmt: skip
def test_curves_that_are_not_told_are_left_to_the_library(curve: bytes) -> None:
    assert recoding(curves(curve)) is None


@pytest.mark.parametrize("n", range(0, 400, 7))
def test_cut_profiles_are_no_curves(n: int) -> None:
    recoding(curves(b"para" + bytes(8) + fixed(1.8))[:n])
