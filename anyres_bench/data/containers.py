"""Image containers, walked before a library sees them: one reader of each fact, within a budget.

What a library would read twice, without a bound, or against the standard is read here, by the
structure of the file alone: no pixel is decoded, and nothing is believed that the file's own length
does not bear out.

    PNG    chunks of text are passed over, an EXIF block is found wherever it stands, an IDAT chunk
           has the checksum that it states; one whose pixels stop early is told
    JPEG   scans are counted, because each one goes over all pixels again
    GIF    frames are counted; where the first one lies is known
    WebP   where the first frame of an animation lies is known
    TIFF   see `anyres_bench.data.tiff`

The budget of one file is stated in `docs/security.md`.
"""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Box, Size

MAX_PIXELS = 89_478_485  # 256 MiB of RGB
LARGEST_PIXELS = 2 * MAX_PIXELS  # whatever is asked for
MAX_SCANS = 100  # of a JPEG; cameras and encoders write 1 to about 20
MAX_FRAMES = 65_535
MAX_PARTS = 1 << 18  # chunks, segments, strips or tiles of one file
MAX_PROFILE_BYTES = 16 << 20
SLOW_BYTES = 8 << 20  # of files whose decoder is not compiled

ORIENTATION_TAG = 0x0112
_ORIENTATIONS = range(1, 9)
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I"}  # EXIF type -> struct
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_XMP_KEYWORD, _RAW_EXIF = b"XML:com.adobe.xmp", b"Raw profile type exif"
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
# Chunks that say how IDAT becomes colours; of the others, Pillow needs to know nothing.
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"pHYs")
_PNG_OVERRULED = (b"gAMA", b"cHRM")  # by cICP
_PNG_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_PNG_SIGNATURE, _PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
# Passes of an interlaced PNG: first row and column, steps down and across.
# fmt: off
_ADAM7 = (
    (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4),
    (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1),
)
# fmt: on
_AVIF_HEAD = 1 << 16  # bytes in which an AVIF says what its colours are
_WIDE_PRIMARIES, _HDR_TRANSFERS = (9, 11, 12), (16, 17, 18)  # of H.273: BT.2020, P3; PQ, HLG
_SRGB_CICP = bytes((1, 13, 0, 1))
# In the data of a scan a marker is FF and neither 0, a restart marker, nor a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SOF = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive", 0xC9: "arithmetic"}
_SOF |= {0xCA: "progressive arithmetic"}
_PROGRESSIVE = (0xC2, 0xCA)
_OTHER_SOF = frozenset(range(0xC0, 0xD0)) - _SOF.keys() - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment


@dataclass(frozen=True)
class Container:
    """What the structure of a file says.

    Attributes:
        stream: what Pillow is to open: the file, or what of it concerns pixels.
        n_frames: frames or pages; None where Pillow counts them in no time.
        orientation: EXIF orientation; None where it is in a block that Pillow hands over.
        stored: height and width of what is stored, where Pillow's own are those shown.
        profile: a colour profile that Pillow finds too long.
        frame: where in the picture its first frame lies; None if it covers it.
        inverted: whether 0 is white in 16-bit samples.
    """

    stream: IO[bytes]
    n_frames: int | None = None
    orientation: int | None = None
    stored: Size | None = None
    profile: bytes | None = None
    frame: Box | None = None
    inverted: bool = False


def unsupported(name: str, what: str) -> ImageError:
    """The refusal of a layout that no decoder here is known to honour."""
    return ImageError(
        "unsupported-mode",
        f"{name} is {what}, which is not on the list of layouts that are decoded exactly "
        "(docs/layouts.md); convert it to 8-bit RGB",
    )


def over_budget(name: str, what: str) -> ImageError:
    """The refusal of a file that asks for more work than its pixels are worth."""
    return ImageError("too-costly", f"{name} has {what}; leave it out or write it anew")


def stated_orientation(blocks: Sequence[bytes], packets: Sequence[bytes]) -> int:
    """EXIF orientation, 1 to 8, of the first EXIF block, else of the first XMP packet, else 1."""
    for found in (
        _exif_orientation(blocks[0]) if blocks else None,
        _xmp_orientation(packets[0]) if packets else None,
    ):
        if found is not None:
            return found
    return 1


