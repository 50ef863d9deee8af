"""Resizing images to a network's input, by name: numbers of different rules do not compare.

| mode | rule | the same as |
|---|---|---|
| `clean` | PIL bicubic of float pixels: antialiased, never rounded, clipped to [0, 255] | clean-fid "clean" |
| `clean-{bilinear,lanczos,box,nearest}` | the same with another filter | `make_resizer("PIL", False, ...)` |
| `quantised-{bicubic,bilinear,lanczos,box,nearest}` | PIL on 8-bit pixels, rounded after each pass | `make_resizer("PIL", True, ...)`, dgm-eval |
| `legacy_pytorch` | bilinear, half-pixel centres, not antialiased | clean-fid "legacy_pytorch", pytorch-fid |
| `legacy_tensorflow` | TensorFlow 1 bilinear: corners at the origin, not antialiased | torch-fidelity, StyleGAN's Inception |
| `torch-bicubic-antialias` | `torch.nn.functional.interpolate`, not clipped | |
| `torch-bilinear-antialias` | the same, bilinear | torchmetrics 1.8 and later |

Pixels stay in 0..255 and aspect ratios are not kept. Each image is resized by itself, so the batch
that it came in changes no bit.

Source: Parmar et al., "On Aliased Resizing and Surprising Subtleties in GAN Evaluation", CVPR 2022.
"""  # noqa: E501  (a table does not wrap)

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.registry import nearest
from anyres_bench.data.kernels import KERNELS
from anyres_bench.data.pixels import FILTERS, resize_uint8

# Output rows (or columns) a matrix product makes at once. A row needs a few input rows only, so
# the matrices of a block are small and nearly full; 16 was fastest from 256 to 4096 pixels on CPUs.
# A GPU makes all at once: to be told of a product takes it longer than the product.
_BLOCK = 16

# Values of images that a GPU resizes at once, so that floats of all of them find room
_PIXELS = 1 << 26


