"""Maps of detail: where an image holds what a smaller copy of it would lose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.pixels import Pixels
from anyres_bench.data.spectra import luminance

Map = NDArray[np.float64]
BLOCK = 32  # px
_ROUNDING = 1 / 12  # squared grey levels: what rounding to 8 bits alone may add


def spectral_detail(pixels: Pixels, scale: float, block: int = BLOCK) -> Map:
    """Local spectral energy that shrinking by `scale` would remove.

    Each block of the grey image is Hann-windowed; counted is its variance at frequencies above
    `scale` times Nyquist along the rows or the columns, which a copy of that scale cannot hold.

    Args:
        pixels: (h, w, 3) uint8.
        scale: of the smaller copy, in sides; 1 and more lose nothing.
        block: side of a block, px; the last ones are completed by mirroring.

    Returns:
        (ceil(h / block), ceil(w / block)) float64, squared grey levels; 0 where no more is
        lost than rounding to 8 bits adds.
    """
    rows = [
        _energies(luminance(pixels[top : top + block]), scale, block)
        for top in range(0, pixels.shape[0], block)
    ]
    return np.stack(rows)


def _energies(grey: NDArray[np.floating], scale: float, block: int) -> Map:
    """Energies of a row of blocks."""
    height, width = grey.shape
    grey = np.pad(grey, ((0, block - height), (0, -width % block)), mode="symmetric")
    blocks = grey.reshape(block, -1, block).transpose(1, 0, 2)
    hann = np.sin(np.pi * (np.arange(block) + 0.5) / block) ** 2
    window = np.outer(hann, hann)
    level = (blocks * window).sum(axis=(1, 2), keepdims=True) / window.sum()
    power = np.abs(np.fft.rfft2((blocks - level) * window)) ** 2
    # Parseval: the sum over all frequencies is the windowed block's variance.
    y, x = np.abs(np.fft.fftfreq(block)) * 2, np.fft.rfftfreq(block) * 2
    lost = np.maximum(y[:, None], x[None]) > scale
    weight = lost * _times(block) / (block**2 * (window**2).sum())
    energy = (power * weight).sum(axis=(1, 2))
    return np.asarray(np.where(energy > _ROUNDING, energy, 0.0))


def _times(block: int) -> NDArray[np.float64]:
    """How often each column of an rfft2 stands in the whole transform."""
    times = np.full(block // 2 + 1, 2.0)
    times[0] = 1
    if block % 2 == 0:
        times[-1] = 1
    return times


def integral(detail: Map, image: Size, box: tuple[float, float, float, float]) -> float:
    """The sum of a map over a box of the image, cells counted by the share that the box covers.

    Args:
        detail: (rows, columns) over the whole image, equal cells.
        image: its size, px.
        box: (top, left, bottom, right), px.
    """
    top, left, bottom, right = box
    rows, columns = detail.shape
    y = _overlap(rows, top * rows / image.height, bottom * rows / image.height)
    x = _overlap(columns, left * columns / image.width, right * columns / image.width)
    return float(y @ detail @ x)


def _overlap(n: int, begin: float, end: float) -> NDArray[np.float64]:
    cells = np.arange(n)
    share = np.minimum(cells + 1, end) - np.maximum(cells, begin)
    return np.asarray(np.clip(share, 0, 1), np.float64)


def checked(detail: Map) -> Map:
    """A map of finite numbers, none below 0.

    Raises:
        UsageError: it is not.
    """
    array = np.asarray(detail, np.float64)
    if array.ndim != 2 or not array.size or not np.isfinite(array).all() or array.min() < 0:
        raise UsageError(
            f"a detail map is (rows, columns) of finite numbers, none below 0; got shape "
            f"{array.shape}"
        )
    return array
