"""Which layouts of image files are decoded, held against other decoders: writes docs/layouts.md.

    python -m benchmarks.layouts [--out docs/layouts.md]

Each row is one layout: a file is made of known samples, decoded by `anyres_bench.data.pixels`, and
compared with what another decoder says of the same bytes (or, where there is none that knows the
layout, with the samples themselves), turned into 8-bit RGB by the plain arithmetic of this file.
`refused` are layouts that no decoder here honours: they must be refused, never decoded otherwise.
"""

from __future__ import annotations

import argparse
import io
import itertools
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import png
import tifffile
from numpy.typing import NDArray
from PIL import Image

from anyres_bench.core.errors import ImageError
from anyres_bench.data.pixels import decode

Samples = NDArray[Any]
HEIGHT, WIDTH = 37, 45
LOSSY = 2  # levels between two implementations of one lossy format
TWICE = 1.5  # levels where a result is rounded on its way: opacity, inks
DEEP_AVIF = 3  # libavif cuts the low bits before it turns YUV into RGB


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes:
        group: its format.
        layout: what is peculiar about it.
        data: the file.
        expected: (h, w, 3) levels; None where the layout is to be refused.
        by: who says so.
        tolerance: levels.
    """

    group: str
    layout: str
    data: bytes
    expected: Samples | None
    by: str
    tolerance: float = 1.0


def samples(n_channels: int, bits: int, seed: int = 0) -> Samples:
    """Smooth colours with noise, (h, w, n) of `bits` bits."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [np.sin(x / (5 + k) + k) * np.cos(y / (7 - k / 2)) for k in range(n_channels)]
    smooth = np.stack(waves, axis=2) * 0.45 + 0.5
    noise = np.random.default_rng(seed).normal(0, 0.03, smooth.shape)
    levels = np.rint(np.clip(smooth + noise, 0, 1) * (2**bits - 1))
    return levels.astype(np.uint16 if bits > 8 else np.uint8)


def over_white(colours: Samples, opacity: Samples | None) -> Samples:
    """Colours in [0, 1], (h, w, 1 or 3), over white: (h, w, 3) levels 0 to 255."""
    colours = np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else colours
    if opacity is not None:
        colours = colours * opacity + 1 - opacity
    return np.asarray(colours * 255)


def coloured(values: Samples, bits: int, n_colours: int, inverted: bool = False) -> Samples:
    """Levels of (h, w, n) samples whose channels behind the colours are an opacity."""
    scaled = values.astype(np.float64) / (2**bits - 1)
    colours, opacity = scaled[..., :n_colours], scaled[..., n_colours : n_colours + 1]
    return over_white(1 - colours if inverted else colours, opacity if opacity.size else None)


def inked(values: Samples, bits: int) -> Samples:
    """Levels of (h, w, 4) CMYK samples by the plain formula."""
    inks = values.astype(np.float64) / (2**bits - 1)
    return np.asarray((1 - inks[..., :3]) * (1 - inks[..., 3:]) * 255)


# --- PNG


def png_cases() -> Iterator[Case]:
    """Every colour type, depth and interlacing of the standard, with and without tRNS."""
    depths = {"grey": (1, 2, 4, 8, 16), "rgb": (8, 16), "grey+alpha": (8, 16), "rgb+alpha": (8, 16)}
    for kind, interlaced in itertools.product(depths, (False, True)):
        for bits in depths[kind]:
            keyed = (False,) if "alpha" in kind else (False, True)
            for key in keyed:
                yield _png_case(kind, bits, interlaced, key)
    for bits, interlaced, clear in itertools.product((1, 2, 4, 8), (False, True), (False, True)):
        yield _palette_case(bits, interlaced, clear)


