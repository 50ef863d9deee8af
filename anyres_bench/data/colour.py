"""From a file's samples to 8-bit sRGB: 16-bit samples, colour profiles and transparency.

The rules are stated in `anyres_bench.data.pixels`, which alone calls this.
"""

from __future__ import annotations

import functools
import io
import sys
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile

from anyres_bench.core.errors import ImageError

AlphaPolicy = Literal["white", "drop", "refuse"]

# Pillow keeps one byte of a 16-bit sample; read as if of the other byte order, it keeps the other.
_OTHER_BYTE = {
    ";16B": ";16L",
    ";16L": ";16B",
    ";16N": ";16B" if sys.byteorder == "little" else ";16L",
}
_NO_WHITE = ("I", "F", "LAB", "HSV")


def rawmode(image: Image.Image) -> str:
    """Layout of the samples in the file, in Pillow's notation; empty once they are loaded."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0].args if tiles else None
    return arguments if isinstance(arguments, str) else str(next(iter(arguments or ()), ""))


def to_8_bits(image: Image.Image, data: bytes, layout: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Load the pixels with 8 bits a sample, as L, RGB, RGBA or CMYK.

    Args:
        image: opened, perhaps loaded.
        data: the file.
        layout: what `rawmode` said before the image was loaded.

    Returns:
        The image, and notes on what was done.

    Raises:
        ImageError: `unsupported-mode`.
    """
    if (deep := _deep_samples(image, data, layout)) is not None:
        return _from_deep(deep, image.info.get("transparency")), ("16-bit-scaled",)
    if image.mode in _NO_WHITE or image.mode.startswith("I;"):
        raise ImageError(
            "unsupported-mode",
            f"{image.format} pixels of mode {image.mode} have no agreed white; convert the image "
            "to 8 or 16 bits",
        )
    image.load()
    if image.has_transparency_data:
        return image.convert("RGBA"), ()
    return (image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")), ()


def _deep_samples(image: Image.Image, data: bytes, layout: str) -> NDArray[np.uint16] | None:
    """16-bit samples, (h, w) or (h, w, c); None where the file holds no 16-bit samples."""
    # Pillow's PPM reader scales 16-bit greys to 0..65535 itself.
    if layout.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return np.asarray(image).astype(np.uint16)
    if layout == "LA;16B":
        pairs = np.ascontiguousarray(np.asarray(_reread(data, "RGBA"))).view(">u2")
        return np.asarray(pairs, np.uint16)
    if image.mode in ("RGB", "RGBA") and layout[-4:] in _OTHER_BYTE:
        low = np.asarray(_reread(data, layout[:-4] + _OTHER_BYTE[layout[-4:]]), np.uint16)
        return np.asarray(np.asarray(image, np.uint16) * np.uint16(256) + low)
    return None


def _reread(data: bytes, layout: str) -> Image.Image:
    """The image again, its samples read as if they were laid out as `layout`."""
    image = Image.open(io.BytesIO(data))
    assert isinstance(image, ImageFile.ImageFile)
    image.tile = [
        tile._replace(args=layout if isinstance(tile.args, str) else (layout, *tile.args[1:]))
        for tile in image.tile
        if tile.args is not None
    ]
    image.load()
    return image


def _from_deep(samples: NDArray[np.uint16], transparent: object) -> Image.Image:
    """8-bit RGB or RGBA; `transparent` is the colour of PNG's tRNS chunk, if there is one."""
    samples = samples[..., None] if samples.ndim == 2 else samples
    levels = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    n_channels = levels.shape[2]
    colours = levels[..., :3] if n_channels > 2 else np.repeat(levels[..., :1], 3, axis=2)
    if n_channels in (2, 4):
        colours = np.concatenate([colours, levels[..., -1:]], axis=2)
    elif transparent is not None:
        visible = (samples != np.asarray(transparent)).any(axis=2, keepdims=True)
        colours = np.concatenate([colours, visible.astype(np.uint8) * np.uint8(255)], axis=2)
    return Image.fromarray(np.ascontiguousarray(colours))


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
        matches = (mode == "CMYK") == (image.mode == "CMYK") and mode in ("RGB", image.mode)
        if not matches:
            notes = ("icc-unusable",)
        elif transform is not None:
            colours = _applied(transform, image.convert(mode))
            notes = ("icc-to-srgb",)
    colours = colours if colours.mode == "RGB" else colours.convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours, notes


@functools.lru_cache(maxsize=8)
def _profile_transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """The mode whose colours a profile describes ("" if unusable), and its way to sRGB.

    The transform is None where it would move no colour by more than one level.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}[source.profile.xcolor_space]
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.PERCEPTUAL,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, KeyError, OSError, ValueError):
        return "", None
    if mode == "CMYK":
        return mode, transform
    sample = _colour_sample(mode)
    moved = np.asarray(_applied(transform, sample), np.int16)
    return mode, transform if np.abs(moved - np.asarray(sample.convert("RGB"))).max() > 1 else None


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    return cast(Image.Image, ImageCms.applyTransform(image, transform))  # None if in place only


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
    pixels = np.asarray(image).astype(np.uint16)
    colours, opacity = pixels[..., :3], pixels[..., 3:]
    over_white = (colours * opacity + 255 * (255 - opacity) + 127) // 255
    return Image.fromarray(over_white.astype(np.uint8)), ("alpha-over-white",)
