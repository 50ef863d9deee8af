"""How one image becomes a view: held to the official draws."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.reading import view_pixels
from anyres_bench.data.views import ImageView, Patch, Whole

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "anyres_dataset"
META = json.loads(GOLDEN.with_suffix(".json").read_text())["config"]
ARRAYS = np.load(GOLDEN.with_suffix(".npz"))
IMAGES = [ARRAYS[f"in.image_{i:02d}"] for i in range(5)]


class PythonDraws:
    """The random numbers of the official data loader."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def uniform(self) -> float:
        return self._random.random()


@pytest.mark.parametrize("i", range(len(META["patch_queries"])))
def test_patches_are_the_official_ones(i: int) -> None:
    query = META["patch_queries"][i]
    flip, image = divmod(query["idx"], len(IMAGES))
    rule = Patch(query["resolution"], query["scale_min"], query["scale_max"])
    size, draws = Size(*IMAGES[image].shape[:2]), PythonDraws(query["seed"])
    square, view = rule.draw(size, bool(flip), not query["random_crop"], draws)
    new_size, x, y = ARRAYS[f"out.patch{i}.new_size_x_y_orig_len"][:3]
    assert view.region == Region(Size(new_size, new_size), y, x, Size(32, 32))
    transform = ARRAYS[f"out.patch{i}.transform"]
    np.testing.assert_allclose(view.region.affine().numpy(), transform, atol=1e-7)
    got = view_pixels(IMAGES[image], ImageView(image, bool(flip), square, view))
    np.testing.assert_array_equal(got.transpose(2, 0, 1), ARRAYS[f"out.patch{i}.image"])


@pytest.mark.parametrize("i", range(len(META["full_queries"])))
def test_whole_images_are_the_official_ones(i: int) -> None:
    query = META["full_queries"][i]
    image, flip, _ = (int(value) for value in ARRAYS[f"out.full{i}.raw_idx_xflip_len"])
    size, draws = Size(*IMAGES[image].shape[:2]), PythonDraws(query["seed"])
    square, view = Whole(query["resolution"]).draw(size, bool(flip), False, draws)
    got = view_pixels(IMAGES[image], ImageView(image, bool(flip), square, view))
    np.testing.assert_array_equal(got.transpose(2, 0, 1), ARRAYS[f"out.full{i}.image"])
