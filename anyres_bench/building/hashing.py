"""Perceptual hashes: 256 bits that stay when a picture is resized, recompressed or toned.

Source: the construction follows PDQ (Facebook, "The TMK+PDQF video-hashing algorithm and the PDQ
image-hashing algorithm", 2019): 64x64 luminance, 16x16 DCT coefficients, each above their median
or not, and a number for how much there was to see.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 64
_KEPT = 16
_LUMA = np.array([0.299, 0.587, 0.114])
LEAST_DETAIL = 1.0  # grey levels from one of 64 columns or rows to the next, on average


def perceptual_hash(pixels: NDArray[np.uint8]) -> tuple[bytes, float]:
    """The hash of an image, and how much detail it rests on.

    Args:
        pixels: (h, w, 3) uint8, or their luma (h, w), of which the hash is the same up to two bits.

    Returns:
        32 bytes; mean absolute difference of neighbours in the 64x64 luminance, in grey levels.
        Below `LEAST_DETAIL` the picture is nearly flat and its bits are noise.
    """
    box = Image.Resampling.BOX
    small = np.asarray(Image.fromarray(pixels).resize((_SIDE, _SIDE), box, reducing_gap=2.0))
    luma = small.astype(np.float64)
    luma = luma @ _LUMA if luma.ndim == 3 else luma
    detail = (np.abs(np.diff(luma, axis=0)).mean() + np.abs(np.diff(luma, axis=1)).mean()) / 2
    waves = _waves()
    coefficients = waves @ luma @ waves.T
    # The median; numpy's own takes longer than all else that is done to so few numbers.
    middle = np.sort(coefficients, axis=None)[_KEPT**2 // 2 - 1 :][:2].mean()
    bits = coefficients > middle
    return np.packbits(bits).tobytes(), float(detail)


@functools.cache
def _waves() -> NDArray[np.float64]:
    """(16, 64) cosines of orders 1 to 16 of the DCT-II; order 0 is brightness and left out."""
    order, place = np.arange(1, _KEPT + 1)[:, None], np.arange(_SIDE)
    return np.asarray(np.cos(np.pi / _SIDE * (place + 0.5) * order) * np.sqrt(2 / _SIDE))