def _exif_orientation(block: bytes) -> int | None:
    """Orientation of an EXIF block, with or without its prefix; None where there is none.

    Only the first directory is looked at and nothing else of it is read: a block of 64 kB can name
    itself thousands of times.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    try:
        if order is None:
            return None
        [start] = struct.unpack_from(f"{order}I", block, 4)
        [n] = struct.unpack_from(f"{order}H", block, start)
        for place in range(start + 2, start + 2 + 12 * n, 12):
            tag, kind, count = struct.unpack_from(f"{order}HHI", block, place)
            if tag == ORIENTATION_TAG and kind in _WHOLE_NUMBERS and count == 1:
                [value] = struct.unpack_from(order + _WHOLE_NUMBERS[kind], block, place + 8)
                return int(value) if value in _ORIENTATIONS else 1
    except struct.error:
        return None
    return None


def _xmp_orientation(packet: bytes) -> int | None:
    found = _XMP_ORIENTATION.search(packet)
    return int(found[1]) if found and int(found[1]) in _ORIENTATIONS else None


# --- PNG


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    start: int  # of its data
    length: int


def check_size(size: Size, max_pixels: int, name: str) -> None:
    """Refuse an image of more pixels than a limit, which is never above `LARGEST_PIXELS`.

    Raises:
        ImageError: `too-large`.
    """
    if size.pixels > min(max_pixels, LARGEST_PIXELS):
        advice = (
            f"the limit here is {max_pixels}; larger ones are read from a dataset that was "
            "collected with --max-megapixels"
            if size.pixels <= LARGEST_PIXELS
            else f"more than {LARGEST_PIXELS} are never decoded; shrink it"
        )
        raise ImageError(
            "too-large", f"{name} is too large: {size} = {size.pixels} pixels; {advice}"
        )


def png(file: IO[bytes], name: str, max_pixels: int | None) -> Container:
    """A PNG without what concerns no pixel; if pixels are wanted, with those, which are checked.

    Raises:
        ImageError: `too-large`, `truncated`, `corrupt`, `too-costly` or `unsupported-mode`.
    """
    chunks = list(_chunks(file, name))
    first = next((i for i, chunk in enumerate(chunks) if chunk.kind == b"IDAT"), len(chunks))
    last = next((i for i in range(first, len(chunks)) if chunks[i].kind != b"IDAT"), len(chunks))
    pixels = chunks[first:last]
    if (n_profiles := sum(chunk.kind == b"iCCP" for chunk in chunks[:first])) > 1:
        raise unsupported(name, f"a PNG with {n_profiles} colour profiles")
    _check_kinds([chunk.kind for chunk in chunks], first, name)
    is_cicp = any(chunk.kind == b"cICP" for chunk in chunks[:first])
    kept = [kind for kind in _PNG_KEPT if not (is_cicp and kind in _PNG_OVERRULED)]
    head = [_PNG_SIGNATURE]
    profile = None
    for chunk in chunks[:first]:
        data = _raw(file, chunk)
        if chunk.kind == b"iCCP" and (profile := _long_profile(data[8:-4], name)):
            continue
        if chunk.kind == b"cICP" and data[8:-4] != _SRGB_CICP:
            raise unsupported(name, "a PNG whose cICP chunk states another colour space than sRGB")
        if chunk.kind in kept:
            head.append(data)
    header = _data(file, chunks[0]) if chunks else b""
    if pixels and len(header) == 13 and header[9] == 3:
        _check_palette(chunks[:first], name)
    if max_pixels is not None:
        if len(header) == 13:
            width, height = struct.unpack_from(">II", header)
            check_size(Size(height, width), max_pixels, name)
        if not any(_is_end(file, chunk) for chunk in chunks[last:]):
            raise ImageError("truncated", f"{name} is truncated: no IEND chunk; fetch it again")
        head += [_checked(file, chunk, name) for chunk in pixels]
        head.append(_PNG_END)
    elif pixels:
        head.append(struct.pack(">I", pixels[0].length) + b"IDAT")
    n_frames = _png_frames(file, chunks, first)
    orientation = _png_orientation(file, chunks)
    return Container(io.BytesIO(b"".join(head)), n_frames, orientation, profile=profile)


def is_whole_png(file: IO[bytes], name: str) -> bool:
    """Whether the pixels of a PNG unpack to as many bytes as its header asks for.

    Pillow takes it for the end of the picture when they stop at the end of a row.
    """
    header, *rest = _chunks(file, name)
    width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", _data(file, header))
    bits = depth * {2: 3, 4: 2, 6: 4}.get(kind, 1)
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    sizes = [(-(-(height - y) // dy), -(-(width - x) // dx)) for y, x, dy, dx in passes]
    missing: int = sum(h * (1 + -(-w * bits // 8)) for h, w in sizes if h > 0 and w > 0)
    machine = zlib.decompressobj()
    for chunk in rest:
        packed = _data(file, chunk) if chunk.kind == b"IDAT" else b""
        while packed and missing > 0:
            missing -= len(machine.decompress(packed, 1 << 20))
            packed = machine.unconsumed_tail
    return missing <= 0


def _chunks(file: IO[bytes], name: str) -> Iterator[_Chunk]:
    """All chunks that are there, the last one perhaps cut."""
    end, place = file.seek(0, os.SEEK_END), len(_PNG_SIGNATURE)
    for _ in range(MAX_PARTS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        yield _Chunk(kind, place + 8, min(length, end - place - 8))
        if kind == b"IEND":
            return
        place += 12 + length
    raise over_budget(name, f"more than {MAX_PARTS} chunks")


def _data(file: IO[bytes], chunk: _Chunk) -> bytes:
    file.seek(chunk.start)
    return file.read(chunk.length)


def _raw(file: IO[bytes], chunk: _Chunk) -> bytes:
    """A chunk with its length, its name and its checksum."""
    file.seek(chunk.start - 8)
    return file.read(chunk.length + 12)


def _checked(file: IO[bytes], chunk: _Chunk, name: str) -> bytes:
    raw = _raw(file, chunk)
    if len(raw) < 12 or struct.unpack(">I", raw[:4])[0] != len(raw) - 12:
        raise ImageError("truncated", f"{name} is truncated in its pixels; fetch it again")
    if zlib.crc32(raw[4:-4]) != struct.unpack(">I", raw[-4:])[0]:
        raise ImageError("corrupt", f"{name} is corrupt: a wrong checksum; fetch it again")
    return raw


def _long_profile(data: bytes, name: str) -> bytes | None:
    """The profile of an iCCP chunk that Pillow takes for an attack because of its length."""
    _, _, packed = data.partition(b"\0")
    machine = zlib.decompressobj()
    try:
        profile = machine.decompress(packed[1:], MAX_PROFILE_BYTES)
    except zlib.error:
        return None
    if machine.unconsumed_tail:
        raise over_budget(name, f"a colour profile of more than {MAX_PROFILE_BYTES} bytes")
    return profile if len(profile) > 1 << 20 else None


def _is_end(file: IO[bytes], chunk: _Chunk) -> bool:
    return chunk.kind == b"IEND" and len(_raw(file, chunk)) == 12


def _check_kinds(kinds: list[bytes], first: int, name: str) -> None:
    """Refuse what a decoder must know and does not, and what stands twice, as readers differ."""
    for kind in dict.fromkeys(kinds):
        if kind.isalpha() and kind[:1].isupper() and kind not in _PNG_CRITICAL:
            raise unsupported(name, f"a PNG with the critical chunk {kind.decode('latin-1')!r}")
    for kind in (b"IHDR", b"PLTE", b"tRNS"):
        if kinds[:first].count(kind) > 1:
            raise ImageError(
                "corrupt", f"{name} is corrupt: {kind.decode()} stands twice; write it anew"
            )


def _check_palette(chunks: list[_Chunk], name: str) -> None:
    if not any(chunk.kind == b"PLTE" for chunk in chunks):
        raise ImageError("corrupt", f"{name} is corrupt: indices without a palette; write it anew")


def _png_frames(file: IO[bytes], chunks: list[_Chunk], first: int) -> int:
    kinds = [chunk.kind for chunk in chunks[:first]]
    if b"acTL" not in kinds:
        return 1
    data = _data(file, chunks[kinds.index(b"acTL")])
    n = struct.unpack(">I", data[:4])[0] if len(data) == 8 else 1
    return max(1, n + (b"fcTL" not in kinds))  # without its own fcTL the picture is no frame


def _png_orientation(file: IO[bytes], chunks: list[_Chunk]) -> int:
    """From EXIF, wherever it stands, else from what tools that know no eXIf chunk write."""
    blocks = [_data(file, chunk) for chunk in chunks if chunk.kind == b"eXIf"][:1]
    # The first of each keyword counts, and no other is unpacked: 1 KiB of a file may become 1 MiB.
    texts: dict[bytes, _Chunk] = {}
    for chunk in chunks:
        if chunk.kind in _TEXT_CHUNKS:
            texts.setdefault(_keyword(file, chunk), chunk)
    if not blocks and _RAW_EXIF in texts:
        blocks = [_unhexed(_text(file, texts[_RAW_EXIF]))]
    packets = [_text(file, texts[_XMP_KEYWORD])] if _XMP_KEYWORD in texts else []
    return stated_orientation(blocks, packets)


def _keyword(file: IO[bytes], chunk: _Chunk) -> bytes:
    file.seek(chunk.start)
    return file.read(min(chunk.length, 80)).partition(b"\0")[0]


def _text(file: IO[bytes], chunk: _Chunk) -> bytes:
    """Content of a text chunk, unpacked up to a megabyte."""
    rest = _data(file, chunk).partition(b"\0")[2]
    packed = chunk.kind == b"zTXt" or (chunk.kind == b"iTXt" and rest[:1] == b"\1")
    if chunk.kind == b"iTXt":
        rest = (rest[2:].split(b"\0", 2) + [b""] * 2)[2]
    elif packed:
        rest = rest[1:]
    try:
        return zlib.decompressobj().decompress(rest, 1 << 20) if packed else rest
    except zlib.error:
        return b""


def _unhexed(text: bytes) -> bytes:
    """The block inside ImageMagick's `Raw profile type exif`."""
    try:
        return bytes.fromhex("".join(text.decode("latin-1").split("\n")[3:]))
    except ValueError:
        return b""