def resize(images: Tensor, size: Size, mode: str = "clean") -> Tensor:
    """Resize 8-bit images by the named rule.

    Args:
        images: (n, 3, h, w) uint8.
        size: of the results.
        mode: a name of `MODES`.

    Returns:
        (n, 3, size.height, size.width) float32 in 0..255; `torch-*` may overshoot.

    Raises:
        UnknownNameError: no such mode.
        UsageError: the images are not (n, 3, h, w) uint8.
    """
    if mode not in MODES:
        raise UnknownNameError(f"unknown resize mode {mode!r}; {nearest(mode, MODES)}")
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise UsageError(
            f"got {images.dtype} images of shape {tuple(images.shape)}; expected uint8 "
            "(n, 3, h, w): use anyres_bench.data.pixels.to_uint8"
        )
    resized = images.new_empty((len(images), 3, *size), dtype=torch.float32)
    at_once = 1
    if not images.is_cpu:
        images = images.contiguous()  # of another layout products are other kernels
        at_once = max(1, _PIXELS // max(1, images[:1].numel()))
    for i in range(0, len(images), at_once):
        resized[i : i + at_once] = MODES[mode](images[i : i + at_once], size)
    return resized


@dataclass(frozen=True)
class _Block:
    """Outputs `first` to `last` of an axis are `weights` times inputs `low` to `high`."""

    first: int
    last: int
    low: int
    high: int
    weights: Tensor


def _pil_float(images: Tensor, size: Size, filter_name: str) -> Tensor:
    """Pillow's antialiased resize of float pixels as two passes of matrix products."""
    if not images.is_cpu:
        return _pil_float_in_two(images, size, filter_name)
    each = [_pil_float_in_blocks(image, size, filter_name) for image in images]
    return torch.stack(each) if len(each) > 1 else each[0][None]


def _pil_float_in_blocks(image: Tensor, size: Size, filter_name: str) -> Tensor:
    """One image, by small products."""
    _, height, width = image.shape
    rows = torch.empty((3, size.height, width))
    for block in _blocks(height, size.height, filter_name, "cpu", _BLOCK):
        band = image[:, block.low : block.high].float()
        rows[:, block.first : block.last] = block.weights @ band
    flat = rows.view(-1, width)
    resized = torch.empty((len(flat), size.width))
    for block in _blocks(width, size.width, filter_name, "cpu", _BLOCK):
        resized[:, block.first : block.last] = flat[:, block.low : block.high] @ block.weights.T
    return resized.clamp_(0, 255).view(3, *size)


def _pil_float_in_two(images: Tensor, size: Size, filter_name: str) -> Tensor:
    """Every image by two products of its own.

    A library takes another kernel for another number of matrices, and for matrices that begin
    elsewhere: each result begins at a multiple of 256 bytes.
    """
    height, width = images.shape[2:]
    device, n_values = str(images.device), 3 * size.height * size.width
    [down] = _blocks(height, size.height, filter_name, device, size.height)
    [across] = _blocks(width, size.width, filter_name, device, size.width)
    apart = torch.empty((len(images), -(-n_values // 64) * 64), device=images.device)
    rows = torch.empty((3, size.height, width), device=images.device)
    flat, by_row = rows.view(-1, width)[:, across.low : across.high], down.weights.expand(3, -1, -1)
    for image, place in zip(images, apart, strict=True):
        torch.bmm(by_row, image[:, down.low : down.high].float(), out=rows)
        torch.mm(flat, across.weights.T, out=place[:n_values].view(-1, size.width))
    return apart[:, :n_values].view(len(images), 3, *size).clamp(0, 255)


@functools.lru_cache(maxsize=64)
def _blocks(n_in: int, n_out: int, filter_name: str, device: str, side: int) -> tuple[_Block, ...]:
    """Outputs of an axis, `side` at a time."""
    low, taps = _taps(n_in, n_out, filter_name)
    blocks = []
    for first in range(0, n_out, side):
        last = min(first + side, n_out)
        start, stop = int(low[first]), min(int(low[last - 1]) + taps.shape[1], n_in)
        weights = np.zeros((last - first, stop - start + taps.shape[1]))
        columns = (low[first:last, None] - start) + np.arange(taps.shape[1])
        np.put_along_axis(weights, columns, taps[first:last], axis=1)
        # Taps beyond the last input have no weight, so their columns can go.
        kept = torch.from_numpy(weights[:, : stop - start].astype(np.float32)).to(device)
        blocks.append(_Block(first, last, start, stop, kept))
    return tuple(blocks)


def _taps(n_in: int, n_out: int, filter_name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """First input of each output and its weights, (n_out,) and (n_out, taps).

    Pillow's rule: the filter is centred on the output pixel and stretched by the ratio of sizes
    when shrinking; inputs outside the image are left out, and the weights add up to one.
    """
    support, kernel = KERNELS[filter_name]
    ratio = n_in / n_out
    stretch = max(ratio, 1.0)
    centre = (np.arange(n_out) + 0.5) * ratio
    low = np.maximum((centre - support * stretch + 0.5).astype(np.int64), 0)
    high = np.minimum((centre + support * stretch + 0.5).astype(np.int64), n_in)
    inputs = low[:, None] + np.arange(int((high - low).max()))
    weights = kernel((inputs + 0.5 - centre[:, None]) / stretch) * (inputs < high[:, None])
    return low, weights / weights.sum(axis=1, keepdims=True)


def _quantised(images: Tensor, size: Size, filter_name: str) -> Tensor:
    pictures = images.cpu().permute(0, 2, 3, 1).numpy()
    resized = np.stack([resize_uint8(pixels, size, filter_name) for pixels in pictures])
    return torch.from_numpy(resized).to(images.device).permute(0, 3, 1, 2).float()


def _torch(images: Tensor, size: Size, filter_name: str, antialias: bool) -> Tensor:
    resized: Tensor = functional.interpolate(
        images.float(), tuple(size), mode=filter_name, align_corners=False, antialias=antialias
    )
    return resized


def _legacy_pytorch(images: Tensor, size: Size) -> Tensor:
    return _torch(images, size, "bilinear", antialias=False).clamp_(0, 255)


def _legacy_tensorflow(images: Tensor, size: Size) -> Tensor:
    """Output i looks at i * in / out, without the half-pixel shift, between its two neighbours."""

    up, down, y = _neighbours(images.shape[2], size.height, str(images.device))
    left, right, x = _neighbours(images.shape[3], size.width, str(images.device))
    columns = _between(_columns(images, left).float(), _columns(images, right).float(), x)
    return _between(columns.index_select(2, up), columns.index_select(2, down), y[:, None])


@functools.lru_cache(maxsize=64)
def _neighbours(n_in: int, n_out: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """The inputs that outputs lie between, and how far they are from the first."""
    place = torch.arange(n_out) * (torch.tensor(n_in) / n_out)
    low = place.floor().long()
    first, second, share = (
        each.to(device) for each in (low, (low + 1).clamp_(max=n_in - 1), place - low)
    )
    return first, second, share


def _columns(images: Tensor, which: Tensor) -> Tensor:
    """Columns of (n, 3, h, w) uint8; numpy gathers single bytes three times as fast."""
    if not images.is_cpu:
        return images.index_select(3, which)
    return torch.from_numpy(images.numpy().take(which.numpy(), axis=3))


def _between(low: Tensor, high: Tensor, share: Tensor) -> Tensor:
    """low + (high - low) * share, in the place of `high`."""
    return high.sub_(low).mul_(share).add_(low)


MODES: dict[str, Callable[[Tensor, Size], Tensor]] = {
    "clean": functools.partial(_pil_float, filter_name="bicubic"),
    # A nearest pixel is the same one, rounded or not.
    "clean-nearest": functools.partial(_quantised, filter_name="nearest"),
    "legacy_pytorch": _legacy_pytorch,
    "legacy_tensorflow": _legacy_tensorflow,
    "torch-bicubic-antialias": functools.partial(_torch, filter_name="bicubic", antialias=True),
    "torch-bilinear-antialias": functools.partial(_torch, filter_name="bilinear", antialias=True),
    **{
        f"clean-{name}": functools.partial(_pil_float, filter_name=name)
        for name in ("bilinear", "lanczos", "box")
    },
    **{f"quantised-{name}": functools.partial(_quantised, filter_name=name) for name in FILTERS},
}
"""Name -> rule, (n, 3, h, w) uint8 -> (n, 3, H, W) float32; a CPU is given one image at a time."""
