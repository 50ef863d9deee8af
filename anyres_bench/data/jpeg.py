"""JPEG: a faster decoder, where it is installed and gives the same pixels; pixels that never came.

libjpeg fills what a scan has no data for with mid-grey and says so in a warning, which Pillow does
not hand on. So where a picture has such blocks, it is decoded again with more data at the end of
each part of each scan: a part that is whole does not read them, any other becomes another picture.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import re
from types import ModuleType
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from anyres_bench.data.containers import segments
from anyres_bench.data.headers import JPEG_FORMATS

_RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
_MORE = bytes(range(1, 255))  # codes of all kinds, and no marker
_MOST_PARTS = 1 << 16  # each grows by `_MORE`
_ROWS = 256
_ARITHMETIC = (0xC9, 0xCA)  # whose data may end before their last zeros
_INSIDE = tuple(itertools.product((1, 3, 4, 6), repeat=2))  # of a block of 8; its rim is blended
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


def is_whole_jpeg(pixels: NDArray[np.uint8], data: bytes, name: str) -> bool:
    """Whether the scans of a file reach to the end of its picture.

    Args:
        pixels: (h, w) or (h, w, c), in the file's own colours.
        data: the file.
        name: what messages call it.
    """
    if not _has_grey_blocks(pixels) or (more := _with_more(data, name)) is None:
        return True
    return _digest(data) == _digest(more)


def _digest(data: bytes) -> bytes:
    """Of the pixels of a file, a few rows at a time: two large pictures take much memory."""
    digest = hashlib.sha256()
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data), "") as image:
        for top in range(0, image.height, _ROWS):
            rows = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
            digest.update(rows.tobytes())
    return digest.digest()


def _has_grey_blocks(pixels: NDArray[np.uint8]) -> bool:
    """Whether some block of 8 x 8 is all 127 or 128, as a block without coefficients is."""
    height, width = (side // 8 * 8 for side in pixels.shape[:2])
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    rows, columns = np.nonzero(_is_grey(pixels[3:height:8, 3:width:8, 0]))
    for y, x in _INSIDE:
        if not len(rows):
            break
        found = _is_grey(pixels[8 * rows + y, 8 * columns + x]).all(axis=1)
        rows, columns = rows[found], columns[found]
    return len(rows) > 0


def _is_grey(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return pixels - np.uint8(127) <= 1


def _with_more(data: bytes, name: str) -> bytes | None:
    """The file with more data behind each part of each scan.

    None where that may be read by a whole one, or there are too many parts.
    """
    if sum(data.count(bytes((0xFF, 0xD0 + i))) for i in range(8)) > _MOST_PARTS:
        return None
    parts, before, in_scan = [data[:2]], 2, False
    for marker, start, stop in segments(data, 2, name):
        if marker in _ARITHMETIC:
            return None
        between = data[before:start]
        parts += [_refilled(between) if in_scan else between, data[start:stop]]
        before, in_scan = stop, marker == 0xDA
    last = data[before : data.find(b"\xff\xd9", before)]
    return b"".join([*parts, _refilled(last) if in_scan else last, b"\xff\xd9"])


def _refilled(scan: bytes) -> bytes:
    """Each part of a scan, and one more, with its number in the marker before it."""
    parts = [part + _MORE for part in (*_RESTART.split(scan), b"")]
    return parts[0] + b"".join(
        bytes((0xFF, 0xD0 + i % 8)) + part for i, part in enumerate(parts[1:])
    )
