"""Items as tensors: every view of each, the same with any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.data.reading import ItemPixels, view_pixels
from anyres_bench.data.views import ImageView, Item, View

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
