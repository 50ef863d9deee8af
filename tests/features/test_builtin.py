"""The built-in extractor: exact where arithmetic says what to expect, and what it responds to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.pixels import to_uint8
from anyres_bench.data.scenes import Scene, render
from anyres_bench.features import builtin
from anyres_bench.features.builtin import GROUPS, ID, BuiltinExtractor, describe
from anyres_bench.features.contract import check_contract, pictures
from anyres_bench.features.extractor import extractor_from

EXTRACTOR = BuiltinExtractor()


def group(image: Tensor, name: str) -> np.ndarray:
    """One group of numbers, in natural units."""
    names = [g.__name__ for g in GROUPS]
    ends = np.cumsum([len(units) for units in GROUPS.values()])
    return np.split(describe(image.numpy()), ends[:-1])[names.index(name)]


def test_the_contract() -> None:
    check_contract(EXTRACTOR)
    check_contract(EXTRACTOR, [Size(32, 32), Size(33, 257)])


def test_numbers_do_not_depend_on_how_pixels_lie_in_memory() -> None:
    images = pictures(2, Size(40, 56))
    turned = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(EXTRACTOR(turned), EXTRACTOR(images))


def test_its_name_and_size() -> None:
    extractor = extractor_from("builtin")
    assert (extractor.id, extractor.dim, extractor.is_fid) == (ID, 154, False)
    with pytest.raises(UsageError, match="no weights"):
        extractor_from("builtin@file:x.pth")


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros((1, 3, 31, 64), dtype=torch.uint8),
        torch.zeros((1, 1, 64, 64), dtype=torch.uint8),
        torch.zeros((1, 3, 64, 64)),
        torch.zeros((3, 64, 64), dtype=torch.uint8),
    ],
)
def test_images_that_it_cannot_describe_are_refused(images: Tensor) -> None:
    with pytest.raises(UsageError, match=r"31x64|expected uint8"):
        EXTRACTOR(images)


def test_numbers_do_not_depend_on_threads() -> None:
    images, here, features = pictures(2, Size(96, 80)), torch.get_num_threads(), []
    for n in (1, 4):
        torch.set_num_threads(n)
        try:
            with threadpool_limits(limits=n):
                features.append(EXTRACTOR(images))
        finally:
            torch.set_num_threads(here)
    assert torch.equal(*features)


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_flat_picture_has_no_detail(level: int) -> None:
    image = torch.full((3, 48, 64), level, dtype=torch.uint8)
    assert np.isfinite(describe(image.numpy())).all()
    tone = group(image, "tone")
    np.testing.assert_allclose(tone[:3], [level * 3**0.5, 0, 0], atol=1e-4)
    np.testing.assert_array_equal(tone[3:6], 0)
    np.testing.assert_allclose(group(image, "layout"), 0, atol=1e-4)
    np.testing.assert_allclose(group(image, "detail")[0], np.log(0.1), atol=1e-5)
    np.testing.assert_allclose(group(image, "sparsity"), 0, atol=1e-6)


def scenes(n: int, side: int = 96) -> Tensor:
    regions = [Region(Size.square(2 * side), 30, 50, Size.square(side))] * n
    images = [render(Scene(1000 + i), region) for i, region in enumerate(regions)]
    return to_uint8(torch.from_numpy(np.stack(images)))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return scenes(10)


def seamed(images: Tensor, period: int, height: int) -> Tensor:
    """A step of some grey levels up or down at every multiple of `period` columns."""
    step = (torch.arange(images.shape[-1]) // period % 2) * height
    return (images.short() + step).clamp(0, 255).byte()


def test_a_seam_stands_out(images: Tensor) -> None:
    before, after = (
        np.mean([group(i, "artefacts")[:4] for i in x], axis=0)
        for x in (images, seamed(images, 41, 4))
    )
    assert (after > 1.1 * before).all()


@pytest.mark.parametrize("period", builtin._PERIODS)
def test_a_grid_is_found_at_its_period(images: Tensor, period: int) -> None:
    def periodicity(x: Tensor) -> np.ndarray:
        return np.mean([group(i, "artefacts")[4:8] for i in x], axis=0)

    comb = (torch.arange(images.shape[-1]) % period == 0) * 9
    change = periodicity((images.short() + comb).clamp(0, 255).byte()) - periodicity(images)
    assert change[builtin._PERIODS.index(period)] > 0.25


def test_flat_runs_are_counted() -> None:
    image = pictures(1, Size(64, 64))[0]
    doubled = image[:, ::2, ::2].repeat_interleave(2, 1).repeat_interleave(2, 2)
    share = np.exp(group(doubled, "artefacts")[8]) - 1e-2
    assert share == pytest.approx(0.5, abs=0.05)


def test_the_frozen_numbers() -> None:
    features = EXTRACTOR(pictures(1, Size(64, 48)))[0]
    names = [g.__name__ for g in GROUPS]
    ends = np.cumsum([len(units) for units in GROUPS.values()]).tolist()
    first = dict(zip(names, features[[0, *ends[:-1]]].tolist(), strict=True))
    assert first == pytest.approx(
        {
            "tone": 4.24236,
            "layout": 0.13009,
            "detail": 1.20618,
            "sparsity": 1.86798,
            "structure": -0.20987,
            "artefacts": 8.9392,
        },
        rel=1e-4,
    )
    assert float(features.abs().sum()) == pytest.approx(255.98694, rel=1e-5)
