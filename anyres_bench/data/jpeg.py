"""What is particular to JPEG: the quality its tables tell, and a faster decoder."""

from __future__ import annotations

import functools
import io
import itertools
from types import ModuleType
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

_FORMATS = ("JPEG", "MPO")
_SAMPLINGS = (0, 1, 2)  # 4:4:4, 4:2:2 and 4:2:0 in Pillow's numbers
# fmt: off
_K1 = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)
# fmt: on


def jpeg_quality(image: Image.Image) -> int | None:
    """IJG quality, 1 to 100, whose luminance table is nearest to the file's; None if no JPEG."""
    tables = getattr(image, "quantization", None) if image.format in _FORMATS else None
    if not tables:
        return None
    return _nearest_quality(tuple(tables[min(tables)][:64]))


@functools.lru_cache(maxsize=256)
def _nearest_quality(table: tuple[int, ...]) -> int:
    distance = np.abs(_quality_tables() - np.asarray(table)).sum(axis=1)
    return 100 - int(np.argmin(distance[::-1]))  # of equal tables the higher quality


@functools.cache
def _quality_tables() -> NDArray[np.int64]:
    """(100, 64) luminance tables of IJG qualities 1 to 100, as Pillow orders and reads them.

    Source: ITU-T T.81 (1992), table K.1; the scaling is that of the Independent JPEG Group.
    """
    base = np.asarray(_K1)
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.asarray(np.clip((base * scale + 50) // 100, 1, 255))


def fast_decode(image: Image.Image, data: bytes) -> NDArray[np.uint8] | None:
    """The pixels by simplejpeg, where that is installed, identical and content with the file."""
    if image.format not in _FORMATS or image.mode != "RGB":
        return None
    library = identical_simplejpeg()
    if library is None or JpegImagePlugin.get_sampling(image) not in _SAMPLINGS:
        return None
    try:
        return cast(NDArray[np.uint8], library.decode_jpeg(data, colorspace="RGB"))
    except ValueError:  # any warning of libjpeg; Pillow then decides
        return None


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
        ours = simplejpeg.decode_jpeg(file.getvalue(), colorspace="RGB")
        if not np.array_equal(ours, np.asarray(Image.open(file))):
            return None
    return cast(ModuleType, simplejpeg)
