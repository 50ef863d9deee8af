"""From a file's samples to 8-bit sRGB: 16-bit samples, colour profiles and transparency.

The rules are stated in `anyres_bench.data.pixels`, which alone calls this.
"""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms, ImageFile

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Box
from anyres_bench.data.containers import Container
from anyres_bench.data.encodings import Recoding, recoding

AlphaPolicy = Literal["white", "drop", "refuse"]

# Pillow keeps one byte of a 16-bit sample; read as if of the other byte order, it keeps the other.
_OTHER_BYTE = {
    ";16B": ";16L",
    ";16L": ";16B",
    ";16N": ";16B" if sys.byteorder == "little" else ";16L",
}
_NO_WHITE = ("I", "F", "LAB", "HSV")
_WHITE = {"1": 1, "L;2": 3, "L;4": 15}  # layout -> largest sample
_RECODED = ("16-bit-scaled", "icc-to-srgb")
_BAND = 256  # rows that are turned at a time


def rawmode(image: Image.Image) -> str:
    """Layout of the samples in the file, in Pillow's notation; empty once they are loaded."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0].args if tiles else None
    return arguments if isinstance(arguments, str) else str(next(iter(arguments or ()), ""))


def to_8_bits(
    image: Image.Image, container: Container, layout: str, profile: bytes | None
) -> tuple[Image.Image, bytes | None, tuple[str, ...]]:
    """Load the pixels with 8 bits a sample, as L, RGB, RGBA or CMYK.

    Args:
        image: opened, not loaded.
        container: what it was opened from.
        layout: what `rawmode` said before the image was loaded.
        profile: of its samples; None for sRGB.

    Returns:
        The image, the profile of its samples now, and notes on what was done.

    Raises:
        ImageError: `unsupported-mode`.
    """
    if (rows := _deep_rows(image, container, layout)) is not None:
        by = recoding(profile) if profile and not is_srgb(profile) else None
        if by is None or not _is_of(by, image):
            return _from_deep(image, rows, container, None), profile, ("16-bit-scaled",)
        return _from_deep(image, rows, container, by.levels), by.profile, _RECODED
    flat, notes = _shallow(image, container, layout)
    return flat, profile, notes


def _is_of(by: Recoding, image: Image.Image) -> bool:
    """Whether a profile's curves are of a picture's samples: those of greys are of greys alone."""
    is_grey = image.mode in ("L", "LA", "I") or image.mode.startswith("I;")
    return image.mode != "CMYK" and (is_grey or len(by.levels) == 3)


def _shallow(
    image: Image.Image, container: Container, layout: str
) -> tuple[Image.Image, tuple[str, ...]]:
    """`to_8_bits` of a picture of no more."""
    if image.mode in _NO_WHITE or image.mode.startswith("I;"):
        raise ImageError(
            "unsupported-mode",
            f"{image.format} pixels of mode {image.mode} have no agreed white; convert the image "
            "to 8 or 16 bits",
        )
    if image.format == "PPM" and image.mode == "RGB" and (levels := _scaled(image, container)):
        return levels, ()
    image.load()
    if image.format == "PNG" and isinstance(key := image.info.get("transparency"), int):
        white = _WHITE.get(layout, 255)  # the key is a sample as stored, the pixels are scaled
        image.info["transparency"] = (key & white) * (255 // white)
    if image.has_transparency_data and not _has_unused_alpha(image):
        return image.convert("RGBA"), ()
    if container.frame is not None:
        return _uncovered(image, container.frame), ()
    return (image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")), ()


def _has_unused_alpha(image: Image.Image) -> bool:
    """Whether a BMP states opacity and then sets none: its fourth byte was left 0, as for long."""
    has_alpha = image.format == "BMP" and image.mode == "RGBA"
    return has_alpha and image.getchannel("A").getextrema() == (0, 0)


def _uncovered(image: Image.Image, frame: Box) -> Image.Image:
    """RGBA, transparent where the first frame of an animation does not reach."""
    opacity = Image.new("L", image.size, 0)
    opacity.paste(255, (frame.left, frame.top, frame.right, frame.bottom))
    colours = image.convert("RGB")
    colours.putalpha(opacity)
    return colours


Rows = Callable[[int, int], NDArray[np.uint16]]


def _deep_rows(image: Image.Image, container: Container, layout: str) -> Rows | None:
    """16-bit samples of rows [top, bottom), (h, w) or (h, w, c); None where there are none."""

    def rows(picture: Image.Image, top: int, bottom: int) -> NDArray[Any]:
        return np.asarray(picture.crop((0, top, picture.width, bottom)))

    # Pillow's PPM reader scales 16-bit greys to 0..65535 itself.
    if layout.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        image.load()
        return lambda top, bottom: rows(image, top, bottom).astype(np.uint16)
    if layout == "LA;16B":
        pairs = _reread(image, container, "RGBA")
        return lambda top, bottom: (
            np.ascontiguousarray(rows(pairs, top, bottom)).view(">u2").astype(np.uint16)
        )
    if image.mode in ("RGB", "RGBA", "CMYK") and layout[-4:] in _OTHER_BYTE:
        low = _reread(image, container, layout[:-4] + _OTHER_BYTE[layout[-4:]])
        image.load()
        return lambda top, bottom: (
            rows(image, top, bottom).astype(np.uint16) * np.uint16(256) + rows(low, top, bottom)
        )
    return None


def _reread(image: Image.Image, container: Container, layout: str) -> Image.Image:
    """The image again, its samples read as if they were laid out as `layout`."""
    assert isinstance(image, ImageFile.ImageFile)
    stream = container.stream
    stream.seek(0)
    again = type(image)(io.BytesIO(stream.read()), "")
    again.tile = [
        tile._replace(args=layout if isinstance(tile.args, str) else (layout, *tile.args[1:]))
        for tile in again.tile
        if tile.args is not None
    ]
    again.load()
    return again


def _from_deep(
    image: Image.Image, rows: Rows, container: Container, curves: NDArray[np.uint8] | None
) -> Image.Image:
    """8-bit RGB, RGBA or CMYK of 16-bit samples, by curves or scaled, some rows at a time.

    A PNG's tRNS chunk, if there is one, names the colour that is transparent.
    """
    transparent = image.info.get("transparency") if image.format == "PNG" else None
    flat: Image.Image | None = None
    for top in range(0, image.height, _BAND):
        bottom = min(top + _BAND, image.height)
        samples = rows(top, bottom)
        samples = samples[..., None] if samples.ndim == 2 else samples
        samples = 65535 - samples if container.inverted else samples
        levels = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
        if levels.shape[2] < 3:
            levels = np.concatenate([np.repeat(levels[..., :1], 3, 2), levels[..., 1:]], axis=2)
        if curves is not None:
            n = 1 if samples.shape[2] < 3 else 3  # of its samples those that are colours
            for i in range(3):
                levels[..., i] = curves[i % len(curves)][samples[..., i % n]]
        if transparent is not None and levels.shape[2] == 3:
            visible = (samples != np.asarray(transparent)).any(axis=2, keepdims=True)
            levels = np.concatenate([levels, visible.astype(np.uint8) * np.uint8(255)], axis=2)
        mode = {3: "RGB", 4: "CMYK" if image.mode == "CMYK" else "RGBA"}[levels.shape[2]]
        flat = flat or Image.new(mode, image.size)
        shape = (levels.shape[1], levels.shape[0])
        flat.paste(Image.frombytes(mode, shape, levels.tobytes()), (0, top))
    assert flat is not None
    return flat


def _scaled(image: Image.Image, container: Container) -> Image.Image | None:
    """A binary PPM whose white is not 255, for which Pillow takes minutes; None for others."""
    [tile] = cast(ImageFile.ImageFile, image).tile
    if tile.codec_name != "ppm" or not isinstance(tile.args, tuple):
        return None
    white = int(cast(int, tile.args[1]))
    container.stream.seek(tile.offset)
    kind, n = ("u1" if white < 256 else ">u2"), 3 * image.width * image.height
    data = container.stream.read(n * np.dtype(kind).itemsize)
    samples = np.frombuffer(data, kind)
    if len(samples) < n:
        raise OSError("image file is truncated")
    levels = np.minimum((samples.astype(np.uint32) * 510 + white) // (2 * white), 255)
    picture = levels.astype(np.uint8).reshape(image.height, image.width, 3)
    return Image.fromarray(picture)


def is_srgb(profile: bytes | None) -> bool:
    """Whether 8-bit RGB with this profile (None: without one) is sRGB as it stands."""
    return profile is None or _profile_transform(profile) == ("RGB", None)


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, tuple[str, ...]]:
    """L, RGB, RGBA or CMYK in the colours of `profile` (None: sRGB) -> RGB or RGBA in sRGB."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    notes: tuple[str, ...] = ()
    colours: Image.Image = image
    if profile:
        mode, transform = _profile_transform(profile)
        if mode == "L":
            colours = _as_grey(image)
        if (mode == "CMYK") != (image.mode == "CMYK") or mode not in ("RGB", colours.mode):
            notes = ("icc-unusable",)
        elif transform is not None:
            colours = _applied(transform, colours.convert(mode))
            notes = ("icc-to-srgb",)
    colours = colours if colours.mode == "RGB" else colours.convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours, notes


