"""The faster JPEG decoder gives the pixels of Pillow's."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from anyres_bench.data import jpeg
from anyres_bench.data.pixels import decode, image_of
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
    fast, padded = decode(data), decode(data, padded=True)
    assert padded.pixels.shape == (333, 517, 4)
    monkeypatch.setattr(jpeg, "identical_simplejpeg", lambda: None)
    np.testing.assert_array_equal(fast.pixels, decode(data, padded=True).pixels)
    np.testing.assert_array_equal(padded.pixels[..., :3], fast.pixels)
    np.testing.assert_array_equal(np.asarray(image_of(padded.pixels).convert("RGB")), fast.pixels)