def _png_case(kind: str, bits: int, interlaced: bool, key: bool) -> Case:
    n = {"grey": 1, "rgb": 3, "grey+alpha": 2, "rgb+alpha": 4}[kind]
    n_colours = 1 if kind.startswith("grey") else 3
    values = samples(n, bits)
    clear = tuple(int(v) for v in values[5, 6]) if key else None
    writer = png.Writer(
        WIDTH,
        HEIGHT,
        greyscale=n_colours == 1,
        alpha="alpha" in kind,
        bitdepth=bits,
        interlace=interlaced,
        transparent=clear[0] if clear and n_colours == 1 else clear,
    )
    data = _pypng(writer, values)
    _, _, rows, info = png.Reader(bytes=data).read()
    read = np.vstack([np.asarray(row) for row in rows]).reshape(HEIGHT, WIDTH, n)
    levels = coloured(read, info["bitdepth"], n_colours)
    if key:
        levels[(read == np.asarray(clear)).all(axis=2)] = 255
    return Case(
        "PNG", _words(kind, bits, interlaced, "tRNS" if key else ""), data, levels, "pypng", TWICE
    )


def _palette_case(bits: int, interlaced: bool, clear: bool) -> Case:
    values = samples(1, bits)
    table = np.random.default_rng(bits).integers(0, 256, (2**bits, 4))
    table[:, 3] = np.where(np.arange(2**bits) % 3 == 0, table[:, 3], 255)
    palette = [tuple(int(v) for v in row[: 4 if clear else 3]) for row in table]
    writer = png.Writer(WIDTH, HEIGHT, palette=palette, bitdepth=bits, interlace=interlaced)
    data = _pypng(writer, values)
    width, height, rows, _ = png.Reader(bytes=data).asDirect()
    read = np.vstack([np.asarray(row) for row in rows]).reshape(height, width, -1)
    return Case(
        "PNG",
        _words("palette", bits, interlaced, "tRNS" if clear else ""),
        data,
        coloured(read, 8, 3),
        "pypng",
    )


def _pypng(writer: png.Writer, values: Samples) -> bytes:
    file = io.BytesIO()
    writer.write(file, values.reshape(HEIGHT, -1).tolist())
    return file.getvalue()


def _words(kind: str, bits: int, interlaced: bool, more: str) -> str:
    return ", ".join(filter(None, [kind, f"{bits} bit", "Adam7" if interlaced else "", more]))


# --- TIFF

COMPRESSIONS = ("none", "lzw", "adobe_deflate", "packbits", "zstd", "lzma", "webp", "jpeg")


def tiff_cases(compressions: Sequence[str] = COMPRESSIONS) -> Iterator[Case]:
    """Interpretation x bits x extra samples x planes x compression x predictor x tiles x order."""
    kinds = [("minisblack", 1, b) for b in (1, 8, 16)] + [("miniswhite", 1, b) for b in (1, 8, 16)]
    kinds += [("rgb", 3, b) for b in (8, 16)] + [("separated", 4, b) for b in (8, 16)]
    kinds += [("palette", 1, 8)]
    for (kind, n, bits), compression in itertools.product(kinds, compressions):
        for planar, tiled, order, predictor in itertools.product(
            ("contig", "separate") if n > 1 else ("contig",), (False, True), "<>", (False, True)
        ):
            yield from _tiff_case(
                Shape(kind, n, bits, (), planar, compression, tiled, order, predictor)
            )
    extras: tuple[tuple[int, ...], ...] = ((0,), (1,), (2,))
    for extra, bits, compression, order in itertools.product(
        extras, (8, 16), ("none", "lzw"), "<>"
    ):
        for kind, n in (("rgb", 3), ("minisblack", 1), ("separated", 4)):
            for planar in ("contig", "separate"):
                yield from _tiff_case(
                    Shape(kind, n, bits, extra, planar, compression, False, order, False)
                )
    yield from _odd_tiffs()
    yield from _bilevel_tiffs()


