"""The design of the study that a built-in extractor must pass: what is done to images, and how.

Fixed before any extractor was written. `benchmarks/builtin_extractor.py` runs it; the reasons are
in `docs/extractors.md`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from anyres_bench.core.seeds import stream

Pixels = NDArray[np.uint8]  # (n, h, w, 3)

PATCH_SIDES = (64, 256)
REPEATS = 3  # each with its own crops, sides and corruption seeds
PATCHES_PER_PHOTOGRAPH = 6
SCENES_PER_SIDE = 240
SEEDS = {"design": 20_260_101, "verdict": 20_260_202}
N_PERMUTATIONS = 999
FALSE_ALARM = 0.05  # of the whole study: shared by all real-against-real comparisons


@dataclass(frozen=True)
class Corruption:
    """One way to damage a set of images, at four strengths from weak to strong.

    Attributes:
        unit: what a strength means.
        apply: (images, strength, seed) -> images of the same shape; draws are the same at every
            strength, so that strengths differ by strength alone.
    """

    unit: str
    strengths: tuple[float, float, float, float]
    apply: Callable[[Pixels, float, int], Pixels]


def to_bytes(values: NDArray[np.floating]) -> Pixels:
    """Round to the nearest grey level and clip."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def blur(images: Pixels, sigma: float, seed: int) -> Pixels:
    """Gaussian blur."""
    return to_bytes(ndimage.gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0)))


def jpeg(images: Pixels, quality: float, seed: int) -> Pixels:
    """JPEG with half-resolution chroma, decoded again."""

    def once(image: Pixels) -> Pixels:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=int(quality), subsampling=2)
        return np.asarray(Image.open(buffer))

    return np.stack([once(image) for image in images])


def noise(images: Pixels, sigma: float, seed: int) -> Pixels:
    """White Gaussian noise, independent in each channel."""
    draws = [stream(seed, "noise", i).normal(image.shape) for i, image in enumerate(images)]
    return to_bytes(images + sigma * np.stack(draws))


def resample(images: Pixels, factor: float, seed: int) -> Pixels:
    """Shrink by a factor, then enlarge to the old size; both Lanczos."""
    height, width = images.shape[1:3]
    small = (max(1, round(width / factor)), max(1, round(height / factor)))

    def once(image: Pixels) -> Pixels:
        shrunk = Image.fromarray(image).resize(small, Image.Resampling.LANCZOS)
        return np.asarray(shrunk.resize((width, height), Image.Resampling.LANCZOS))

    return np.stack([once(image) for image in images])


def seams(images: Pixels, sigma: float, seed: int) -> Pixels:
    """Square tiles, a quarter of the patch wide, each with a brightness offset of its own."""
    side = images.shape[1] // 4
    damaged = np.empty_like(images)
    for i, image in enumerate(images):
        draw = stream(seed, "seams", i)
        top, left = draw.integer(0, side - 1), draw.integer(0, side - 1)
        offsets = np.kron(draw.normal((5, 5)), np.ones((side, side)))
        window = offsets[top : top + image.shape[0], left : left + image.shape[1]]
        damaged[i] = to_bytes(image + sigma * window[..., None])
    return damaged


def duplicates(images: Pixels, distinct: float, seed: int) -> Pixels:
    """Only a share of the images is kept, repeated until the set is as large as before."""
    order = stream(seed, "duplicates").permutation(len(images))
    n_kept = max(2, round(distinct * len(images)))
    return images[order[np.arange(len(images)) % n_kept]]


CORRUPTIONS = {
    "blur": Corruption("Gaussian sigma, px", (0.5, 1, 2, 4), blur),
    "jpeg": Corruption("quality, 4:2:0", (90, 70, 40, 15), jpeg),
    "noise": Corruption("Gaussian sigma, grey levels", (2, 5, 12, 30), noise),
    "resample": Corruption("Lanczos down and up by", (1.5, 2, 4, 8), resample),
    "seams": Corruption("offset sigma of a tile, grey levels", (2, 4, 8, 16), seams),
    "duplicates": Corruption("share of distinct images", (1 / 2, 1 / 4, 1 / 8, 1 / 16), duplicates),
}
