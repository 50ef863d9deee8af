"""What an image file says of itself: size, mode, orientation and quality, before any pixel.

Nothing here needs more than Pillow, so that files are looked through without loading what computes.
"""

from __future__ import annotations

import functools
import importlib
import io
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from PIL import Image, UnidentifiedImageError

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size

Source = str | os.PathLike[str] | bytes

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
JPEG_FORMATS = ("JPEG", "MPO")
# Of Pillow's three dozen plugins those that read our formats; an old Pillow may lack the last ones.
for _name in ("Bmp", "Gif", "Jpeg", "Mpo", "Png", "Ppm", "Tiff", "WebP", "Avif"):
    with suppress(ImportError):
        importlib.import_module(f"PIL.{_name}ImagePlugin")
_READABLE = tuple(name for name in FORMATS if name in Image.OPEN)
_ORIENTATIONS = range(1, 9)
_ORIENTATION_TAG = 0x0112
# What Pillow's plugins raise on damaged files.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    struct.error,
    zlib.error,
)
_CUT_SHORT = ("truncat", "broken data stream", "unexpected end", "end of file")
# fmt: off
_K1 = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)
# fmt: on


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What an image file says about itself.

    Attributes:
        size: height and width as shown, after the orientation.
        stored: height and width as stored, before the orientation.
        format: container as Pillow names it ("JPEG", "PNG", ...).
        mode: pixel mode of the file as Pillow names it ("RGB", "CMYK", "I;16", ...).
        orientation: EXIF orientation, 1 to 8.
        jpeg_quality: IJG quality whose luminance table is nearest, 1 to 100; None if no JPEG.
        n_frames: frames or pages; only the first is used.
        has_icc: whether a colour profile is embedded.
    """

    size: Size
    stored: Size
    format: str
    mode: str
    orientation: int
    jpeg_quality: int | None
    n_frames: int
    has_icc: bool


def probe(source: Source) -> ImageInfo:
    """What a file's header says; no pixel is decoded.

    A PNG's EXIF block behind its pixels is seen by `decode` alone.

    Raises:
        ImageError: `unreadable`, `empty`, `not-an-image`, `too-large` (more than twice
            `MAX_PIXELS`), `truncated` or `corrupt`.
    """
    with opened(source) as image:
        return info_of(image)


def file_of(source: Source) -> IO[bytes]:
    """The file, to be read.

    Raises:
        ImageError: `unreadable`.
    """
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        return open(source, "rb")
    except OSError as error:
        raise ImageError(
            "unreadable", f"cannot open {source}: {error.strerror}; check the path and its rights"
        ) from error


@contextmanager
def opened(source: Source, name: str = "") -> Iterator[Image.Image]:
    """The image with its header read; whatever Pillow raises inside becomes an ImageError.

    Args:
        source: a path, or the file's bytes.
        name: what messages call it.
    """
    name = name or name_of(source)
    with file_of(source) as file:
        try:
            with Image.open(file, formats=_READABLE) as image:
                yield image
        except UnidentifiedImageError as error:
            empty = file.seek(0, os.SEEK_END) == 0
            reason = "empty" if empty else "not-an-image"
            message = f"{name} is {'empty' if empty else 'not one of ' + ', '.join(FORMATS)}"
            raise ImageError(reason, f"{message}; leave it out or convert it") from error
        except (Image.DecompressionBombError, MemoryError) as error:
            raise ImageError("too-large", f"{name} is too large to decode: {error}") from error
        except _DAMAGE as error:
            cut = any(words in str(error).lower() for words in _CUT_SHORT)
            reason = "truncated" if cut else "corrupt"
            raise ImageError(reason, f"{name} is {reason}: {error}; fetch it again") from error


def info_of(image: Image.Image) -> ImageInfo:
    """What the header of an opened image says."""
    orientation = _orientation(image)
    size, other = Size(image.height, image.width), Size(image.width, image.height)
    turned = other if orientation >= 5 else size
    shown, stored = (size, turned) if image.format == "TIFF" else (turned, size)
    return ImageInfo(
        size=shown,
        stored=stored,
        format=str(image.format),
        mode=image.mode,
        orientation=orientation,
        jpeg_quality=jpeg_quality(image),
        n_frames=getattr(image, "n_frames", 1),
        has_icc="icc_profile" in image.info,
    )


def _orientation(image: Image.Image) -> int:
    try:
        # The base class' method: PNG's own decodes the file to look behind its pixels.
        orientation = Image.Image.getexif(image).get(_ORIENTATION_TAG, 1)
    except (SyntaxError, ValueError, struct.error):
        return 1
    return int(orientation) if orientation in _ORIENTATIONS else 1


def jpeg_quality(image: Image.Image) -> int | None:
    """IJG quality, 1 to 100, whose luminance table is nearest to the file's; None if no JPEG."""
    tables = getattr(image, "quantization", None) if image.format in JPEG_FORMATS else None
    if not tables:
        return None
    return _nearest_quality(tuple(tables[min(tables)][:64]))


@functools.lru_cache(maxsize=256)
def _nearest_quality(table: tuple[int, ...]) -> int:
    def distance(quality: int) -> int:
        known = _quality_table(quality)
        return sum(abs(a - b) for a, b in zip(table, known, strict=True))

    return min(range(100, 0, -1), key=distance)  # of equal tables the higher quality


@functools.cache
def _quality_table(quality: int) -> tuple[int, ...]:
    """64 numbers: the luminance table of an IJG quality, as Pillow orders and reads them.

    Source: ITU-T T.81 (1992), table K.1; the scaling is that of the Independent JPEG Group.
    """
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(min(max((base * scale + 50) // 100, 1), 255) for base in _K1)


def name_of(source: Source) -> str:
    """What messages call a source."""
    return f"an image of {len(source)} bytes" if isinstance(source, bytes) else os.fspath(source)