@dataclass(frozen=True)
class Shape:
    """The layout of a TIFF that tifffile writes."""

    kind: str
    n: int
    bits: int
    extra: tuple[int, ...]
    planar: str
    compression: str
    tiled: bool
    order: str
    predictor: bool

    def __str__(self) -> str:
        parts = [self.kind, f"{self.bits} bit", self.compression]
        parts += [f"extra {self.extra}"] if self.extra else []
        parts += ["planar"] if self.planar == "separate" else []
        parts += ["tiled"] if self.tiled else []
        parts += ["predictor 2"] if self.predictor else []
        return ", ".join([*parts, "big-endian" if self.order == ">" else "little-endian"])


def _tiff_case(shape: Shape) -> Iterator[Case]:
    n = shape.n + len(shape.extra)
    values = samples(n, shape.bits)
    if shape.extra == (1,):  # colours are stored times their opacity
        opacity = values[..., -1:].astype(np.float64) / (2**shape.bits - 1)
        values[..., :-1] = np.rint(values[..., :-1] * opacity).astype(values.dtype)
    stored = values[..., 0] if n == 1 else values
    stored = stored.astype(bool) if shape.bits == 1 else stored
    stored = stored if shape.planar == "contig" or n == 1 else np.moveaxis(stored, 2, 0)
    options: dict[str, Any] = {
        "photometric": shape.kind,
        "byteorder": shape.order,
        "compression": None if shape.compression == "none" else shape.compression,
        "tile": (16, 32) if shape.tiled else None,
        "rowsperstrip": None if shape.tiled else 8,
        "predictor": shape.predictor,
        "metadata": None,
    }
    if shape.kind == "palette":
        table = np.random.default_rng(1).integers(0, 65536, (3, 256), dtype=np.uint16)
        options["colormap"] = table
    if n > 1:
        options["planarconfig"] = shape.planar
    if shape.extra:
        options["extrasamples"] = [tifffile.EXTRASAMPLE(shape.extra[0])]
    file = io.BytesIO()
    try:
        tifffile.imwrite(file, stored, **options)
        read = tifffile.imread(io.BytesIO(file.getvalue()))
    except (ValueError, TypeError, NotImplementedError, KeyError, RuntimeError):
        return  # no such file can be made, as JPEG of 16 bits
    read = read.reshape(n, HEIGHT, WIDTH).transpose(1, 2, 0) if shape.planar != "contig" else read
    read = read.reshape(HEIGHT, WIDTH, n)
    lossy = shape.compression in ("jpeg", "webp")
    expected = _tiff_levels(shape, read, options.get("colormap"))
    yield Case("TIFF", str(shape), file.getvalue(), expected, "tifffile", LOSSY if lossy else TWICE)


def _tiff_levels(shape: Shape, read: Samples, table: Samples | None) -> Samples:
    if shape.kind == "palette":
        assert table is not None
        return np.asarray(table[:, read[..., 0]].transpose(1, 2, 0) / 257)
    if shape.kind == "separated":
        return inked(read[..., :4], shape.bits)
    if shape.extra == (0,):
        read = read[..., : shape.n]
    if shape.extra == (1,):
        scaled = read.astype(np.float64) / (2**shape.bits - 1)
        colours = scaled[..., :-1] + 1 - scaled[..., -1:]
        return over_white(colours, None)
    return coloured(read, shape.bits, shape.n, inverted=shape.kind == "miniswhite")


def _bilevel_tiffs() -> Iterator[Case]:
    """CCITT compression, written by libtiff and read by tifffile's own codecs."""
    picture = Image.fromarray(samples(1, 8)[..., 0] > 127)
    for compression in ("group3", "group4", "tiff_ccitt"):
        file = io.BytesIO()
        picture.save(file, "TIFF", compression=compression)
        read = tifffile.imread(io.BytesIO(file.getvalue())).astype(np.uint8)
        with tifffile.TiffFile(io.BytesIO(file.getvalue())) as parsed:
            white = parsed.pages[0].photometric == tifffile.PHOTOMETRIC.MINISWHITE
        levels = coloured(read[..., None], 1, 1, inverted=white)
        yield Case("TIFF", f"1 bit, {compression}", file.getvalue(), levels, "tifffile")


