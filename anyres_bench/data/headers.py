"""What an image file says of itself: size, mode, orientation and quality, before any pixel.

Nothing here needs more than Pillow, so that files are looked through without loading what computes.
`opened` is the one way to a file's pixels: for every command, within one budget of bytes and work.
"""

from __future__ import annotations

import functools
import importlib
import io
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from PIL import Image

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.data import containers, tiff
from anyres_bench.data.containers import (
    LARGEST_PIXELS,
    MAX_PIXELS,
    Container,
    Walker,
    check_size,
    stated_orientation,
)

Source = str | os.PathLike[str] | bytes

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
JPEG_FORMATS = ("JPEG", "MPO")
# Of Pillow's three dozen plugins those that read our formats; an old Pillow may lack the last ones.
for _name in ("Bmp", "Gif", "Jpeg", "Mpo", "Png", "Ppm", "Tiff", "WebP", "Avif"):
    with suppress(ImportError):
        importlib.import_module(f"PIL.{_name}ImagePlugin")
_READABLE = tuple(name for name in FORMATS if name in Image.OPEN)
_WALKERS: dict[str, Walker] = {
    "PNG": containers.png,
    "JPEG": containers.jpeg,
    "GIF": containers.gif,
    "WEBP": containers.webp,
    "TIFF": tiff.tiff,
    "PPM": containers.ppm,
    "BMP": containers.bmp,
    "AVIF": containers.avif,
}
_BYTES_PER_PIXEL, _BYTES_BESIDE = 16, 64 << 20  # of a file: 16-bit RGBA twice, and what is no pixel
# What Pillow's plugins raise on damaged files.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AssertionError,
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


def probe(source: Source, max_pixels: int | None = None, name: str = "") -> ImageInfo:
    """What a file's header says; no pixel is decoded. `decode` finds the same.

    Args:
        source: a path, or the file's bytes.
        max_pixels: refuse also what `decode` would refuse by the structure of the whole file: more
            pixels, more scans, a PNG that is cut or has a wrong checksum.
        name: what messages call the file.

    Raises:
        ImageError: `unreadable`, `empty`, `not-an-image`, `too-large` (more than
            `LARGEST_PIXELS`), `too-costly`, `unsupported-mode`, `truncated` or `corrupt`.
    """
    with opened(source, name, max_pixels) as (image, container):
        return info_of(image, container)


def file_of(source: Source) -> IO[bytes]:
    """The file, to be read; nothing but a regular file.

    Raises:
        ImageError: `unreadable`.
    """
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ImageError(
            "unreadable", f"cannot open {source}: {why}; check the path and its rights"
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ImageError("unreadable", f"{source} is no regular file; name a file")
    return open(descriptor, "rb")


def content_of(source: Source, max_bytes: int | None = None) -> bytes:
    """All bytes of a file.

    Args:
        source: a path, or the bytes themselves.
        max_bytes: a longer file is refused; by default what `MAX_PIXELS` pixels may take.

    Raises:
        ImageError: `unreadable` or `too-large`.
    """
    if isinstance(source, bytes):
        return source
    limit = bytes_for(MAX_PIXELS) if max_bytes is None else max_bytes
    with file_of(source) as file:
        try:
            n_bytes = os.fstat(file.fileno()).st_size
            is_long = n_bytes > limit
            # To ask for the limit would be to have that much memory mapped for each file.
            data = b"" if is_long else file.read(n_bytes + 1)
            if len(data) > n_bytes:  # it grows, or its system does not say how long it is
                data += file.read(limit + 1 - len(data))
        except OSError as error:
            raise ImageError("unreadable", f"cannot read {source}: {error.strerror}") from error
    if is_long or len(data) > limit:
        raise ImageError(
            "too-large", f"{name_of(source)} has more than {limit} bytes; leave it out"
        )
    return data


def bytes_for(n_pixels: int) -> int:
    """How long a file of so many pixels may be."""
    return _BYTES_BESIDE + _BYTES_PER_PIXEL * n_pixels


@contextmanager
def opened(
    source: Source, name: str = "", max_pixels: int | None = None
) -> Iterator[tuple[Image.Image, Container]]:
    """The image with its header read; whatever Pillow raises inside becomes an ImageError.

    Args:
        source: a path, or the file's bytes.
        name: what messages call it.
        max_pixels: how many pixels may be decoded; None if none will.

    Raises:
        ImageError: as `probe`.
    """
    name = name or name_of(source)
    with file_of(source) as file:
        try:
            kind = _kind(file, name)
            container = _WALKERS.get(kind, _as_it_is)(file, name, max_pixels)
            container.stream.seek(0)
            # Not `Image.open`: its warnings and its limit are those of the whole process.
            with (tiff.TiffFile if kind == "TIFF" else Image.OPEN[kind][0])(
                container.stream, ""
            ) as image:
                limit = LARGEST_PIXELS if max_pixels is None else max_pixels
                check_size(Size(image.height, image.width), limit, name)
                yield image, container
        except (Image.DecompressionBombError, MemoryError) as error:
            raise ImageError("too-large", f"{name} is too large to decode: {error}") from error
        except _DAMAGE as error:
            cut = any(words in str(error).lower() for words in _CUT_SHORT)
            reason = "truncated" if cut else "corrupt"
            raise ImageError(reason, f"{name} is {reason}: {error}; fetch it again") from error


def _kind(file: IO[bytes], name: str) -> str:
    """The format that the first bytes are of."""
    prefix = file.read(16)
    file.seek(0)
    for kind in _READABLE:
        accepts = Image.OPEN[kind][1]
        if accepts is not None and accepts(prefix) is True:
            return kind
    reason = "not-an-image" if prefix else "empty"
    message = f"{name} is {'not one of ' + ', '.join(FORMATS) if prefix else 'empty'}"
    raise ImageError(reason, f"{message}; leave it out or convert it")


def _as_it_is(file: IO[bytes], name: str, max_pixels: int | None) -> Container:
    return Container(file)


def info_of(image: Image.Image, container: Container) -> ImageInfo:
    """What the header of an opened image says."""
    orientation = container.orientation
    if orientation is None:
        info = image.info
        blocks, packets = ([info[key]] if info.get(key) else [] for key in ("exif", "xmp"))
        orientation = stated_orientation(blocks, packets)
    stored = container.stored or Size(image.height, image.width)
    n_frames = container.n_frames
    return ImageInfo(
        size=Size(stored.width, stored.height) if orientation >= 5 else stored,
        stored=stored,
        format=str(image.format),
        mode=image.mode,
        orientation=orientation,
        jpeg_quality=jpeg_quality(image),
        n_frames=getattr(image, "n_frames", 1) if n_frames is None else n_frames,
        has_icc="icc_profile" in image.info or container.profile is not None,
    )


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
