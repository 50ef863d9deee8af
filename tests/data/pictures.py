"""Pictures for tests of decoding, and how they are written."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.errors import ImageError
from anyres_bench.data.pixels import (
    decode,
)


def picture(height: int = 41, width: int = 57, seed: int = 0) -> np.ndarray:
    """Smooth colours with a little noise, so that every container finds work."""
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.stack([x * 4, y * 5, (x + y) * 2], axis=2)
    noise = np.random.default_rng(seed).integers(0, 20, smooth.shape)
    return ((smooth + noise) % 256).astype(np.uint8)


def encode(image: np.ndarray | Image.Image, container: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    if container == "WEBP":
        options = {"lossless": True, "exact": True, **options}
    image.save(file, container, **options)
    return file.getvalue()


def deep_tiff(samples: np.ndarray, order: str) -> bytes:
    """An uncompressed 16-bit RGB TIFF in either byte order."""
    height, width = samples.shape[:2]
    data = samples.astype(f"{order}u2").tobytes()
    fields = [(256, 4, width), (257, 4, height), (259, 3, 1), (262, 3, 2), (273, 4, 8)]
    fields += [(277, 3, 3), (278, 4, height), (279, 4, len(data))]
    bits = 8 + len(data)
    entries = [(258, 3, 3, struct.pack(f"{order}I", bits))]
    for tag, kind, value in fields:
        form = f"{order}HH" if kind == 3 else f"{order}I"
        entries.append((tag, kind, 1, struct.pack(form, *((value, 0) if kind == 3 else (value,)))))
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, n, value in sorted(entries):
        directory += struct.pack(f"{order}HHI", tag, kind, n) + value
    start = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, bits + 6)
    return start + data + struct.pack(f"{order}3H", 16, 16, 16) + directory + bytes(4)


def refused(source: bytes | Path, **options: Any) -> str:
    with pytest.raises(ImageError) as caught:
        decode(source, **options)
    assert caught.value.reason in str(caught.value) or len(str(caught.value)) > 20
    return caught.value.reason
