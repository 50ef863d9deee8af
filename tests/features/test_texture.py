"""Numbers of single images."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.features.contract import check_contract, pictures
from anyres_bench.features.extractor import extractor_from
from anyres_bench.features.glcm import glcm_scores
from anyres_bench.features.texture import GLCM_COLUMNS


def test_glcm_has_the_scores_of_both_dialects() -> None:
    extractor = extractor_from("glcm")
    check_contract(extractor, sizes=((64, 64), (70, 130)))
    [image] = pictures(1, (70, 130))
    [row] = extractor(image[None]).tolist()
    pixels = image.permute(1, 2, 0).numpy()
    for (dialect, name), got in zip(GLCM_COLUMNS, row, strict=True):
        assert got == pytest.approx(glcm_scores(pixels, dialect)[name], rel=1e-6)
    with pytest.raises(MetricError, match="holds no 64 px patch"):
        extractor(torch.zeros(1, 3, 63, 63, dtype=torch.uint8))


def test_jpeg95_counts_the_bytes_that_pillow_writes() -> None:
    extractor = extractor_from("jpeg95")
    check_contract(extractor)
    assert extractor.id.startswith("jpeg95@libjpeg")
    [image] = pictures(1, (40, 60))
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=95)
    assert extractor(image[None]).tolist() == [[len(file.getvalue()), 40 * 60 * 3]]


@pytest.mark.parametrize("name", ["glcm", "jpeg95", "fidelity"])
def test_they_have_no_options(name: str) -> None:
    with pytest.raises(UsageError):
        extractor_from(f"{name}@file:x")
    with pytest.raises(UsageError):
        extractor_from(f"{name}+clean")


def test_noise_is_larger_as_jpeg() -> None:
    rng = np.random.default_rng(0)
    noise = torch.from_numpy(rng.integers(0, 256, (1, 3, 64, 64), np.uint8))
    flat = torch.full((1, 3, 64, 64), 90, dtype=torch.uint8)
    jpeg = extractor_from("jpeg95")
    assert jpeg(noise)[0, 0] > 5 * jpeg(flat)[0, 0]
