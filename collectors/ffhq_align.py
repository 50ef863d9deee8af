"""Cropping an upright face from a photograph, as the FFHQ dataset does.

Coordinates are source pixels in float64, x right and y down, as (x, y) like the landmarks. "Left"
means left in the picture. Source: Karras et al., "A style-based generator architecture for
generative adversarial networks", CVPR 2019, appendix; the behaviour of the published script.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from anyres_bench.core.errors import DataError
from anyres_bench.core.geometry import Size

Points = NDArray[np.float64]
_MAX_ATTEMPTS = 1000


@dataclass(frozen=True)
class FaceQuad:
    """The square that holds a face, turned with it.

    Attributes:
        centre: (2,) middle of the square.
        x: (2,) half of its edge, from the centre to the right in the upright face.
    """

    centre: Points
    x: Points

    @property
    def y(self) -> Points:
        """(2,) half-edge downwards."""
        return np.array([-self.x[1], self.x[0]])

    @property
    def side(self) -> float:
        """Edge length in source pixels: the native resolution of the face."""
        return 2.0 * float(np.hypot(*self.x))

    @property
    def corners(self) -> Points:
        """(4, 2): top-left, bottom-left, bottom-right, top-right of the upright face."""
        c, x, y = self.centre, self.x, self.y
        return np.stack([c - x - y, c - x + y, c + x + y, c + x - y])

    def shifted(self, offset: Points) -> FaceQuad:
        """The quad moved by `offset` pixels."""
        return FaceQuad(self.centre + offset, self.x)


@dataclass(frozen=True)
class AlignOptions:
    """How a face is cut out.

    Attributes:
        output_size: side of the result in pixels.
        transform_size: side of the warped square before it is shrunk to the output size.
        enable_padding: mirror and blur what lies outside the picture; else it is black.
        resample: "bilinear" as the published set, or "bicubic", which keeps more detail.
        allow_shrink: halve (third, ...) large pictures before the warp, as the published set.
    """

    output_size: int = 1024
    transform_size: int = 4096
    enable_padding: bool = True
    resample: Literal["bilinear", "bicubic"] = "bilinear"
    allow_shrink: bool = True


def native_options(quad: FaceQuad) -> AlignOptions:
    """Options that keep the face at the resolution it was photographed at, never enlarged.

    Twice the size bicubically, then Lanczos: keeps 1.10 / 0.86 of the power of the source in the
    bands 0.2-0.3 / 0.3-0.4 cycles per pixel where the published rule keeps 0.67 / 0.41.
    """
    side = int(np.floor(quad.side))
    return AlignOptions(side, 2 * side, False, "bicubic", False)


def face_quad(landmarks: ArrayLike, rotate_level: bool = True) -> FaceQuad:
    """The face's square from its 68 landmarks.

    Args:
        landmarks: (68, 2) points in iBUG order, source pixels.
        rotate_level: turn the square with the face; else its edges stay horizontal ("FFHQ-U").

    Raises:
        DataError: not 68 finite points, or points that span no face.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise DataError(f"landmarks have shape {points.shape}; expected (68, 2) finite numbers")
    left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    eye_centre, eyes = (left + right) * 0.5, right - left
    mouth = (points[48] + points[54]) * 0.5 - eye_centre
    length = max(np.hypot(*eyes) * 2.0, np.hypot(*mouth) * 1.8)
    x = eyes - np.array([-mouth[1], mouth[0]]) if rotate_level else np.array([1.0, 0.0])
    norm = np.hypot(*x)
    if not (norm > 0 and length > 0):
        raise DataError("the landmarks of eyes and mouth coincide: no face can be placed")
    # In this order of operations the result equals the published one to the last bit.
    x = x / norm
    x = x * length
    return FaceQuad(eye_centre + mouth * 0.1, x)


class ShiftSource:
    """Random offsets of the crop, from the published set's one shared stream.

    The published unaligned set was cut in one run: numpy's legacy generator with seed 12345, one
    discarded draw for all images, then one draw an attempt in image order. Other cuts of the work
    cannot repeat it, so offsets are drawn serially, before any work is handed out.

    Args:
        n_images: images in the whole run.
        sigma: standard deviation of the shift, as a share of the square's edge.
        retry: draw again (at most 1000 times) until the square lies inside the picture.
    """

    def __init__(self, n_images: int, sigma: float, retry: bool) -> None:
        self._rng = np.random.RandomState(12345)
        self._rng.normal(0, 1, (n_images, 2))
        self._sigma = sigma
        self._retry = retry

    def next(self, quad: FaceQuad, picture: Size) -> FaceQuad:
        """The next image's square, moved.

        Raises:
            DataError: no attempt fits; skip the image (the published run stops there).
        """
        if self._sigma == 0:
            return quad
        for _ in range(_MAX_ATTEMPTS):
            moved = quad.shifted(quad.side * self._sigma * self._rng.normal(0, 1, (2,)))
            corners = moved.corners
            low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
            fits = (low >= 0).all() and high[0] < picture.width and high[1] < picture.height
            if fits or not self._retry:
                return moved
        raise DataError(f"no shifted square fits into the picture of {picture}; skip this image")


