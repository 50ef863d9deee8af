"""TIFF: which layouts are decoded, by the tags of the first page; pages are counted on the way.

TIFF is a way to describe pixels, and no reader honours all of it. What is not on the list here is
refused by name. Every entry of the list was compared with another decoder: `benchmarks/layouts.py`
writes `docs/layouts.md`.

Source: Adobe, TIFF Revision 6.0 (1992); supplements 1 (1995) and 2 (2002); BigTIFF (2004).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from PIL import Image, ImageFile, TiffImagePlugin

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.containers import (
    MAX_FRAMES,
    MAX_PARTS,
    MAX_SCANS,
    ORIENTATION_TAG,
    Container,
    jpeg_size,
    over_budget,
    stated_orientation,
    unsupported,
)

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_TYPE_BYTES |= {13: 4, 16: 8, 17: 8, 18: 8}
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_MAX_VALUES = 1024  # of a tag that is looked at; colour maps are longer and have their own bound
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_PHOTOMETRIC = {
    _WHITE_IS_ZERO: "white is zero",
    _BLACK_IS_ZERO: "black is zero",
    _RGB: "RGB",
    _PALETTE: "palette",
    4: "a mask",
    _CMYK: "CMYK",
    _YCBCR: "YCbCr",
    8: "CIE L*a*b*",
    32803: "camera raw",
    34892: "camera raw",
}
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
RAW, CCITT, LZW, JPEG, DEFLATE, PACKBITS, ZSTD = 1, (2, 3, 4), 5, 7, (8, 32946), 32773, 50000
_COMPRESSIONS = {RAW, *CCITT, LZW, JPEG, *DEFLATE, PACKBITS, ZSTD}
_PREDICTABLE = {LZW, *DEFLATE, ZSTD}
_UNSPECIFIED, _ASSOCIATED, _UNASSOCIATED = 0, 1, 2
_DNG_VERSION = 50706


@dataclass(frozen=True)
class TiffLayout:
    """How the first page says its samples are stored, with the standard's defaults."""

    photometric: int | None
    bits: tuple[int, ...]
    extra: tuple[int, ...]
    planar: int
    compression: int
    predictor: int
    fill_order: int
    is_tiled: bool
    is_big_endian: bool

    def row_bits(self, width: int) -> int:
        """Bits of a row of so many pixels, in one of the planes where each has its own."""
        return width * (self.bits[0] if self.planar == 2 else sum(self.bits))

    def problem(self) -> str | None:
        """In words, why this layout is not on the list; None if it is."""
        if self.photometric not in _COLOURS:
            kind = _PHOTOMETRIC.get(self.photometric or -1, str(self.photometric))
            return f"a TIFF of photometric interpretation {kind}"
        name, n = _PHOTOMETRIC[self.photometric], _COLOURS[self.photometric]
        depth = self.bits[0]
        if len(self.bits) != n + len(self.extra) and not (
            self.photometric == _RGB and len(self.bits) == 4 and not self.extra
        ):
            return f"a TIFF, {name}, of {len(self.bits)} samples a pixel"
        if len(set(self.bits)) > 1 or depth not in self._depths():
            return f"a TIFF, {name}, of {', '.join(map(str, self.bits))} bits"
        if self.photometric == _WHITE_IS_ZERO and depth == 16 and self.is_big_endian:
            return "a big-endian TIFF, white is zero, of 16 bits"
        if not self._extra_is_known(depth):
            return f"a TIFF, {name} of {depth} bits, with extra samples of kind {self.extra}"
        return self._storage_problem(name, depth)

    def _depths(self) -> tuple[int, ...]:
        if self.photometric in (_RGB, _CMYK):
            return (8, 16)
        return {_PALETTE: (1, 2, 4, 8), _YCBCR: (8,)}.get(self.photometric or 0, (1, 2, 4, 8, 16))

    def _extra_is_known(self, depth: int) -> bool:
        alpha = {(), (_UNSPECIFIED,), (_UNASSOCIATED,)}
        if self.photometric == _RGB:
            return self.extra in (alpha if depth == 16 else alpha | {(_ASSOCIATED,)})
        if self.photometric == _BLACK_IS_ZERO and depth == 8:
            return self.extra in alpha
        return self.extra == ()

    def _storage_problem(self, name: str, depth: int) -> str | None:
        compression, of = self.compression, f"a TIFF, {name} of {depth} bits,"
        if compression not in _COMPRESSIONS:
            return f"{of} of compression {compression}"
        if compression in CCITT and self.bits != (1,):
            return f"{of} of compression {compression}"
        if compression == JPEG and depth != 8:
            return f"{of} of compression {compression}"
        if self.photometric == _YCBCR and (compression != JPEG or self.planar != 1):
            return f"{of} that is not JPEG in one plane"
        if compression == JPEG and self.photometric not in (_BLACK_IS_ZERO, _RGB, _YCBCR):
            return f"{of} of compression {compression}"
        if self.planar not in (1, 2) or (self.planar == 2 and len(self.bits) > 1 and depth != 8):
            return f"{of} in planes of their own"
        if self.planar == 2 and (self.extra or (len(self.bits) > 1 and self.is_tiled)):
            return f"{of} in planes of their own, tiled or with extra samples"
        if self.predictor != 1 and not (
            self.predictor == 2 and compression in _PREDICTABLE and depth in (8, 16)
        ):
            return f"{of} of predictor {self.predictor} and compression {compression}"
        if self.fill_order != 1 and not (self.fill_order == 2 and self.bits == (1,)):
            return f"{of} of fill order {self.fill_order}"
        return None


