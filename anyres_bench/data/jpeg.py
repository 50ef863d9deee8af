"""A faster decoder for JPEG, where it is installed and gives the same pixels."""

from __future__ import annotations

import functools
import io
import itertools
from types import ModuleType
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from anyres_bench.data.headers import JPEG_FORMATS

_SAMPLINGS = (0, 1, 2)  # 4:4:4, 4:2:2 and 4:2:0 in Pillow's numbers


def fast_decode(image: Image.Image, data: bytes, layout: str = "RGB") -> NDArray[np.uint8] | None:
    """The pixels by simplejpeg, where that is installed, identical and content with the file.

    Args:
        image: opened, not loaded.
        data: its file.
        layout: "RGB" gives (h, w, 3), "GRAY" (h, w, 1).
    """
    if not _has_colours(image):
        return None
    library = identical_simplejpeg()
    if library is None or JpegImagePlugin.get_sampling(image) not in _SAMPLINGS:
        return None
    try:
        return cast(NDArray[np.uint8], library.decode_jpeg(data, layout))
    except ValueError:  # any warning of libjpeg; Pillow then decides
        return None


def decode_luma(image: Image.Image, data: bytes) -> NDArray[np.uint8] | None:
    """The luma (h, w) of a JPEG in colour, which the file keeps apart; None of any other image.

    The whole file is read, so that what is broken is found; only colours are not made of it.

    Args:
        image: opened, not loaded. It is grey afterwards.
        data: its file.

    Raises:
        OSError: the file is broken, as Pillow has it.
    """
    if not _has_colours(image):
        return None
    if (grey := fast_decode(image, data, "GRAY")) is not None:
        return grey[..., 0]
    image.draft("L", image.size)
    image.load()
    return np.array(image)


def _has_colours(image: Image.Image) -> bool:
    return image.format in JPEG_FORMATS and image.mode == "RGB"


@functools.cache
def identical_simplejpeg() -> ModuleType | None:
    """simplejpeg, if it is installed and its build decodes samples bit for bit as Pillow's does."""
    try:
        import simplejpeg
    except ImportError:
        return None
    y, x = np.mgrid[0:53, 0:67]
    picture = np.stack([x * 3 + y, x * y // 7, 255 * ((x // 5 + y // 3) % 2)], axis=2) % 256
    for sampling, quality, progressive in itertools.product(_SAMPLINGS, (30, 95), (False, True)):
        file = io.BytesIO()
        options = {"subsampling": sampling, "quality": quality, "progressive": progressive}
        Image.fromarray(picture.astype(np.uint8)).save(file, "JPEG", **options)
        for layout, mode in (("RGB", "RGB"), ("GRAY", "L")):
            image = Image.open(file)
            image.draft(mode, image.size)
            ours = simplejpeg.decode_jpeg(file.getvalue(), layout)
            if not np.array_equal(ours.squeeze(), np.asarray(image)):
                return None
    return cast(ModuleType, simplejpeg)
