"""GLCM score and compression ratio: how varied the texture of single images is, no reference.

Patches of 64 px are quantised to 64 grey levels, and pairs of levels are counted at four distances
in four directions (grey-level co-occurrence matrices). Two projects publish an "entropy" of them
that is not the entropy of pairs: it is that of the *distinct values* among the 65,536 entries of
all 16 matrices, taken as if they were an image. A photograph's patch has 0.65 of it where the
entropy of its pairs, which is given here as `textbook`, is 6.3 bits. Noise maximises all of them.

    diffusion4k    grey as OpenCV, pairs one way; properties rounded to 4 digits a matrix
    pixverve       grey as Pillow, pairs both ways; nothing rounded
    textbook       as diffusion4k, and the entropy -sum p log2 p, mean over the 16 matrices

Source: Haralick et al., "Textural Features for Image Classification", 1973; the dialects are those
of Zhang et al., "Diffusion-4K", CVPR 2025, and of PixVerve-95K.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import MetricError, UnknownNameError
from anyres_bench.core.registry import nearest

PATCH = 64  # px
LEVELS = 64
DISTANCES = (1, 2, 3, 4)  # px
ANGLES = (0, 45, 90, 135)  # degrees

Matrices = NDArray[np.float64]  # (LEVELS, LEVELS, distances, angles), each with sum 1


@dataclass(frozen=True)
class Dialect:
    """How a project counts.

    Attributes:
        grey: integer weights of R, G and B, what is added, and the shift to the right.
        symmetric: whether every pair counts both ways.
        digits: that each property of each matrix is rounded to; None for none.
        square: whether patches are a square grid of the shorter side, or all that fit.
    """

    grey: tuple[int, int, int, int, int]
    symmetric: bool
    digits: int | None
    square: bool


DIALECTS = {
    "diffusion4k": Dialect((9798, 19235, 3735, 16384, 15), False, 4, True),
    "pixverve": Dialect((19595, 38470, 7471, 32768, 16), True, None, False),
}


def glcm_scores(
    image: NDArray[np.uint8], dialect: Literal["diffusion4k", "pixverve"] = "diffusion4k"
) -> dict[str, float]:
    """Means over the patches of an image: `entropy` (the published score), contrast,
    dissimilarity, homogeneity, energy, correlation, ASM, and `textbook_entropy`, bits.

    Args:
        image: (h, w, 3) uint8 RGB.
        dialect: whose rules.

    Raises:
        MetricError: no patch of 64 px fits.
        UnknownNameError: no such dialect.
    """
    rows = list(cells(image, dialect).ravel())
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def cells(image: NDArray[np.uint8], dialect: str) -> NDArray[np.object_]:
    """The scores of every patch, (rows, columns) of dicts; raises as `glcm_scores`."""
    if dialect not in DIALECTS:
        raise UnknownNameError(f"unknown GLCM dialect {dialect!r}; {nearest(dialect, DIALECTS)}")
    rules = DIALECTS[dialect]
    n_rows, n_columns = (side // PATCH for side in image.shape[:2])
    if rules.square:
        n_rows = n_columns = min(n_rows, n_columns)
    if not n_rows or not n_columns:
        raise MetricError(
            f"an image of {image.shape[0]}x{image.shape[1]} holds no {PATCH} px patch"
        )
    levels = quantised(image, rules)
    found = np.empty((n_rows, n_columns), object)
    for i, j in np.ndindex(n_rows, n_columns):
        patch = levels[i * PATCH : (i + 1) * PATCH, j * PATCH : (j + 1) * PATCH]
        found[i, j] = patch_scores(co_occurrence(patch, rules.symmetric), rules.digits)
    return found


def quantised(image: NDArray[np.uint8], rules: Dialect) -> NDArray[np.int64]:
    """Grey levels 0 to 63 of an (h, w, 3) image."""
    red, green, blue, half, shift = rules.grey
    wide = image.astype(np.int64)
    grey = (red * wide[..., 0] + green * wide[..., 1] + blue * wide[..., 2] + half) >> shift
    return np.asarray(grey // (256 // LEVELS), np.int64)


def co_occurrence(patch: NDArray[np.int64], symmetric: bool) -> Matrices:
    """How often each pair of levels stands at each distance in each direction, as shares.

    Args:
        patch: (h, w) levels.
        symmetric: count every pair both ways.
    """
    out = np.empty((LEVELS, LEVELS, len(DISTANCES), len(ANGLES)))
    for d, a in np.ndindex(len(DISTANCES), len(ANGLES)):
        angle = math.radians(ANGLES[a])
        down, right = (round(DISTANCES[d] * turn(angle)) for turn in (math.sin, math.cos))
        counts = _pairs(patch, down, right)
        counts = counts + counts.T if symmetric else counts
        out[:, :, d, a] = counts / counts.sum()
    return out


def _pairs(patch: NDArray[np.int64], down: int, right: int) -> NDArray[np.int64]:
    """Counts of (level here, level `down` rows and `right` columns on), both in the patch."""
    height, width = patch.shape
    left, over = max(-right, 0), max(right, 0)
    here = patch[: height - down, left : width - over]
    there = patch[down:, left + right : width - over + right]
    pairs = (here * LEVELS + there).ravel()
    return np.bincount(pairs, minlength=LEVELS**2).reshape(LEVELS, LEVELS)


def patch_scores(matrices: Matrices, digits: int | None) -> dict[str, float]:
    """The scores of one patch."""
    found = {"entropy": entropy_of_values(matrices)}
    flat = matrices.reshape(LEVELS, LEVELS, -1)
    for name, prop in _PROPERTIES.items():
        values = prop(flat)
        values = values if digits is None else np.array([round(float(v), digits) for v in values])
        found[name] = float(values.mean())
    logs = np.log2(flat, where=flat > 0, out=np.zeros_like(flat))
    found["textbook_entropy"] = float(-(flat * logs).sum(axis=(0, 1)).mean())
    return found


def entropy_of_values(values: NDArray[np.float64]) -> float:
    """Entropy, bits, of how often each distinct value occurs: what the projects publish."""
    _, counts = np.unique(values, return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


_I, _J = np.indices((LEVELS, LEVELS), np.float64)[..., None]


def _correlation(p: Matrices) -> NDArray[np.float64]:
    """Of the levels of pairs; 1 where one of them never changes."""
    mean_i, mean_j = (p * _I).sum(axis=(0, 1)), (p * _J).sum(axis=(0, 1))
    di, dj = _I - mean_i, _J - mean_j
    std_i, std_j = (np.sqrt((p * d**2).sum(axis=(0, 1))) for d in (di, dj))
    flat = (std_i < 1e-15) | (std_j < 1e-15)
    covariance = (p * di * dj).sum(axis=(0, 1))
    return np.where(flat, 1.0, covariance / np.where(flat, 1.0, std_i * std_j))


_PROPERTIES: Mapping[str, Callable[[Matrices], NDArray[np.float64]]] = {
    "contrast": lambda p: (p * (_I - _J) ** 2).sum(axis=(0, 1)),
    "dissimilarity": lambda p: (p * np.abs(_I - _J)).sum(axis=(0, 1)),
    "homogeneity": lambda p: (p / (1 + (_I - _J) ** 2)).sum(axis=(0, 1)),
    "energy": lambda p: np.sqrt((p**2).sum(axis=(0, 1))),
    "correlation": _correlation,
    "ASM": lambda p: (p**2).sum(axis=(0, 1)),
}


def compression_ratio(file_bytes: Sequence[int], side: int) -> float:
    """Bytes of the uncompressed images over bytes of their files: a ratio of sums.

    Args:
        file_bytes: of each file as it lies on disk; the projects store JPEG of quality 95.
        side: of the images, px, as it was asked for.

    Raises:
        MetricError: there are no files, or they are empty.
    """
    total = sum(n / 2**20 for n in file_bytes)
    if not total:
        raise MetricError("there are no files, or they are empty; a ratio needs their sizes")
    return side**2 * 3 / 2**20 * len(file_bytes) / total
