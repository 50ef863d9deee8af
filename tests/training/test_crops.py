"""Squares of stored images: drawn by seed and place alone, at their own resolution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import ConfigError, DatasetError
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.reading import read_image
from anyres_bench.data.splits import halves
from anyres_bench.training.crops import Crops, CropSource, Images, enlarged_base, side_by_side
from tests.fakes import write_dataset

SIZES = [(40, 50), (36, 48), (20, 80), (64, 33), (9, 9), (30, 30)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_dataset(tmp_path_factory.mktemp("crops") / "tiny", SIZES)


def contains(image: np.ndarray, square: np.ndarray) -> bool:
    windows = np.lib.stride_tricks.sliding_window_view(image, square.shape)
    return bool((windows == square).all((-1, -2, -3)).any())


def test_a_square_is_of_one_image_and_every_epoch_shows_each_once(dataset: Dataset) -> None:
    source = CropSource(dataset=str(dataset.folder))
    crops = Crops([source], smallest=16, seed=2)
    large = [read_image(dataset, i) for i, size in enumerate(SIZES) if min(size) >= 16]
    for epoch in range(2):
        shown = []
        for rank in range(len(large)):
            square = crops.cut(epoch * len(large) + rank, 16, stream(0, "cut", epoch, rank))
            assert square.shape == (16, 16, 3)
            shown += [i for i, image in enumerate(large) if contains(image, square)]
        assert sorted(shown) == list(range(len(large)))


def test_place_and_stream_are_all_that_counts(dataset: Dataset) -> None:
    source = CropSource(dataset=str(dataset.folder))
    one, two = (Crops([source], smallest=1, seed=5) for _ in range(2))
    two.cut(0, 12, stream(9, "other"))
    assert np.array_equal(one.cut(7, 12, stream(1, "x")), two.cut(7, 12, stream(1, "x")))


def test_small_images_are_mirrored_at_the_right_and_bottom(dataset: Dataset) -> None:
    images = Images([CropSource(dataset=str(dataset.folder))])
    small = images(SIZES.index((9, 9)))
    crops = Crops([CropSource(dataset=str(dataset.folder))], smallest=1, seed=0)
    squares = [crops.cut(k, 15, stream(0, "cut", k)) for k in range(len(SIZES))]
    padded = np.pad(small, [(0, 6), (0, 6), (0, 0)], mode="reflect")
    assert sum(np.array_equal(square, padded) for square in squares) == 1


def test_the_training_half_is_not_the_reference(dataset: Dataset) -> None:
    source = CropSource(dataset=str(dataset.folder), split="train")
    reference, train = halves(dataset)
    used = Images([source])
    assert sorted(used.sizes) == sorted(record.size for record in train.manifest)
    assert used.digests == {dataset.id: train.manifest.digest()}
    assert len(used) + len(reference.manifest) == len(SIZES)


def test_what_is_missing_is_said(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match="set sources"):
        Crops([], 1, 0)
    with pytest.raises(DatasetError, match="shorter side of 500 px"):
        Crops([CropSource(dataset=str(dataset.folder))], 500, 0)
    with pytest.raises(ConfigError, match=r"Set model\.base"):
        enlarged_base("", lambda device: pytest.fail("made without a base"))


def test_rows_of_pictures_are_one_picture() -> None:
    rows = [[torch.full((3, 4, 5), level) for level in (-1.0, 1.0)] for _ in range(3)]
    picture = side_by_side(rows)
    assert (picture.shape, picture.dtype) == ((12, 10, 3), np.uint8)
    assert (picture[:, :5] == 0).all()
    assert (picture[:, 5:] == 255).all()


def test_a_folder_without_a_dataset_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        Images([CropSource(dataset=str(tmp_path / "none"))])