def _odd_tiffs() -> Iterator[Case]:
    """What has no verified reading."""
    for name, values, options in (
        ("32 bit unsigned", samples(1, 16)[..., 0].astype(np.uint32), {}),
        ("32 bit float", samples(1, 8)[..., 0].astype(np.float32), {}),
        ("16 bit signed", samples(1, 8)[..., 0].astype(np.int16), {}),
        ("8 bit signed", (samples(1, 8)[..., 0] // 2).astype(np.int8), {}),
        ("CIE L*a*b*", samples(3, 8), {"photometric": "cielab"}),
        ("a thumbnail first", samples(3, 8), {"photometric": "rgb", "subfiletype": 1}),
        ("RGB and two more", samples(5, 8), {"photometric": "rgb", "extrasamples": [2, 0]}),
        ("camera raw", samples(1, 16)[..., 0], {"photometric": "cfa"}),
    ):
        file = io.BytesIO()
        tifffile.imwrite(file, values, metadata=None, **options)
        yield Case("TIFF", name, file.getvalue(), None, "")


# --- JPEG, WebP, AVIF


def jpeg_cases() -> Iterator[Case]:
    """Colour spaces, samplings and processes that libjpeg writes."""
    for n, kinds in ((1, ("L",)), (3, ("RGB",)), (4, ("CMYK",))):
        for mode, sampling, progressive in itertools.product(kinds, (0, 1, 2), (False, True)):
            picture = _pillow(samples(n, 8), mode)
            file = io.BytesIO()
            picture.save(file, "JPEG", quality=92, subsampling=sampling, progressive=progressive)
            read = imagecodecs.jpeg8_decode(file.getvalue())
            read = read.reshape(HEIGHT, WIDTH, n)
            # Adobe's marker: inks are stored inverted
            levels = inked(255 - read, 8) if n == 4 else coloured(read, 8, n)
            name = f"{mode}, {('4:4:4', '4:2:2', '4:2:0')[sampling]}"
            name += ", progressive" if progressive else ""
            yield Case("JPEG", name, file.getvalue(), levels, "imagecodecs (libjpeg)", LOSSY)
    file = io.BytesIO()
    _pillow(samples(3, 8), "RGB").save(file, "JPEG", keep_rgb=True, quality=92)
    read = imagecodecs.jpeg8_decode(file.getvalue())
    yield Case("JPEG", "RGB without YCbCr", file.getvalue(), read, "imagecodecs (libjpeg)", LOSSY)
    plain = io.BytesIO()
    _pillow(samples(4, 8), "CMYK").save(plain, "JPEG", quality=92)
    yield Case("JPEG", "CMYK without Adobe's marker", without_adobe(plain.getvalue()), None, "")
    for bits in (12, 16):
        deep = imagecodecs.ljpeg_encode(samples(1, 16)[..., 0] >> (16 - bits), bitspersample=bits)
        yield Case("JPEG", f"lossless, {bits} bit", bytes(deep), None, "")


def without_adobe(data: bytes) -> bytes:
    """A JPEG without its APP14 segment."""
    start = data.index(b"\xff\xee")
    return data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4], "big") :]


