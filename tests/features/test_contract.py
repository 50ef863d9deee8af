"""The battery of extractors passes a good one and finds each broken promise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from anyres_bench.core.errors import ModelError
from anyres_bench.core.geometry import Size
from anyres_bench.features.contract import check_contract, pictures
from anyres_bench.features.extractor import (
    FeatureExtractor,
)


class Means:
    """A good extractor: channel means."""

    id, dim, n_views, is_fid = "means", 3, 1, False

    def __call__(self, images: Tensor) -> Tensor:
        return images.double().mean((2, 3)).float()


class Leaky(Means):
    """Centres its batch."""

    def __call__(self, images: Tensor) -> Tensor:
        means = super().__call__(images)
        return means - means.mean(0) if len(means) else means


class Doubled(Means):
    """Forgets to return float32."""

    def __call__(self, images: Tensor) -> Tensor:
        return super().__call__(images).double()


class Short(Means):
    """Says that it has four numbers."""

    dim = 4


class Blind(Means):
    """Sees nothing."""

    def __call__(self, images: Tensor) -> Tensor:
        return torch.zeros((len(images), 3))


class Undefined(Means):
    """Divides by zero."""

    def __call__(self, images: Tensor) -> Tensor:
        return super().__call__(images) * torch.nan


class Spaced(Means):
    """Has an id that no file name or table would like."""

    id = "two words"


class Destructive(Means):
    """Works in place."""

    def __call__(self, images: Tensor) -> Tensor:
        means = super().__call__(images)
        images.zero_()
        return means


def test_the_battery_passes_a_good_extractor() -> None:
    assert isinstance(Means(), FeatureExtractor)
    check_contract(Means())


@pytest.mark.parametrize(
    ("extractor", "message"),
    [
        (Leaky(), "depends on the batch"),
        (Doubled(), "float64"),
        (Short(), r"expected \(0, 4\)"),
        (Blind(), "same vector"),
        (Undefined(), "NaN"),
        (Spaced(), "without spaces"),
        (Destructive(), "changed the images"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_battery_finds_each_broken_promise(extractor: Means, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_contract(extractor)


def test_the_pictures_of_the_battery_never_change() -> None:
    images = pictures(2, Size(40, 50))
    assert images.shape == (2, 3, 40, 50)
    assert images.dtype == torch.uint8
    assert images.flatten(1)[:, ::997].tolist() == [
        [195, 195, 151, 114, 116, 154, 94],
        [167, 114, 95, 146, 174, 102, 103],
    ]
