"""Items as tensors: every view of each, the same with any number of threads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import DatasetError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.data.dataset import DATASET_NAME
from anyres_bench.data.reading import ItemPixels, check_files, view_pixels
from anyres_bench.data.views import ImageView, Item, View
from tests.fakes import write_dataset

IMAGES = [
    np.random.default_rng(i).integers(0, 256, (70 + 9 * i, 92, 3), dtype=np.uint8) for i in range(3)
]


def item(i: int) -> Item[ImageView]:
    """A window of an image, and all of its square made small."""
    image = i % len(IMAGES)
    square = Box(0, i % 3, 70, 70)
    window = Region(Size(64, 64), i, 2 * i, Size(32, 32))
    whole = Region.whole(Size(40, 40))
    flip = i % 2 == 1
    return Item(image, tuple(ImageView(image, flip, square, View(r)) for r in (window, whole)))


@pytest.mark.parametrize("n_workers", [0, 3])
def test_every_view_of_every_item(n_workers: int) -> None:
    items = [item(i) for i in range(11)]
    data = ItemPixels(lambda i: IMAGES[i], items)
    assert len(data) == 11
    parts = [range(0, 4), range(4, 8), range(8, 11)]
    batches = list(data.batches(parts, n_workers))
    assert [[tuple(view.shape) for view in views] for views in batches] == [
        [(n, 3, 32, 32), (n, 3, 40, 40)] for n in (4, 4, 3)
    ]
    for number, one in enumerate(items):
        views = [torch.cat(view)[number] for view in zip(*batches, strict=True)]
        for got, view in zip(views, one.views, strict=True):
            want = view_pixels(IMAGES[one.group], view).transpose(2, 0, 1)
            np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("n_edited", [1, 24])
def test_files_that_were_edited_in_place_are_noticed(tmp_path: Path, n_edited: int) -> None:
    """Also where no length tells it, as of pictures that are not compressed."""
    dataset = write_dataset(tmp_path, [(8, 9)] * 24)
    check_files(dataset)
    for record in dataset.manifest[:n_edited]:
        path = dataset.path(record)
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        later = (tmp_path / DATASET_NAME).stat().st_mtime_ns + 10**9
        os.utime(path, ns=(later, later))
    with pytest.raises(DatasetError, match="is not the file that was collected"):
        check_files(dataset)