def tiff(file: IO[bytes], name: str, max_pixels: int | None) -> Container:
    """A TIFF whose first page is of a listed layout, its pages counted.

    Raises:
        ImageError: `unsupported-mode`, `too-costly` or `corrupt`.
    """
    reader = _Reader(file, name)
    tags = reader.first
    layout = _layout(tags, reader.is_big_endian)
    if problem := _not_a_picture(tags) or layout.problem():
        raise unsupported(name, problem)
    n_parts = max(reader.count(273), reader.count(324))
    if n_parts > MAX_PARTS:
        raise over_budget(name, f"{n_parts} strips or tiles, at most {MAX_PARTS} are decoded")
    stored = Size(*(tags.get(tag, (0,))[0] for tag in (257, 256)))
    parts = _parts(tags, stored, len(layout.bits) if layout.planar == 2 else 1)
    reader.check_parts(parts)
    if layout.compression == RAW:
        reader.check_raw(parts, layout.row_bits(parts.size.width))
    if layout.compression == JPEG and max_pixels is not None:
        reader.check_jpegs(parts)
    if layout.photometric == _PALETTE:
        reader.check_palette()
    [orientation] = tags.get(ORIENTATION_TAG, (0,))[:1] or (0,)
    if orientation not in range(1, 9):
        orientation = stated_orientation([], [reader.data(700)])
    inverted = layout.photometric == _WHITE_IS_ZERO and layout.bits == (16,)
    return Container(file, reader.n_pages(), orientation, stored=stored, inverted=inverted)


def _layout(tags: Mapping[int, tuple[int, ...]], is_big_endian: bool) -> TiffLayout:
    def one(tag: int, default: int) -> int:
        return (tags.get(tag) or (default,))[0]

    photometric = tags.get(262)
    n_samples = one(277, 1)
    bits = tags.get(258) or (1,)
    bits = bits * n_samples if len(bits) == 1 else bits
    return TiffLayout(
        photometric=photometric[0] if photometric else None,
        bits=bits,
        extra=tags.get(338, ()),
        planar=one(284, 1),
        compression=one(259, 1),
        predictor=one(317, 1),
        fill_order=one(266, 1),
        is_tiled=324 in tags,
        is_big_endian=is_big_endian,
    )


def _not_a_picture(tags: Mapping[int, tuple[int, ...]]) -> str | None:
    def one(tag: int, default: int) -> int:
        return (tags.get(tag) or (default,))[0]

    if _DNG_VERSION in tags:
        return "a camera's raw file (DNG), whose first page is a thumbnail"
    if one(254, 0) & 0b101 or one(255, 1) in (2,):
        return "a TIFF whose first page is a thumbnail or a mask of another"
    if set(tags.get(339, (1,))) != {1}:
        return "a TIFF of signed or floating-point samples"
    if one(277, 1) > 8 or len(tags.get(258, ())) > 8:
        return "a TIFF of more than 8 samples a pixel"
    if one(332, 1) != 1:
        return "a TIFF of other inks than CMYK"
    if one(32997, 1) != 1:
        return "a TIFF of a volume"
    return None


