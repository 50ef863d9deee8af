"""Reading images of a dataset: what is read is what was collected, or an error."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.errors import DatasetError, ImageError
from anyres_bench.core.files import sha256_file
from anyres_bench.data.containers import LARGEST_PIXELS, MAX_PIXELS
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.reading import read_image, stored_bytes
from anyres_bench.data.records import ImageRecord, Manifest


@pytest.fixture(params=["bmp", "png", "jpg", "tif", "webp", "gif", "ppm"])
def dataset(tmp_path: Path, request: pytest.FixtureRequest) -> Dataset:
    path = tmp_path / f"a.{request.param}"
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    facts = {"sha256": sha256_file(path), "n_bytes": path.stat().st_size}
    record = ImageRecord(file_name=path.name, height=20, width=24, **facts)
    return Dataset("d", tmp_path, Manifest([record]))


def test_no_flipped_bit_gives_other_pixels(dataset: Dataset) -> None:
    path = dataset.path(dataset.manifest[0])
    whole = path.read_bytes()
    expected = read_image(dataset, 0)
    rng = np.random.default_rng(1)
    for place in rng.integers(0, 8 * len(whole), 25):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with pytest.raises(DatasetError, match=f"{path.name} is not the file"):
            read_image(dataset, 0)
    path.write_bytes(whole)
    np.testing.assert_array_equal(read_image(dataset, 0), expected)


def test_a_longer_file_a_link_and_a_pipe(dataset: Dataset) -> None:
    path = dataset.path(dataset.manifest[0])
    whole = path.read_bytes()
    os.truncate(path, 1 << 40)
    with pytest.raises(DatasetError, match="restore it"):
        read_image(dataset, 0)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ImageError, match="no regular file"):
        read_image(dataset, 0)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ImageError, match="no regular file"):
        stored_bytes(dataset, dataset.manifest[0])
    path.unlink()
    with pytest.raises(ImageError, match="cannot open"):
        read_image(dataset, 0)
    path.write_bytes(whole)
    assert stored_bytes(dataset, dataset.manifest[0]) == whole


def test_a_record_of_another_size_is_told_from_a_changed_file(dataset: Dataset) -> None:
    record = dataclasses.replace(dataset.manifest[0], height=24, width=20)
    with pytest.raises(DatasetError, match="another version read it otherwise"):
        read_image(dataclasses.replace(dataset, manifest=Manifest([record])), 0)


@pytest.mark.parametrize(
    ("rules", "most"),
    [
        ({}, MAX_PIXELS),
        ({"max_megapixels": 20}, MAX_PIXELS),
        ({"max_megapixels": 120.0}, 120_000_000),
        ({"max_megapixels": 1e30}, LARGEST_PIXELS),
        ({"max_megapixels": float("inf")}, LARGEST_PIXELS),
        ({"max_megapixels": float("nan")}, MAX_PIXELS),
        ({"max_megapixels": "many"}, MAX_PIXELS),
        (7, MAX_PIXELS),
    ],
)
def test_the_rules_of_a_dataset_say_how_large_its_images_are(rules: object, most: int) -> None:
    assert Dataset("d", Path(), Manifest([]), {"rules": rules}).max_pixels == most