def _as_grey(image: Image.Image) -> Image.Image:
    """L where all pixels are grey, as after 16 bits, opacity, or a format without greys."""
    if image.mode not in ("RGB", "RGBA"):
        return image
    red, green, blue = image.split()[:3]
    same = all(ImageChops.difference(red, c).getbbox() is None for c in (green, blue))
    return red if same else image


@functools.lru_cache(maxsize=8)
def _profile_transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """The mode whose colours a profile describes ("" if unusable), and its way to sRGB.

    The transform is None where it would move no colour by more than one level.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}[source.profile.xcolor_space]
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        if mode == "L":  # else a straight line leads through every eight levels
            flags |= ImageCms.Flags.NOOPTIMIZE
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(
            source, srgb, mode, "RGB", ImageCms.Intent.PERCEPTUAL, flags
        )
    except (ImageCms.PyCMSError, KeyError, OSError, ValueError):
        return "", None
    if mode == "CMYK":
        return mode, transform
    sample = _colour_sample(mode)
    moved = np.asarray(_applied(transform, sample), np.int16)
    return mode, transform if np.abs(moved - np.asarray(sample.convert("RGB"))).max() > 1 else None


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    """The image in sRGB; greys, whose transforms are slow, by a table of all of them."""
    source = _colour_sample("L") if image.mode == "L" else image
    colours = cast(Image.Image, ImageCms.applyTransform(source, transform))  # None only in place
    if source is image:
        return colours
    tables = np.asarray(colours)[0].T.tolist()
    return Image.merge("RGB", [image.point(table) for table in tables])


def _colour_sample(mode: str) -> Image.Image:
    """Colours 15 levels apart over the whole cube, or all greys."""
    levels = np.arange(256, dtype=np.uint8)
    if mode == "L":
        return Image.fromarray(levels[None])
    cube = np.stack(np.meshgrid(levels[::15], levels[::15], levels[::15]), axis=-1)
    return Image.fromarray(cube.reshape(1, -1, 3))


def without_alpha(
    image: Image.Image, policy: AlphaPolicy, name: str
) -> tuple[Image.Image, tuple[str, ...]]:
    """RGB of RGBA by the named policy; `name` is the file's, for the error.

    Raises:
        ImageError: `has-alpha`, under the policy "refuse".
    """
    if image.mode != "RGBA":
        return image, ()
    if policy == "refuse":
        raise ImageError("has-alpha", f"{name} has transparency; use alpha='white' or 'drop'")
    if policy == "drop":
        return image.convert("RGB"), ("alpha-dropped",)
    over_white = Image.new("RGB", image.size)
    for top in range(0, image.height, _BAND):
        band = image.crop((0, top, image.width, min(top + _BAND, image.height)))
        pixels = np.asarray(band).astype(np.uint16)
        colours, opacity = pixels[..., :3], pixels[..., 3:]
        mixed = (colours * opacity + 255 * (255 - opacity) + 127) // 255
        over_white.paste(Image.fromarray(mixed.astype(np.uint8)), (0, top))
    return over_white, ("alpha-over-white",)
