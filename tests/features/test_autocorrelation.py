"""The highest far correlation of an image with itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.scenes import SCENES
from anyres_bench.features.autocorrelation import highest_peak, self_correlation
from anyres_bench.features.contract import check_contract
from anyres_bench.features.extractor import extractor_from


def test_the_contract_of_extractors() -> None:
    check_contract(extractor_from("autocorrelation"), (Size(32, 32), Size(70, 45)))


def test_correlations_are_over_the_shared_pixels() -> None:
    image = stream(0, "correlation").normal((9, 12))
    got = self_correlation(image)
    for y, x in ((0, 0), (2, 3), (-4, 1), (0, -5)):
        a = image[max(y, 0) : 9 + min(y, 0), max(x, 0) : 12 + min(x, 0)]
        b = image[max(-y, 0) : 9 + min(-y, 0), max(-x, 0) : 12 + min(-x, 0)]
        noise = 0.447 / 12 * a.size
        want = (a * b).sum() / np.sqrt(((a**2).sum() + noise) * ((b**2).sum() + noise))
        assert got[y, x] == pytest.approx(want, rel=1e-3)


def test_a_repeated_picture_has_one_and_a_scene_has_little() -> None:
    scene = SCENES.picture(3, Region.whole(Size(96, 96)))
    assert highest_peak(np.tile(scene[:48, :48], (2, 2, 1))) > 0.95
    assert highest_peak(scene) < 0.5
    assert highest_peak(np.full((40, 40, 3), 9, np.uint8)) == pytest.approx(0, abs=1e-6)


def test_small_images_are_refused() -> None:
    with pytest.raises(UsageError, match="32 px and more"):
        extractor_from("autocorrelation")(torch.zeros(1, 3, 31, 64, dtype=torch.uint8))