# --- JPEG


def jpeg(file: IO[bytes], name: str, max_pixels: int | None) -> Container:
    """A JPEG without its EXIF blocks; if pixels are wanted, its scans are counted.

    Raises:
        ImageError: `too-costly` or `unsupported-mode`.
    """
    data = file.read() if max_pixels is not None else _jpeg_head(file)
    kept, blocks, packets = [data[:2]], list[bytes](), list[bytes]()
    n_components, is_adobe, place = 0, False, 2
    components = b""  # of a progressive one
    for marker, start, stop in segments(data, 2, name):
        segment = data[start:stop]
        if marker == 0xDA:
            break
        place = stop
        if marker == 0xE1 and segment[4:10] == b"Exif\0\0":
            blocks.append(segment[10:])
            continue
        if marker == 0xE1 and segment[4:].startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            packets.append(segment)
        if marker in _SOF or marker in _OTHER_SOF:
            n_components = _check_frame(marker, segment, name)
            components = segment[10::3] if marker in _PROGRESSIVE else b""
        is_adobe |= marker == 0xEE and segment[4:9] == b"Adobe"
        kept.append(segment)
    if n_components == 4 and not is_adobe:
        raise unsupported(name, "a CMYK JPEG that does not say (by Adobe's marker) which way")
    # Of a sequential one whose first scan has all components no decoder reads another.
    if max_pixels is not None and (
        components or data[place + 4 : place + 5] != bytes((n_components,))
    ):
        _check_scans(data, place, components, name)
    orientation = stated_orientation([b"".join(blocks)], packets)  # a long block comes in parts
    stream = io.BytesIO(b"".join([*kept, data[place:]]))
    return Container(stream, orientation=orientation)