@dataclass(frozen=True)
class _Parts:
    """The strips or tiles of the first page: how many down, across and in planes, and their sizes.

    Where a size is 0, they hold nothing.
    """

    n_down: int
    n_across: int
    n_planes: int
    size: Size
    last_height: int

    def __len__(self) -> int:
        return self.n_down * self.n_across * self.n_planes

    def height(self, i: int) -> int:
        """Rows of the picture in part i; of a tile, those beyond its edge too."""
        is_last = i // self.n_across % self.n_down == self.n_down - 1
        return self.last_height if is_last else self.size.height


def _parts(tags: Mapping[int, tuple[int, ...]], stored: Size, n_planes: int) -> _Parts:
    def one(tag: int, default: int) -> int:
        return (tags.get(tag) or (default,))[0]

    is_tiled = 322 in tags
    size = (
        Size(one(323, 0), one(322, 0)) if is_tiled else Size(one(278, stored.height), stored.width)
    )
    if not size.pixels:
        return _Parts(0, 0, 0, size, 0)
    n_down, n_across = (-(-whole // part) for whole, part in zip(stored, size, strict=True))
    last = size.height if is_tiled else stored.height - (n_down - 1) * size.height
    return _Parts(n_down, n_across, n_planes, size, last)


class _Reader:
    """Directories of a TIFF, each looked at once; no value is believed to be longer than the file.

    Args:
        file: the TIFF.
        name: what messages call it.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name = file, name
        self._end = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(16)
        self._order = {b"I": "<", b"M": ">"}.get(head[:1], "<")
        self._big = len(head) == 16 and self._unpack("H", head[2:4]) == 43
        if self._big and self._order == ">":
            raise unsupported(name, "a big-endian BigTIFF")
        self._start = self._unpack("Q", head[8:16]) if self._big else self._unpack("I", head[4:8])
        self._entries, self._next = self._directory(self._start)
        self.first = {tag: values for tag in self._entries if (values := self._values(tag))}

    @property
    def is_big_endian(self) -> bool:
        """Whether the most significant byte of a number comes first."""
        return self._order == ">"

    def count(self, tag: int) -> int:
        """How many values a tag has."""
        return self._entries[tag][1] if tag in self._entries else 0

    def n_pages(self) -> int:
        """Length of the chain of directories, of which all but the first are only counted."""
        seen, place = {self._start}, self._next
        while place and place not in seen:
            if len(seen) >= MAX_FRAMES:
                raise over_budget(self._name, f"more than {MAX_FRAMES} pages")
            seen.add(place)
            place = self._after(place)
        return len(seen)

    def data(self, tag: int) -> bytes:
        """The bytes of a tag; none where it is absent."""
        if tag not in self._entries:
            return b""
        kind, count, place = self._entries[tag]
        self._file.seek(place)
        return self._file.read(count * _TYPE_BYTES.get(kind, 1))

    def check_parts(self, parts: _Parts) -> None:
        """Refuse a picture of which strips or tiles are missing: those rows would be black.

        Raises:
            ImageError: `corrupt` or `unsupported-mode`.
        """
        offsets = self._offsets()
        if not len(parts):
            raise self._corrupt("strips or tiles without an extent")
        if len(offsets) < len(parts):
            raise self._corrupt(f"{len(offsets)} strips or tiles where its size needs {len(parts)}")
        if 0 in offsets[: len(parts)]:
            raise unsupported(self._name, "a sparse TIFF, some of whose pixels are not stored")

    def check_raw(self, parts: _Parts, row_bits: int) -> None:
        """Refuse a strip of fewer bytes than its rows have: what lies behind it would be pixels.

        A length of 0 says nothing, and is read over, as by other readers.

        Raises:
            ImageError: `corrupt`.
        """
        for i, length in enumerate(self._lengths()[: len(parts)]):
            if 0 < length < (needed := parts.height(i) * -(-row_bits // 8)):
                raise self._corrupt(
                    f"strip or tile {i} has {length} of the {needed} bytes of its rows"
                )

    def check_jpegs(self, parts: _Parts) -> None:
        """Refuse JPEG strips of many scans, and such as are smaller than what they should fill.

        Raises:
            ImageError: `too-costly` or `corrupt`.
        """
        places = zip(self._offsets(), self._lengths(), strict=False)
        for i, (offset, length) in enumerate(places):
            self._file.seek(offset)
            data = self._file.read(min(length, self._end))
            n = data.count(b"\xff\xda")
            if n > MAX_SCANS:
                raise over_budget(self._name, f"{n} scans, at most {MAX_SCANS} are decoded")
            size = jpeg_size(data, self._name)
            if (
                i < len(parts)
                and size
                and not (size.height >= parts.height(i) and size.width >= parts.size.width)
            ):
                raise self._corrupt(f"strip or tile {i} holds {size} pixels")

    def _offsets(self) -> tuple[int, ...]:
        return self._numbers(273) or self._numbers(324)

    def _lengths(self) -> tuple[int, ...]:
        return self._numbers(279) or self._numbers(325)

    def check_palette(self) -> None:
        """Refuse a table of colours that holds 8-bit numbers, which would look black.

        Raises:
            ImageError: `unsupported-mode`.
        """
        levels = self._numbers(320)
        if levels and 0 < max(levels) < 256:
            raise unsupported(self._name, "a TIFF whose palette has 8 bits in place of 16")

    def _numbers(self, tag: int) -> tuple[int, ...]:
        kind, count, _ = self._entries.get(tag, (0, 0, 0))
        if kind not in _WHOLE_NUMBERS:
            return ()
        data = self.data(tag)
        count = min(count, len(data) // _TYPE_BYTES[kind])
        return struct.unpack_from(f"{self._order}{count}{_WHOLE_NUMBERS[kind]}", data)

    def _values(self, tag: int) -> tuple[int, ...]:
        return self._numbers(tag) if self._entries[tag][1] <= _MAX_VALUES else ()

    def _directory(self, place: int) -> tuple[dict[int, tuple[int, int, int]], int]:
        """Tag -> (type, count, where its values are) of a directory, and where the next one is."""
        head, entry, wide = (8, 20, "Q") if self._big else (2, 12, "I")
        n = self._unpack(wide if self._big else "H", self._read(place, head))
        if n * entry > self._end:
            raise self._corrupt("a directory longer than the file")
        body = self._read(place + head, n * entry)
        entries: dict[int, tuple[int, int, int]] = {}
        n_bytes, inline = 0, 8 if self._big else 4
        for i in range(n):
            tag, kind, count = struct.unpack_from(f"{self._order}HH{wide}", body, i * entry)
            size = count * _TYPE_BYTES.get(kind, 1)
            where = place + head + (i + 1) * entry - inline
            if size > inline:
                n_bytes += size
                where = self._unpack(wide, body[(i + 1) * entry - inline : (i + 1) * entry])
            if tag in entries:
                raise self._corrupt(f"tag {tag} stands twice, and readers differ in which counts")
            entries[tag] = (kind, count, where)
        if n_bytes > self._end:
            raise self._corrupt("tags of more bytes than the file has")
        return entries, self._after(place)

    def _after(self, place: int) -> int:
        """Where the directory after that at `place` is; 0 where there is none."""
        head, entry, link = (8, 20, "Q") if self._big else (2, 12, "I")
        if place + head > self._end:
            return 0
        n = self._unpack("Q" if self._big else "H", self._read(place, head))
        where = place + head + n * entry
        size = struct.calcsize(link)
        return self._unpack(link, self._read(where, size)) if where + size <= self._end else 0

    def _read(self, place: int, n: int) -> bytes:
        self._file.seek(place)
        data = self._file.read(n)
        if len(data) < n:
            raise ImageError("truncated", f"{self._name} is truncated; fetch it again")
        return data

    def _unpack(self, form: str, data: bytes) -> int:
        if len(data) < struct.calcsize(form):
            raise ImageError("truncated", f"{self._name} is truncated; fetch it again")
        return int(struct.unpack(self._order + form, data)[0])

    def _corrupt(self, what: str) -> ImageError:
        return ImageError("corrupt", f"{self._name} is corrupt: {what}; write it anew")


class TiffFile(TiffImagePlugin.TiffImageFile):
    """Pillow's reader, less what it does after the pixels: it is turned by us, as all others."""

    def load_prepare(self) -> None:
        if self._im is None:
            size = getattr(self, "_tile_size", self.size)
            self.im = Image.new(self.mode, size).im
        ImageFile.ImageFile.load_prepare(self)

    def load_end(self) -> None:
        """Not Pillow's, which reads every directory again and turns the image."""
        self._size = self.im.size