def web_cases() -> Iterator[Case]:
    """WebP and AVIF: with and without loss and alpha."""
    for n, lossless in itertools.product((3, 4), (True, False)):
        values = samples(n, 8)
        data = bytes(imagecodecs.webp_encode(values, level=90, lossless=lossless))
        read = imagecodecs.webp_decode(data).reshape(HEIGHT, WIDTH, -1)
        name = f"{'RGBA' if n == 4 else 'RGB'}, {'lossless' if lossless else 'lossy'}"
        yield Case("WEBP", name, data, coloured(read, 8, 3), "imagecodecs (libwebp)", LOSSY)
    for n, bits in itertools.product((3, 4), (8, 10, 12)):
        values = samples(n, bits)
        data = bytes(imagecodecs.avif_encode(values, level=95, speed=9, bitspersample=bits))
        read = imagecodecs.avif_decode(data)
        name = f"{'RGBA' if n == 4 else 'RGB'}, {bits} bit"
        off = LOSSY if bits == 8 else DEEP_AVIF
        yield Case("AVIF", name, data, coloured(read, bits, 3), "imagecodecs (libavif)", off)


def wide_cases() -> Iterator[Case]:
    """AVIF whose numbers mean other colours than sRGB's."""
    for name, primaries, transfer in (("BT.2020, PQ", 9, 16), ("Display P3", 12, 13)):
        data = bytes(
            imagecodecs.avif_encode(samples(3, 8), primaries=primaries, transfer=transfer, speed=9)
        )
        yield Case("AVIF", name, data, None, "")


def _pillow(values: Samples, mode: str) -> Image.Image:
    height, width = values.shape[:2]
    return Image.frombytes(mode, (width, height), np.ascontiguousarray(values).tobytes())


# --- GIF, BMP, PPM: the files are made here, from samples that are known


def gif_cases() -> Iterator[Case]:
    """Interlaced or not, transparent or not, and first frames that leave some of the screen."""
    indices = samples(1, 6)[..., 0]
    table = np.random.default_rng(3).integers(0, 256, (64, 3)).astype(np.uint8)
    picture = Image.fromarray(indices, "P")
    picture.putpalette(table.tobytes())
    for interlace, clear in itertools.product((0, 1), (None, 9)):
        file = io.BytesIO()
        options = {} if clear is None else {"transparency": clear}
        picture.save(file, "GIF", interlace=interlace, optimize=False, **options)
        levels = table[indices].astype(np.float64)
        levels[indices == (-1 if clear is None else clear)] = 255
        name = f"{'interlaced' if interlace else 'plain'}{', transparent' if clear else ''}"
        yield Case("GIF", name, file.getvalue(), levels, "the samples")
        moved = moved_frame(file.getvalue(), 5, 4)
        around = np.full((HEIGHT + 9, WIDTH + 9, 3), 255.0)
        around[4 : 4 + HEIGHT, 5 : 5 + WIDTH] = levels
        yield Case("GIF", f"{name}, first frame inside a screen", moved, around, "the samples")


def moved_frame(data: bytes, left: int, top: int) -> bytes:
    """A GIF whose screen is 9 px larger each way, its first frame moved."""
    screen = bytearray(data)
    width, height = struct.unpack_from("<HH", data, 6)
    struct.pack_into("<HH", screen, 6, width + 9, height + 9)
    place = 13 + (3 << ((data[10] & 7) + 1))
    while screen[place] == 0x21:
        place += 2
        while screen[place]:
            place += screen[place] + 1
        place += 1
    struct.pack_into("<HH", screen, place + 1, left, top)
    return bytes(screen)


def bmp_cases() -> Iterator[Case]:
    """Palettes, bit fields, row orders."""
    rgb = samples(3, 8)
    for top_down in (False, True):
        for bits in (1, 4, 8):
            yield _indexed_bmp(bits, top_down)
        rows = [row[:, ::-1].tobytes() for row in rgb]
        yield _bmp(24, rows, top_down, rgb.astype(float), "24 bit")
        four = np.dstack([rgb[..., ::-1], samples(1, 8, 5)])
        yield _bmp(32, [r.tobytes() for r in four], top_down, rgb.astype(float), "32 bit")
    yield from _odd_bmps(rgb)
    for name, masks in (("5-5-5", (0x7C00, 0x3E0, 0x1F)), ("5-6-5", (0xF800, 0x7E0, 0x1F))):
        words, levels = _packed(rgb, masks)
        rows = [row.astype("<u2").tobytes() for row in words]
        yield _bmp(16, rows, False, levels, f"16 bit {name}", masks)


