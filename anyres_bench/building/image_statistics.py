"""What is measured on the pixels of every image of a collection."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyres_bench.building.hashing import perceptual_hash
from anyres_bench.core.geometry import Box, Size
from anyres_bench.data.pixels import crop
from anyres_bench.data.spectra import blockiness, effective_resolution, luminance

_SPECTRUM_SIDE = 2048
_LEAST_FOR_BLOCKS = 16


def measure(pixels: NDArray[np.uint8], level: str) -> dict[str, Any]:
    """What is measured on pixels, as JSON values.

    Spectra are of the middle of large images: they need eight bytes a pixel, several times over.
    """
    digest, detail = perceptual_hash(pixels)
    metadata: dict[str, Any] = {"phash": digest.hex(), "detail": round(detail, 3)}
    if level == "full":
        size = Size(*pixels.shape[:2])
        height, width = min(size.height, _SPECTRUM_SIDE), min(size.width, _SPECTRUM_SIDE)
        top, left = (size.height - height) // 2, (size.width - width) // 2
        grey = luminance(crop(pixels, Box(top, left, height, width)))
        value, confidence = effective_resolution(grey)
        metadata |= {"effective_resolution": round(value, 4), "confidence": round(confidence, 4)}
        if min(grey.shape) >= _LEAST_FOR_BLOCKS:
            metadata["blockiness"] = round(blockiness(grey), 4)
    return metadata
