"""GLCM scores and the compression ratio; their numbers are held by the golden cases."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError, UnknownNameError
from anyres_bench.features.glcm import compression_ratio, glcm_scores


def test_noise_has_more_of_everything_than_a_ramp() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (64, 128, 3), np.uint8)
    ramp = np.repeat(np.arange(128, dtype=np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    for name in ("entropy", "textbook_entropy", "contrast"):
        assert glcm_scores(noise)[name] > glcm_scores(ramp)[name]
    # What two projects publish as entropy is far from the entropy of pairs.
    assert glcm_scores(noise)["entropy"] < 4 < 8 < glcm_scores(noise)["textbook_entropy"]


def test_a_flat_image_has_one_pair() -> None:
    found = glcm_scores(np.full((64, 64, 3), 90, np.uint8), "pixverve")
    assert found["textbook_entropy"] == found["contrast"] == 0
    assert found["ASM"] == found["correlation"] == 1


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(MetricError, match="63x200"):
        glcm_scores(np.zeros((63, 200, 3), np.uint8))
    with pytest.raises(UnknownNameError, match="pixverve"):
        glcm_scores(np.zeros((64, 64, 3), np.uint8), "pixvreve")  # type: ignore[arg-type]
    with pytest.raises(MetricError, match="no files"):
        compression_ratio([], 64)


def test_a_ratio_of_sums() -> None:
    assert compression_ratio([100, 300], 100) == pytest.approx(2 * 30_000 / 400)
