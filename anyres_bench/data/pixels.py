"""Stored images: every rule by which files become pixels, and pixels change type or size.

    layout      on the list of `docs/layouts.md`, each entry verified; others are refused by name
    size        read from the header and held against `max_pixels` before anything is decoded
    truncated   refused, as is everything that Pillow reports; every refusal is an `ImageError`
    16 bits     scaled by 257 (65535 becomes 255) and rounded, once the curves of a profile were
                followed; never clipped to white
    colour      an ICC profile is followed to sRGB (perceptual, black point compensation); one that
                moves no colour by more than one level is taken for sRGB; gAMA and cHRM of a PNG
                without one are a profile; CMYK without a profile by Pillow's formula
    alpha       "white" lays the image on white, "drop" takes the colours as stored under the alpha
                (what clean-fid and its peers do), "refuse" refuses
    animation   the first frame
    orientation EXIF (or XMP) orientation is applied last; an unreadable EXIF block turns nothing

What was done beyond plain decoding is listed in `Decoded.notes`. Resizing to a network's input has
its own rules, in `anyres_bench.data.resize`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anyres_bench.core.errors import GeneratorError, ImageError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.core.registry import nearest
from anyres_bench.data.colour import (
    AlphaPolicy,
    is_srgb,
    rawmode,
    to_8_bits,
    to_srgb,
    without_alpha,
)
from anyres_bench.data.containers import MAX_PIXELS, Container, is_whole_png
from anyres_bench.data.encodings import stated_profile
from anyres_bench.data.headers import (
    JPEG_FORMATS,
    ImageInfo,
    Source,
    bytes_for,
    content_of,
    info_of,
    name_of,
    opened,
)
from anyres_bench.data.jpeg import decode_luma, fast_decode, is_whole_jpeg

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[np.uint8]
Rounding = Literal["round", "truncate", "floor"]

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# EXIF orientation -> exchange the axes, then flip rows, then flip columns
_UPRIGHT = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


@dataclass(frozen=True)
class Decoded:
    """An image's pixels, (h, w, 3) uint8 sRGB, and what was found and done.

    Attributes:
        pixels: (h, w) where luma was asked for and the file keeps it.
        notes: what was done beyond plain decoding: `16-bit-scaled`, `icc-to-srgb`,
            `icc-unusable` (the profile is damaged or of another colour space and was left aside),
            `gamma-to-srgb` (by a PNG's gAMA and cHRM), `alpha-over-white`, `alpha-dropped`,
            `first-frame`, `oriented`.
    """

    pixels: Pixels
    info: ImageInfo
    notes: tuple[str, ...] = ()


def decode(
    source: Source,
    max_pixels: int = MAX_PIXELS,
    alpha: AlphaPolicy = "white",
    shrink: int = 1,
    name: str = "",
    luma: bool = False,
) -> Decoded:
    """Decode an image to upright 8-bit sRGB by the rules of this module.

    Args:
        source: a path, or the file's bytes.
        max_pixels: images of more pixels are refused before they are decoded, as are all above
            `containers.LARGEST_PIXELS`.
        alpha: what becomes of transparency: "white", "drop" or "refuse".
        shrink: 2, 4 or 8 decodes a JPEG file at that fraction of its size, rounded up, from fewer
            coefficients, so a pixel stands for that many of the file's along each axis. Files of
            other formats cannot be decoded so and come whole.
        name: what messages call the file.
        luma: give (h, w), what is brightness among the colours (0.299 red, 0.587 green, 0.114 blue
            of the sRGB values), where the file keeps it: a JPEG of the common kinds, in three
            quarters of the time.

    Raises:
        ImageError: as `probe`, and `has-alpha`. `unsupported-mode` are pixels whose white is not
            known (32 bits, floating point) and layouts that no decoder here honours.
    """
    if alpha not in get_args(AlphaPolicy):
        raise UnknownNameError(
            f"unknown alpha policy {alpha!r}; {nearest(alpha, get_args(AlphaPolicy))}"
        )
    name = name or name_of(source)
    data = content_of(source, bytes_for(max_pixels))
    with opened(data, name, max_pixels) as (image, container):
        info = info_of(image, container)
        layout, profile = rawmode(image), container.profile or image.info.get("icc_profile")
        is_icc = bool(profile)
        if info.format == "PNG" and not is_icc:
            profile = stated_profile(image.info)
        if shrink > 1:
            image.draft(None, (image.width // shrink, image.height // shrink))
        pixels = None
        if shrink == 1 and is_srgb(profile):
            pixels = decode_luma(image, data) if luma else fast_decode(image, data)
        flat: Image.Image | None = None
        notes: tuple[str, ...] = ()
        if pixels is None:
            flat, profile, notes = to_8_bits(image, container, layout, profile)
        if flat is not None and info.format == "PNG":
            _check_whole(image, flat, container, name)
        if info.format in JPEG_FORMATS and shrink == 1:
            _check_whole_jpeg(np.asarray(flat) if pixels is None else pixels, data, name)
    del image  # its memory goes before more is needed
    if flat is not None:
        flat, colour_notes = to_srgb(flat, profile)
        notes = tuple(dict.fromkeys(notes + colour_notes))
        if not is_icc:  # it is what a PNG states
            notes = tuple("gamma-to-srgb" if note.startswith("icc") else note for note in notes)
        flat, alpha_notes = without_alpha(flat, alpha, name)
        pixels, notes = np.array(flat), notes + alpha_notes
    assert pixels is not None
    pixels = _upright(pixels, info.orientation)
    notes += ("first-frame",) * (info.n_frames > 1) + ("oriented",) * (info.orientation != 1)
    return Decoded(pixels, info, notes)


def resize_uint8(
    pixels: Pixels, size: Size, filter_name: str = "lanczos", box: Box | None = None
) -> Pixels:
    """Resize as Pillow does 8-bit images: antialiased, rounded after each of the two passes.

    Args:
        pixels: (h, w, 3) uint8.
        size: of the result.
        filter_name: "lanczos", "bicubic", "bilinear", "box" or "nearest".
        box: the part of the image to take; all of it when None.

    Returns:
        (size.height, size.width, 3) uint8. The box is cut out first, so nothing beyond it is seen.

    Raises:
        UnknownNameError: no such filter.
        UsageError: the box reaches outside the image.
    """
    if filter_name not in FILTERS:
        raise UnknownNameError(f"unknown filter {filter_name!r}; {nearest(filter_name, FILTERS)}")
    part = pixels if box is None else crop(pixels, box)
    if part.shape[:2] == size:
        return part.copy()
    image = Image.fromarray(np.ascontiguousarray(part))
    return np.array(image.resize((size.width, size.height), FILTERS[filter_name]))


def resample_uint8(pixels: Pixels, size: Size, box: tuple[float, float, float, float]) -> Pixels:
    """Lanczos from a part of an image whose edges lie between pixels.

    Args:
        pixels: (h, w, 3) uint8.
        size: of the result.
        box: left, top, right and bottom in pixels, inside the image; pixels beyond it are seen.

    Returns:
        (size.height, size.width, 3) uint8.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(image.resize((size.width, size.height), Image.Resampling.LANCZOS, box))


def crop(pixels: Pixels, box: Box) -> Pixels:
    """The part `box` of an (h, w, 3) image, as a view.

    Raises:
        UsageError: the box is empty or reaches outside the image.
    """
    size = Size(*pixels.shape[:2])
    if not box.fits(size):
        raise UsageError(f"{box} does not lie inside an image of {size} pixels; choose another box")
    return pixels[box.top : box.bottom, box.left : box.right]


def center_square(size: Size) -> Box:
    """The largest centred square; an odd pixel is left at the bottom or right."""
    side = size.shorter
    return Box((size.height - side) // 2, (size.width - side) // 2, side, side)


def to_uint8(images: Tensor, rounding: Rounding = "round") -> Tensor:
    """Floats in [-1, 1] to uint8, clamped.

    Args:
        images: any shape, floating point.
        rounding: "round" takes the nearest level of (x + 1) * 127.5; "truncate" cuts
            x * 127.5 + 128, as the official AnyRes evaluation does; "floor" cuts (x + 1) / 2 * 255,
            as ScaleParty's does.

    Raises:
        GeneratorError: a value is NaN.
        UnknownNameError: no such rounding.
    """
    if bool(images.isnan().any()):
        raise GeneratorError("images hold NaN and have no 8-bit form; check the model's output")
    if rounding == "round":
        return ((images + 1) * 127.5).clamp(0, 255).round().byte()
    if rounding == "truncate":
        return (images * 127.5 + 128).clamp(0, 255).byte()
    if rounding == "floor":
        return (((images + 1) / 2).clamp(0, 1) * 255).byte()
    raise UnknownNameError(
        f"unknown rounding {rounding!r}; {nearest(rounding, get_args(Rounding))}"
    )


def to_float(images: Tensor) -> Tensor:
    """uint8 to float32 in [-1, 1]: x / 127.5 - 1; `to_uint8` takes it back exactly."""
    return images.float() / 127.5 - 1


def _check_whole(image: Image.Image, flat: Image.Image, container: Container, name: str) -> None:
    """Refuse a PNG whose rows stop early, which Pillow leaves black.

    To count them is to unpack all again, so it is done where the last row is of one colour alone,
    as those that never came are, or where rows come in passes.
    """
    last = np.asarray(flat.crop((0, flat.height - 1, flat.width, flat.height)))[0]
    is_plain = not image.info.get("interlace") and bool((last != last[0]).any())
    if not is_plain and not is_whole_png(container.stream, name):
        raise ImageError("truncated", f"{name} is truncated: rows are missing; fetch it again")


def _check_whole_jpeg(pixels: Pixels, data: bytes, name: str) -> None:
    if not is_whole_jpeg(pixels, data, name):
        raise ImageError("truncated", f"{name} is truncated: parts are missing; fetch it again")


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    if orientation == 1:
        return pixels
    exchange, flip_rows, flip_columns = _UPRIGHT[orientation]
    turned = pixels.swapaxes(0, 1) if exchange else pixels
    turned = turned[::-1] if flip_rows else turned
    turned = turned[:, ::-1] if flip_columns else turned
    return np.ascontiguousarray(turned)
