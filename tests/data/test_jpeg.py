"""The faster JPEG decoder gives the pixels of Pillow's."""

from __future__ import annotations

import io
import re
import tracemalloc
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.errors import ImageError
from anyres_bench.data import jpeg
from anyres_bench.data.pixels import decode
from tests.data.pictures import encode, picture, refused


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


def cut(data: bytes, share: float) -> bytes:
    """A JPEG whose last scan ends too early, and then by its marker all the same."""
    start = data.rindex(b"\xff\xda")
    place = start + round((len(data) - start) * share)
    return data[: place - (data[place - 1] == 0xFF)] + b"\xff\xd9"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("installed", [False, True])
def test_parts_that_never_came_are_not_grey(
    share: float, subsampling: int, mode: str, installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not installed:
        monkeypatch.setattr(jpeg, "identical_simplejpeg", lambda: None)
    image = Image.fromarray(picture(160, 200)).convert(mode)
    data = encode(image, "JPEG", subsampling=subsampling, quality=90)
    decode(data)
    assert refused(cut(data, share)) == "truncated"


def test_an_interval_between_restarts_that_never_came_is_missed() -> None:
    data = encode(picture(160, 200), "JPEG", restart_marker_rows=1, quality=90)
    marks = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    assert len(marks) > 5
    decode(data)
    assert refused(data[: marks[2]] + data[marks[3] :]) == "truncated"
    assert refused(data[: marks[-1]] + b"\xff\xd9") == "truncated"


def test_scans_that_never_came_are_missed() -> None:
    data = encode(picture(), "JPEG", progressive=True)
    scans = [found.start() for found in re.finditer(rb"\xff\xda", data)]
    decode(data)
    for place in scans[1:]:
        assert refused(data[:place] + b"\xff\xd9") == "truncated"


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_grey_that_came_is_grey(options: dict[str, Any], subsampling: int, mode: str) -> None:
    image = picture(160, 200)
    image[40:120, 56:] = 128
    data = encode(Image.fromarray(image).convert(mode), "JPEG", subsampling=subsampling, **options)
    assert (decode(data).pixels[72:88, 90:180] == 128).all() or mode == "CMYK"
    flat = encode(np.full((16, 16, 3), 128, np.uint8), "JPEG", subsampling=subsampling, **options)
    assert (decode(flat).pixels == 128).all()


def test_restart_markers_without_end_take_no_memory() -> None:
    """They grew a file of megabytes to gigabytes."""
    grey = encode(np.full((16, 16, 3), 128, np.uint8), "JPEG")
    many = grey[:-2] + b"\xff\xd0" * 200_000 + b"\xff\xd9"
    tracemalloc.start()
    assert (decode(many).pixels == 128).all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * len(many)
