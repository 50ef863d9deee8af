"""Seams of an image alone: steps along lines are seen, texture is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import Pixels
from anyres_bench.data.scenes import SCENES
from anyres_bench.features.contract import check_contract
from anyres_bench.features.extractor import extractor_from
from anyres_bench.features.seams import line_energies, seam_score


def scene(seed: int) -> Pixels:
    return SCENES.picture(seed, Region.whole(Size(128, 128)))


def stepped(pixels: Pixels, levels: float, at: int = 64) -> Pixels:
    """Everything right of a column is brighter."""
    image = pixels.astype(np.float64)
    image[:, at:] += levels
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("spec", ["seams", "seams:16"])
def test_the_contract_of_extractors(spec: str) -> None:
    check_contract(extractor_from(spec), (Size(32, 32), Size(70, 45)))


def test_the_line_of_a_step_is_found() -> None:
    noise = 3 * stream(0, "seams").normal((96, 80))
    noise[:, 30:] += 6
    energy = line_energies(noise, 32)
    assert int(energy.argmax()) + 2 == 30  # columns 29 and 30 are either side of it
    assert energy.max() == pytest.approx(36, rel=0.3)


def test_what_is_known_raises_the_score() -> None:
    """A step of 24 grey levels in scenes, where it may be and where it is known to be."""
    plain = [scene(seed) for seed in range(6)]
    damaged = [stepped(image, 24) for image in plain]
    for length in (32, 128):
        known = [
            seam_score(b, length, 64) - seam_score(a, length, 64)
            for a, b in zip(plain, damaged, strict=True)
        ]
        unknown = [
            seam_score(b, length) - seam_score(a, length)
            for a, b in zip(plain, damaged, strict=True)
        ]
        assert np.mean(known) > 2
        assert np.mean(unknown) > 0.5
        assert min(unknown) > -0.05


def test_turning_an_image_changes_nothing() -> None:
    image = stepped(scene(0), 20)
    turned = np.ascontiguousarray(image.swapaxes(0, 1))
    for period in (None, 32):
        assert seam_score(turned, 32, period) == pytest.approx(seam_score(image, 32, period))


def test_a_flat_image_has_none() -> None:
    assert seam_score(np.full((40, 64, 3), 9, np.uint8), 32) == 0


def test_what_cannot_be_is_refused() -> None:
    for spec in ("seams:3", "seams:x"):
        with pytest.raises(UsageError, match="number of px from 4"):
            extractor_from(spec)
    with pytest.raises(UsageError, match="67 px and more"):
        extractor_from("seams:64")(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
