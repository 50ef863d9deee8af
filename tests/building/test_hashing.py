"""Perceptual hashes stay where the picture stays, and differ where it differs."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anyres_bench.building.hashing import LEAST_DETAIL, perceptual_hash
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.scenes import Scene, render

Pixels = NDArray[np.uint8]


@functools.cache
def scene(seed: int, height: int = 192, width: int = 256) -> Image.Image:
    image = render(Scene(seed), Region.whole(Size(height, width)))
    return Image.fromarray(((image.clip(-1, 1) + 1) * 127.5).astype(np.uint8).transpose(1, 2, 0))


def apart(one: Image.Image, two: Image.Image) -> int:
    hashes = [
        np.frombuffer(perceptual_hash(np.asarray(image.convert("RGB")))[0], np.uint8)
        for image in (one, two)
    ]
    return int(np.bitwise_count(hashes[0] ^ hashes[1]).sum())


def jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=20)
    return Image.open(file)


SAME: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed": jpeg,
    "halved": lambda image: image.resize((128, 96), Image.Resampling.LANCZOS),
    "doubled": lambda image: image.resize((512, 384), Image.Resampling.BICUBIC),
    "brighter": lambda image: image.point(lambda level: min(255, int(level * 1.2))),
    "grey": lambda image: image.convert("L"),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_the_same_picture(change: Callable[[Image.Image], Image.Image]) -> None:
    for seed in range(4):
        assert apart(scene(seed), change(scene(seed))) <= 31


def test_other_pictures() -> None:
    images = [scene(seed) for seed in range(8)]
    distances = [apart(one, two) for i, one in enumerate(images) for two in images[:i]]
    assert min(distances) > 62, "twice the threshold"


def test_flat_pictures_have_no_detail() -> None:
    flat = np.full((50, 70, 3), 128, np.uint8)
    assert perceptual_hash(flat)[1] == 0
    dot = np.full((1, 1, 3), 9, np.uint8)
    assert perceptual_hash(dot)[1] < LEAST_DETAIL
    assert perceptual_hash(np.asarray(scene(1)))[1] > LEAST_DETAIL


def test_luma_has_the_hash_of_the_colours() -> None:
    for seed in range(4):
        image = scene(seed, 130, 517)
        colours, detail = perceptual_hash(np.asarray(image))
        luma, of_luma = perceptual_hash(np.asarray(image.convert("L")))
        bits = np.frombuffer(colours, np.uint8) ^ np.frombuffer(luma, np.uint8)
        assert int(np.bitwise_count(bits).sum()) <= 4
        assert of_luma == pytest.approx(detail, rel=0.01)
