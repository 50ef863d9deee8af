"""Plain interpolation: Pillow's, of any part of an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from anyres_bench.core.errors import UnknownNameError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.interpolation import FILTERS, find_filter, resample, source_window

PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.mark.parametrize("name", PILLOW)
@pytest.mark.parametrize("size", [Size(64, 80), Size(23, 31), Size(10, 77), Size(11, 9)])
def test_filters_are_those_of_pillow(name: str, size: Size) -> None:
    pixels = np.random.default_rng(0).random((23, 31)).astype(np.float32)
    expected = Image.fromarray(pixels).resize((size.width, size.height), PILLOW[name])
    image, rule = Size(23, 31), find_filter(name)
    tensor = torch.from_numpy(pixels)[None, None]
    got = resample(tensor, image, Box.whole(image), Region.whole(size), rule)
    assert np.abs(got[0, 0].numpy() - np.asarray(expected)).max() < 1e-6


@pytest.mark.parametrize("name", FILTERS)
def test_a_window_of_the_source_is_enough(name: str) -> None:
    image, rule = Size(23, 31), find_filter(name)
    tensor = torch.rand(1, 2, *image, generator=torch.Generator().manual_seed(0))
    for canvas in (Size(64, 80), Size(10, 77)):
        whole = resample(tensor, image, Box.whole(image), Region.whole(canvas), rule)
        region = Region(canvas, 3, 40, Size(5, 30))
        window = source_window(image, region, rule)
        cut = tensor[:, :, window.top : window.bottom, window.left : window.right]
        part = resample(cut, image, window, region, rule)
        assert torch.allclose(part, whole[:, :, 3:8, 40:70], atol=1e-6)
        assert cut.numel() < tensor.numel()


def test_every_filter_keeps_a_constant_and_rejects_other_names() -> None:
    image = Size(9, 9)
    for name in FILTERS:
        ones = torch.ones(1, 1, *image)
        region = Region.whole(Size(20, 5))
        got = resample(ones, image, Box.whole(image), region, find_filter(name))
        assert torch.allclose(got, torch.ones_like(got), atol=1e-6)
    with pytest.raises(UnknownNameError, match="lanczos"):
        find_filter("lanczo")