def _jpeg_head(file: IO[bytes]) -> bytes:
    """All up to the data of the first scan."""
    parts = [file.read(2)]
    for _ in range(MAX_PARTS):
        head = file.read(4)
        while head[:2] == b"\xff\xff":  # fill bytes
            head = head[1:] + file.read(1)
        if len(head) < 4 or head[0] != 0xFF:
            return b"".join([*parts, head])
        if head[1] in _ALONE:
            parts.append(head[:2])
            file.seek(-2, os.SEEK_CUR)
            continue
        parts += [head, file.read(max(0, struct.unpack(">H", head[2:])[0] - 2))]
        if head[1] == 0xDA:
            break
    return b"".join(parts)


def segments(data: bytes, place: int, name: str) -> Iterator[tuple[int, int, int]]:
    """(marker, start, stop) of each segment from `place` on; the data of scans are passed over."""
    for _ in range(MAX_PARTS):
        found = _MARKER.search(data, place)
        if found is None:
            return
        start, marker = found.start(), data[found.start() + 1]
        if marker == 0xD9:
            return
        if marker in _ALONE:
            place = start + 2
            continue
        place = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        yield marker, start, place
    raise over_budget(name, f"more than {MAX_PARTS} segments")


def _check_frame(marker: int, segment: bytes, name: str) -> int:
    """Number of components of the frame that a SOF segment describes."""
    if marker in _OTHER_SOF:
        raise unsupported(name, f"a JPEG of the process SOF{marker - 0xC0} (lossless or layered)")
    if len(segment) < 10:
        return 0
    precision, n_components = segment[4], segment[9]
    if precision != 8:
        raise unsupported(name, f"a JPEG of {precision} bits a sample")
    if n_components not in (1, 3, 4):
        raise unsupported(name, f"a JPEG of {n_components} components")
    return n_components


