"""The faster JPEG decoder gives the pixels of Pillow's."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.errors import ImageError
from anyres_bench.data import jpeg
from anyres_bench.data.pixels import decode
from tests.data.pictures import encode, picture


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
    fast, luma = decode(data).pixels, decode(data, luma=True).pixels
    monkeypatch.setattr(jpeg, "identical_simplejpeg", lambda: None)
    np.testing.assert_array_equal(fast, decode(data).pixels)
    np.testing.assert_array_equal(luma, decode(data, luma=True).pixels)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("installed", [False, True])
def test_luma_is_that_of_the_colours(
    subsampling: int, progressive: bool, installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not installed:
        monkeypatch.setattr(jpeg, "identical_simplejpeg", lambda: None)
    turned = Image.Exif()
    turned[0x0112] = 6
    options = {"subsampling": subsampling, "progressive": progressive, "exif": turned}
    data = encode(picture(93, 51), "JPEG", quality=95, **options)
    luma, colours = decode(data, luma=True), decode(data)
    assert luma.pixels.shape == colours.pixels.shape[:2] == (51, 93)
    assert luma.info == colours.info
    assert luma.notes == colours.notes
    wanted = colours.pixels @ np.array([0.299, 0.587, 0.114])
    assert np.median(np.abs(luma.pixels - wanted)) < 1


@pytest.mark.parametrize("installed", [False, True])
def test_luma_of_a_cut_file_is_refused(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not installed:
        monkeypatch.setattr(jpeg, "identical_simplejpeg", lambda: None)
    data = encode(picture(200, 300), "JPEG", quality=95)
    with pytest.raises(ImageError) as raised:
        decode(data[: len(data) // 2], luma=True)
    assert raised.value.reason == "truncated"


@pytest.mark.parametrize(("mode", "kind"), [("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "PNG")])
def test_what_keeps_no_luma_comes_in_colours(mode: str, kind: str) -> None:
    data = encode(Image.fromarray(picture()).convert(mode), kind)
    np.testing.assert_array_equal(decode(data, luma=True).pixels, decode(data).pixels)