def _odd_bmps(rgb: Samples) -> Iterator[Case]:
    """OS/2's short header, run lengths, and an opacity by a mask."""
    rows = [row[:, ::-1].tobytes() + bytes(-3 * WIDTH % 4) for row in rgb[::-1]]
    head = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
    data = b"BM" + struct.pack("<IHHI", 26 + len(b"".join(rows)), 0, 0, 26) + head + b"".join(rows)
    yield Case("BMP", "24 bit, OS/2", data, rgb.astype(float), "the samples")
    indices = samples(1, 8)[..., 0]
    table = np.random.default_rng(8).integers(0, 256, (256, 3)).astype(np.uint8)
    runs = b"".join(b"".join(bytes((1, int(v))) for v in row) + b"\0\0" for row in indices[::-1])
    colours = b"".join(bytes(row[::-1]) + b"\0" for row in table)
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(runs) + 2, 0, 0, 256, 0)
    start = 14 + len(head) + len(colours)
    data = b"BM" + struct.pack("<IHHI", start + len(runs) + 2, 0, 0, start) + head + colours
    levels = table[indices].astype(float)
    yield Case("BMP", "palette, 8 bit, run-length", data + runs + b"\0\1", levels, "the samples")
    four = np.dstack([rgb[..., ::-1], samples(1, 8, 5)])
    body = b"".join(row.tobytes() for row in four[::-1])
    head = struct.pack("<IiiHHIIiiII", 108, WIDTH, HEIGHT, 1, 32, 3, len(body), 0, 0, 0, 0)
    head += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    data = b"BM" + struct.pack("<IHHI", 14 + len(head) + len(body), 0, 0, 14 + len(head)) + head
    levels = coloured(np.dstack([rgb, four[..., 3:]]), 8, 3)
    yield Case("BMP", "32 bit, with opacity", data + body, levels, "the samples")


def _packed(rgb: Samples, masks: tuple[int, ...]) -> tuple[Samples, Samples]:
    words = np.zeros(rgb.shape[:2], np.uint16)
    levels = np.zeros(rgb.shape)
    for channel, mask in enumerate(masks):
        width, shift = bin(mask).count("1"), (mask & -mask).bit_length() - 1
        values = rgb[..., channel] >> (8 - width)
        words |= (values.astype(np.uint16) << shift).astype(np.uint16)
        levels[..., channel] = values / (2**width - 1) * 255
    return words, levels


def _indexed_bmp(bits: int, top_down: bool) -> Case:
    indices = samples(1, bits)[..., 0]
    table = np.random.default_rng(bits).integers(0, 256, (2**bits, 3)).astype(np.uint8)
    per_byte = 8 // bits
    wide = np.pad(indices, ((0, 0), (0, -WIDTH % per_byte)))
    shifts = np.arange(per_byte)[::-1] * bits
    packed = (wide.reshape(HEIGHT, -1, per_byte) << shifts).sum(axis=2).astype(np.uint8)
    rows = [row.tobytes() for row in packed]
    name, quads = f"palette, {bits} bit", np.dstack([table[:, ::-1].reshape(1, -1, 3)])[0]
    colours = b"".join(bytes(quad) + b"\0" for quad in quads)
    return _bmp(bits, rows, top_down, table[indices].astype(float), name, table=colours)


def _bmp(
    bits: int,
    rows: list[bytes],
    top_down: bool,
    levels: Samples,
    name: str,
    masks: tuple[int, ...] = (),
    table: bytes = b"",
) -> Case:
    padded = [row + bytes(-len(row) % 4) for row in rows]
    body = b"".join(padded if top_down else padded[::-1])
    extra = struct.pack(f"<{len(masks)}I", *masks) + table
    height = -HEIGHT if top_down else HEIGHT
    header = struct.pack(
        "<IiiHHIIiiII", 40, WIDTH, height, 1, bits, 3 if masks else 0, len(body), 0, 0, 0, 0
    )
    start = 14 + len(header) + len(extra)
    data = b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + extra + body
    name += ", top-down" if top_down else ""
    return Case("BMP", name, data, levels, "the samples")