def jpeg_size(data: bytes, name: str) -> Size | None:
    """Height and width of the first frame; None where there is none."""
    for marker, start, _ in segments(data, 2, name):
        if marker in _SOF and start + 9 <= len(data):
            return Size(*struct.unpack_from(">HH", data, start + 5))
        if marker == 0xDA:
            break
    return None


def _check_scans(data: bytes, place: int, components: bytes, name: str) -> None:
    """Refuse too many scans, and too few of a progressive JPEG: what it lacks is detail.

    Raises:
        ImageError: `too-costly` or `truncated`.
    """
    found = segments(data, place, name)
    scans = [data[start + 4 : stop] for marker, start, stop in found if marker == 0xDA]
    if len(scans) > MAX_SCANS:
        raise over_budget(name, f"{len(scans)} scans, at most {MAX_SCANS} are decoded")
    missing = {component: set(range(64)) for component in components}  # whose last bit is to come
    for n, *values in scans if components else ():
        first, last, bits = values[2 * n : 2 * n + 3]
        for component in values[: 2 * n : 2]:
            if not bits & 15:
                missing[component] -= set(range(first, last + 1))
    if any(missing.values()):
        raise ImageError("truncated", f"{name} is truncated: scans are missing; fetch it again")


# --- GIF


def gif(file: IO[bytes], name: str, max_pixels: int | None) -> Container:
    """A GIF, its frames counted.

    Raises:
        ImageError: `too-costly` or `corrupt`.
    """
    head = file.read(13)
    if len(head) < 13:
        raise ImageError("truncated", f"{name} is truncated in its header; fetch it again")
    width, height, flags = struct.unpack_from("<HHB", head, 6)
    place = 13 + _table_bytes(flags)
    n_frames, frame, has_table = 0, None, bool(flags & 0x80)
    data = head + file.read()
    while place < len(data) and data[place] in b"!,":
        if data[place] == 0x2C:
            if place + 10 > len(data):
                break
            n_frames += 1
            if n_frames > MAX_FRAMES:
                raise over_budget(name, f"more than {MAX_FRAMES} frames")
            left, top, w, h, flags = struct.unpack_from("<HHHHB", data, place + 1)
            frame = frame or Box(top, left, h, w)
            if n_frames == 1 and not (has_table or flags & 0x80):
                raise ImageError("corrupt", f"{name} is corrupt: it has no table of colours")
            place += 11 + _table_bytes(flags)
        else:
            place += 2
        place = _after_blocks(data, place)
    part = frame and _part(frame, Size(height, width))
    return Container(io.BytesIO(data), max(1, n_frames), 1, frame=part)


