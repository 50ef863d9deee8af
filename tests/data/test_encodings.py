"""gAMA and cHRM of a PNG without a colour profile are heeded."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from anyres_bench.data.encodings import stated_profile
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