def ppm_cases() -> Iterator[Case]:
    """All six kinds, and whites that are neither 255 nor 65535."""
    bits = samples(1, 1)[..., 0]
    yield Case("PPM", "P4", _pnm("P4", None, np.packbits(bits, axis=1)), _bilevel(bits), "samples")
    text = b"P1\n%d %d\n" % (WIDTH, HEIGHT) + " ".join(map(str, bits.ravel())).encode()
    yield Case("PPM", "P1", text, _bilevel(bits), "the samples")
    for n, white in itertools.product((1, 3), (1, 15, 100, 255, 256, 1023, 65535)):
        values = np.rint(samples(n, 16) / 65535 * white).astype(np.uint16)
        levels = over_white(values / white, None)
        kind = ">u2" if white > 255 else "u1"
        binary = _pnm("P5" if n == 1 else "P6", white, values.astype(kind))
        plain = _pnm("P2" if n == 1 else "P3", white, values)
        yield Case("PPM", f"{'P5' if n == 1 else 'P6'}, white {white}", binary, levels, "samples")
        yield Case("PPM", f"{'P2' if n == 1 else 'P3'}, white {white}", plain, levels, "samples")


def _pnm(magic: str, white: int | None, values: Samples) -> bytes:
    head = f"{magic}\n{WIDTH} {HEIGHT}\n" + (f"{white}\n" if white else "")
    if magic in ("P2", "P3"):
        return (head + " ".join(map(str, values.ravel().tolist()))).encode()
    return head.encode() + values.tobytes()


def _bilevel(bits: Samples) -> Samples:
    return np.repeat((1 - bits[..., None]) * 255.0, 3, axis=2)


# --- the table


def cases() -> Iterator[Case]:
    """All of them."""
    makers = (png_cases, jpeg_cases, web_cases, wide_cases, gif_cases, bmp_cases, ppm_cases)
    for make in (*makers, tiff_cases):
        yield from make()


def verdict(case: Case) -> tuple[str, bool]:
    """What became of a case in a word, and whether that is right."""
    try:
        pixels = decode(case.data).pixels
    except ImageError as error:
        return "refused" if error.reason == "unsupported-mode" else error.reason, (
            error.reason == "unsupported-mode"
        )
    if case.expected is None:
        return "decoded", False
    off = float(np.abs(pixels - case.expected).max())
    return f"{off:.1f}", off <= case.tolerance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    lines, wrong = [], 0
    for case in cases():
        word, right = verdict(case)
        wrong += not right
        lines.append((case.group, case.layout, word, case.by if word != "refused" else ""))
        if not right:
            print("WRONG", *lines[-1], file=sys.stderr)
    print(f"{len(lines)} layouts, {wrong} wrong", file=sys.stderr)
    if out is not None:
        out.write_text(table(lines), encoding="utf-8")
    sys.exit(wrong > 0)


def table(lines: list[tuple[str, str, str, str]]) -> str:
    """The document."""
    head = (__doc__ or "").split("\n\n")
    text = [
        "# Layouts of image files",
        "",
        "Written by `python -m benchmarks.layouts --out docs/layouts.md`; edit that.",
        "",
        *head[2].splitlines(),
        "",
        "`off by` is the largest difference in grey levels of 255.",
    ]
    for group, rows in itertools.groupby(lines, key=lambda line: line[0]):
        text += ["", f"## {group}", "", "| layout | off by | compared with |", "|---|---|---|"]
        text += [f"| {layout} | {word} | {by} |" for _, layout, word, by in rows]
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