def _part(frame: Box, canvas: Size) -> Box | None:
    """The first frame of an animation, unless it covers the canvas."""
    reaches = frame.bottom >= canvas.height and frame.right >= canvas.width
    return None if reaches and frame.top <= 0 and frame.left <= 0 else frame


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, place: int) -> int:
    """Where the chain of blocks that begins at `place` has ended."""
    while place < len(data) and data[place]:
        place += data[place] + 1
    return place + 1


# --- WebP


def webp(file: IO[bytes], name: str, max_pixels: int | None) -> Container:
    """A WebP; of an animation, where its first frame lies.

    Source: RFC 9649, sections 2.7.1.1 and 2.7.1.3: sides less one, and halves of places.
    """
    head = file.read(30)
    if len(head) < 30 or head[12:16] != b"VP8X" or not head[20] & 2:
        return Container(file)
    width, height = (1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
    place = 12
    for _ in range(MAX_PARTS):
        file.seek(place)
        chunk = file.read(20)
        if len(chunk) < 20:
            return Container(file)
        if chunk[:4] == b"ANMF":
            x, y, w, h = (int.from_bytes(chunk[at : at + 3], "little") for at in (8, 11, 14, 17))
            return Container(
                file, frame=_part(Box(2 * y, 2 * x, 1 + h, 1 + w), Size(height, width))
            )
        n_bytes = int.from_bytes(chunk[4:8], "little")
        place += 8 + n_bytes + n_bytes % 2
    raise over_budget(name, f"more than {MAX_PARTS} chunks before a picture")


# --- what is slow, or not in the standard


def ppm(file: IO[bytes], name: str, max_pixels: int | None) -> Container:
    """A PPM; those written as text, which are decoded slowly, up to `SLOW_BYTES`.

    Raises:
        ImageError: `too-costly` or `unsupported-mode`.
    """
    magic = file.read(2)
    if magic not in (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"):
        raise unsupported(name, f"a picture of the kind {magic!r}")
    _check_slow(file, name, "numbers as text", magic in (b"P1", b"P2", b"P3"))
    return Container(file, 1, 1)


def bmp(file: IO[bytes], name: str, max_pixels: int | None) -> Container:
    """A BMP; run-length coded ones, which are decoded slowly, up to `SLOW_BYTES`.

    Raises:
        ImageError: `too-costly` or `unsupported-mode`.
    """
    head = file.read(34)
    compression = struct.unpack_from("<I", head, 30)[0] if len(head) == 34 else 0
    is_long = len(head) == 34 and struct.unpack_from("<I", head, 14)[0] >= 40
    if is_long and compression not in (0, 1, 2, 3, 6):
        raise unsupported(name, f"a BMP of compression {compression}")
    _check_slow(file, name, "run-length coded pixels", is_long and compression in (1, 2))
    return Container(file, 1, 1)


def avif(file: IO[bytes], name: str, max_pixels: int | None) -> Container:
    """An AVIF whose numbers mean the colours of sRGB, or are said by a profile.

    Raises:
        ImageError: `unsupported-mode`.
    """
    head = file.read(_AVIF_HEAD)
    place = head.find(b"colrnclx")
    if place >= 0 and place + 12 <= len(head):
        primaries, transfer = struct.unpack_from(">HH", head, place + 8)
        if primaries in _WIDE_PRIMARIES or transfer in _HDR_TRANSFERS:
            raise unsupported(
                name, f"an AVIF of another colour space than sRGB (CICP {primaries}/{transfer})"
            )
    return Container(file)


def _check_slow(file: IO[bytes], name: str, what: str, is_slow: bool) -> None:
    n_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    if is_slow and n_bytes > SLOW_BYTES:
        raise over_budget(name, f"{n_bytes} bytes of {what}, at most {SLOW_BYTES} are decoded")


Walker = Callable[[IO[bytes], str, int | None], Container]
"""(file, what messages call it, most pixels that will be decoded or None if none will)."""
