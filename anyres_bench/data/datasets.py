"""Manifest + views -> tensors: the real side of a comparison, and of a training batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from anyres_bench.core.errors import DatasetError
from anyres_bench.core.geometry import Size
from anyres_bench.data.pixels import Pixels, crop, decode, resize_uint8
from anyres_bench.data.recipes import Dataset
from anyres_bench.data.views import RealView
from anyres_bench.data.windows import resized_window

if TYPE_CHECKING:
    from torch import Tensor


def view_pixels(pixels: Pixels, view: RealView) -> Pixels:
    """The pixels that a view compares: mirror, square, Lanczos to the canvas, window, part.

    Args:
        pixels: (h, w, 3) uint8, the whole image.
        view: drawn for an image of this size.

    Returns:
        (height, width, 3) uint8 of `view.view.size`.
    """
    region, part = view.view.region, view.view.crop
    square = crop(pixels[:, ::-1] if view.flip else pixels, view.square)
    if region.is_whole:
        window = resize_uint8(square, region.canvas, "lanczos")
    else:
        window = resized_window(square, region.canvas, region.box, "lanczos")
    return window if part is None else crop(window, part)


def read_image(dataset: Dataset, index: int) -> Pixels:
    """Pixels of image `index` of a dataset, (h, w, 3) uint8.

    Raises:
        ImageError: the file cannot be decoded.
        DatasetError: it has not the size that the manifest states.
    """
    record = dataset.manifest[index]
    pixels = decode(dataset.path(record)).pixels
    size = Size(*pixels.shape[:2])
    if size != record.size:
        raise DatasetError(
            f"{dataset.path(record)} is {size}, its record says {record.size}: the file was "
            "changed after it was collected; collect the dataset again"
        )
    return pixels


class SizedImageDataset:
    """Views of images of many sizes as tensors of one size; item i is view i.

    Args:
        read: whole image of an index, (h, w, 3) uint8.
        views: what to show of which image.
    """

    def __init__(self, read: Callable[[int], Pixels], views: Sequence[RealView]) -> None:
        self._read = read
        self._views = views

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, i: int) -> Tensor:
        """View i: (3, h, w) uint8."""
        import torch

        view = self._views[i]
        pixels = view_pixels(self._read(view.image), view)
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))

    def batches(self, parts: Iterable[Sequence[int]], n_workers: int = 0) -> Iterator[Tensor]:
        """(n, 3, h, w) uint8 of each list of items, in order; one list is prepared ahead.

        The pixels do not depend on the number of worker threads.
        """
        import torch

        if n_workers < 1:
            yield from (torch.stack([self[i] for i in part]) for part in parts)
            return
        with ThreadPoolExecutor(n_workers) as pool:
            ahead: list[Iterator[Tensor]] = []
            for part in parts:
                ahead.append(pool.map(self.__getitem__, part))
                if len(ahead) > 1:
                    yield torch.stack(list(ahead.pop(0)))
            yield from (torch.stack(list(items)) for items in ahead)
