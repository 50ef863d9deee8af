"""Manifest + views -> tensors: the real side of a comparison, and of a training batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anyres_bench.core.errors import DatasetError, ImageError
from anyres_bench.core.files import sha256_bytes
from anyres_bench.core.geometry import Size
from anyres_bench.data.dataset import DATASET_NAME, Dataset
from anyres_bench.data.headers import content_of
from anyres_bench.data.pixels import Pixels, crop, decode, resample_uint8, resize_uint8
from anyres_bench.data.records import ImageRecord
from anyres_bench.data.views import ImageView, Item
from anyres_bench.data.windows import resized_window

if TYPE_CHECKING:
    from torch import Tensor

_N_READ = 16  # of the files that are younger than their dataset


def view_pixels(pixels: Pixels, view: ImageView) -> Pixels:
    """The pixels that a view compares: mirror, cut, Lanczos to the canvas, window, part.

    Args:
        pixels: (h, w, 3) uint8, the whole image.
        view: drawn for an image of this size.

    Returns:
        (height, width, 3) uint8 of `view.view.size`.
    """
    region, part = view.view.region, view.view.crop
    source = crop(pixels[:, ::-1] if view.flip else pixels, view.source)
    if region.is_whole:
        window = resize_uint8(source, region.canvas, "lanczos")
    else:
        window = resized_window(source, region.canvas, region.box, "lanczos")
    return window if part is None else crop(window, part)


def shrunk_view_pixels(pixels: Pixels, size: Size, shrink: int, view: ImageView) -> Pixels:
    """Nearly `view_pixels`, of an image that was decoded at 1/`shrink` of its size.

    Where what was decoded is four times as wide as the canvas, levels of photographs are off by
    0.3 to 0.7 on average and by up to 28 at single pixels (`benchmarks/jpeg_scales.py`): good for
    training, too coarse for metrics.

    Args:
        pixels: (ceil(h / shrink), ceil(w / shrink), 3) uint8.
        size: (h, w) of the file's image.
        shrink: how many of the file's pixels one of these stands for, along each axis.
        view: drawn for an image of `size`; it takes no part of its window.

    Returns:
        (height, width, 3) uint8 of `view.view.size`.
    """
    region, source = view.view.region, view.source
    step = source.width / region.canvas.width
    left, top = source.left + region.left * step, source.top + region.top * step
    right, bottom = left + region.size.width * step, top + region.size.height * step
    if view.flip:  # the source lies in the mirrored image
        left, right = size.width - right, size.width - left
    box = (left / shrink, top / shrink, right / shrink, bottom / shrink)
    window = resample_uint8(pixels, region.size, box)
    return window[:, ::-1] if view.flip else window


def read_image(dataset: Dataset, index: int, shrink: int = 1) -> Pixels:
    """Pixels of image `index` of a dataset, (h, w, 3) uint8.

    They are those of the bytes whose digest the record states, or an error: what is computed from
    them may be kept under the dataset's digest.

    Args:
        dataset, index: which image.
        shrink: decode a JPEG file at 1/2, 1/4 or 1/8 of its size.

    Raises:
        ImageError: the file cannot be read or decoded.
        DatasetError: it is not the file that was collected.
    """
    record = dataset.manifest[index]
    path = dataset.path(record)
    data = stored_bytes(dataset, record)
    decoded = decode(data, dataset.max_pixels, shrink=shrink, name=str(path))
    size = Size(*decoded.pixels.shape[:2]) if shrink == 1 else decoded.info.size
    if size != record.size:
        raise DatasetError(
            f"{path} is {size}, its record says {record.size}, although the file is the one that "
            "was collected: another version read it otherwise; collect the dataset again"
        )
    return decoded.pixels


def stored_bytes(dataset: Dataset, record: ImageRecord) -> bytes:
    """The file of an image, as it was collected.

    Raises:
        ImageError: it cannot be read.
        DatasetError: it is another one.
    """
    path = dataset.path(record)
    try:
        data = content_of(path, record.n_bytes)
    except ImageError as error:
        if error.reason != "too-large":
            raise
        data = b""  # longer than the record says, and not read any further
    found = sha256_bytes(data)
    if found != record.sha256:
        raise DatasetError(
            f"{path} is not the file that was collected (its SHA-256 is not {record.sha256[:12]}): "
            "restore it, or collect the dataset again"
        )
    return data


def check_files(dataset: Dataset) -> None:
    """Notice files that were changed or lost before something kept of them is used.

    Lengths are looked at, and the bytes of a few of the files that are younger than the dataset, as
    those that were edited in place are, and those of some copies; `read_image` holds every byte
    that it reads against its record.

    Raises:
        DatasetError: a file is gone, or another than its record says.
    """
    complete = _time(dataset.folder / DATASET_NAME)
    younger = []
    for record in dataset.manifest:
        path = dataset.path(record)
        try:
            found = path.stat()
        except OSError as error:
            raise DatasetError(
                f"{path} cannot be read: {error.strerror}; restore it, or collect the dataset again"
            ) from error
        if found.st_size != record.n_bytes:
            raise DatasetError(
                f"{path} is not the file that was collected ({found.st_size} bytes, its record "
                f"says {record.n_bytes}): restore it, or collect the dataset again"
            )
        if complete is not None and found.st_mtime_ns > complete:
            younger.append(record)
    for record in younger[:: max(1, len(younger) // _N_READ)][:_N_READ]:
        stored_bytes(dataset, record)


def _time(path: Path) -> int | None:
    """When a file was written, ns; None where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def item_views(pixels: Pixels, item: Item[ImageView]) -> tuple[Tensor, ...]:
    """(3, h, w) uint8 of each view of an item, from its whole image (h, w, 3)."""
    return tuple(_planes(view_pixels(pixels, view)) for view in item.views)


class ItemPixels:
    """Items of images of many sizes as tensors of one size a view.

    Args:
        read: whole image of an index, (h, w, 3) uint8; or one such for each view.
        items: what to show of which image.
    """

    def __init__(
        self,
        read: Callable[[int], Pixels] | Sequence[Callable[[int], Pixels]],
        items: Sequence[Item[ImageView]],
    ) -> None:
        self._readers = [read] if callable(read) else list(read)
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, i: int) -> tuple[Tensor, ...]:
        """Item i: (3, h, w) uint8 of each of its views."""
        views = zip(itertools.cycle(self._readers), self._items[i].views, strict=False)
        return tuple(_planes(view_pixels(read(view.image), view)) for read, view in views)

    def batches(
        self, parts: Iterable[Sequence[int]], n_workers: int = 0
    ) -> Iterator[tuple[Tensor, ...]]:
        """(n, 3, h, w) uint8 of each view of each list of items, in order; one list ahead.

        The pixels do not depend on the number of worker threads.
        """
        if n_workers < 1:
            yield from (_stacked(self[i] for i in part) for part in parts)
            return
        with ThreadPoolExecutor(n_workers) as pool:
            ahead: list[Iterator[tuple[Tensor, ...]]] = []
            for part in parts:
                ahead.append(pool.map(self.__getitem__, part))
                if len(ahead) > 1:
                    yield _stacked(ahead.pop(0))
            yield from map(_stacked, ahead)


def _planes(pixels: Pixels) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _stacked(items: Iterable[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    import torch

    return tuple(torch.stack(list(view)) for view in zip(*items, strict=True))