def align(picture: Image.Image, quad: FaceQuad, options: AlignOptions) -> Image.Image:
    """Cut a face out of a picture and turn it upright.

    Args:
        picture: any mode; converted to RGB.
        quad: where the face is.
        options: sizes and resampling.

    Returns:
        RGB image of `options.output_size` squared.
    """
    picture, corners, side = picture.convert("RGB"), quad.corners, quad.side
    if options.allow_shrink:
        picture, corners, side = _shrink(picture, corners, side, options.output_size)
    border = max(int(np.rint(side * 0.1)), 3)
    picture, corners = _crop(picture, corners, border)
    if options.enable_padding:
        picture, corners = _pad(picture, corners, side, border)
    resample = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    square = (options.transform_size, options.transform_size)
    # Pillow's pixel centres lie at halves.
    data = tuple((corners + 0.5).flatten())
    face = picture.transform(square, Image.Transform.QUAD, data, resample[options.resample])
    if options.output_size < options.transform_size:
        face = face.resize((options.output_size, options.output_size), Image.Resampling.LANCZOS)
    return face


def _shrink(
    picture: Image.Image, corners: Points, side: float, output_size: int
) -> tuple[Image.Image, Points, float]:
    """Shrink by a whole factor while the face stays at least twice the output size."""

    factor = int(np.floor(side / output_size * 0.5))
    if factor < 2:
        return picture, corners, side
    width, height = (int(np.rint(n / factor)) for n in picture.size)
    return (
        picture.resize((width, height), Image.Resampling.LANCZOS),
        corners / factor,
        side / factor,
    )


def _bounds(corners: Points) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the smallest box of whole pixels around the corners."""
    left, top = (int(v) for v in np.floor(corners.min(axis=0)))
    right, bottom = (int(v) for v in np.ceil(corners.max(axis=0)))
    return left, top, right, bottom


def _crop(picture: Image.Image, corners: Points, border: int) -> tuple[Image.Image, Points]:
    """Drop what is far from the face."""
    left, top, right, bottom = _bounds(corners)
    box = (
        max(left - border, 0),
        max(top - border, 0),
        min(right + border, picture.size[0]),
        min(bottom + border, picture.size[1]),
    )
    if box[2] <= box[0] or box[3] <= box[1]:
        raise DataError(f"the face's box {_bounds(corners)} lies outside the picture")
    if box[2] - box[0] < picture.size[0] or box[3] - box[1] < picture.size[1]:
        return picture.crop(box), corners - np.array(box[:2], np.float64)
    return picture, corners


def _pad(
    picture: Image.Image, corners: Points, side: float, border: int
) -> tuple[Image.Image, Points]:
    """Mirror the picture past its edges, blurred and faded to its median colour.

    The arithmetic is float32 and in place: in float64 single values differ by one grey level from
    the published images.
    """
    from scipy import ndimage

    left, top, right, bottom = _bounds(corners)
    overhang = (
        max(-left + border, 0),
        max(-top + border, 0),
        max(right - picture.size[0] + border, 0),
        max(bottom - picture.size[1] + border, 0),
    )
    if max(overhang) <= border - 4:
        return picture, corners
    pad = np.maximum(overhang, int(np.rint(side * 0.3)))
    around = ((pad[1], pad[3]), (pad[0], pad[2]), (0, 0))
    pixels = np.pad(np.asarray(picture, dtype=np.float32), around, "reflect")
    mask = _edge_mask(Size(*pixels.shape[:2]), pad)
    blur = side * 0.02
    blurred = ndimage.gaussian_filter(pixels, [blur, blur, 0])
    pixels += (blurred - pixels) * np.clip(mask * 3.0 + 1.0, 0.0, 1.0)
    pixels += (np.median(pixels, axis=(0, 1)) - pixels) * np.clip(mask, 0.0, 1.0)
    padded = Image.fromarray(np.uint8(np.clip(np.rint(pixels), 0, 255)), "RGB")
    return padded, corners + pad[:2]


def _edge_mask(size: Size, pad: NDArray[np.int64]) -> NDArray[np.float32]:
    """(h, w, 1): 1 at the outer edge, 0 where the real picture begins, negative inside it."""
    y, x = np.ogrid[: size.height, : size.width]
    near_x = np.minimum(np.float32(x) / pad[0], np.float32(size.width - 1 - x) / pad[2])
    near_y = np.minimum(np.float32(y) / pad[1], np.float32(size.height - 1 - y) / pad[3])
    mask: NDArray[np.float32] = np.maximum(1.0 - near_x, 1.0 - near_y)[:, :, np.newaxis]
    return mask
