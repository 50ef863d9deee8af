"""Octaves that lack or exceed power, and where detail ends, against scenes whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import Pixels, resize_uint8
from anyres_bench.data.scenes import SCENES
from anyres_bench.features.extractor import extractor_from
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import metric_from
from anyres_bench.metrics.spectrum import (
    DROP,
    octave_energies,
    resolution,
    saturation_size,
)

SIDE, N = 128, 12


def bank(pictures: list[Pixels]) -> FeatureBank:
    index = np.arange(len(pictures))
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return FeatureBank(index, index, extractor_from("spectrum")(images).numpy())


@pytest.fixture(scope="module")
def pictures() -> list[Pixels]:
    canvas = Size(512, 512)
    return [
        SCENES.picture(seed, Region(canvas, 100, 200, Size(SIDE, SIDE))) for seed in range(2 * N)
    ]


@pytest.fixture(scope="module")
def real(pictures: list[Pixels]) -> FeatureBank:
    return bank(pictures[:N])


def enlarged(pixels: Pixels, times: float, filter_name: str = "bicubic") -> Pixels:
    small = resize_uint8(pixels, Size.square(round(SIDE / times)), "lanczos")
    return resize_uint8(small, Size.square(SIDE), filter_name)


@pytest.mark.parametrize(
    ("times", "filter_name"), [(2, "bicubic"), (3, "lanczos"), (4, "bicubic"), (4, "bilinear")]
)
def test_an_enlarged_scene_has_the_resolution_that_it_came_from(
    pictures, real, times, filter_name
) -> None:
    """Enlargement by s reads 1 / s, within 15 percent."""
    fake = bank([enlarged(each, times, filter_name) for each in pictures[N:]])
    values = metric_from("effective-resolution").finish(real, fake, stream(0))
    assert values["effective_resolution"] == pytest.approx(1 / times, rel=0.15)
    assert values["low"] <= values["median"] <= values["high"]


def test_scenes_have_all_of_their_resolution_and_no_octave_to_spare(pictures, real) -> None:
    fake = bank(pictures[N:])
    assert (
        metric_from("effective-resolution").finish(real, fake, stream(0))["effective_resolution"]
        == 1
    )
    values = metric_from("octave-distance").finish(real, fake, stream(0))
    sides = [octave_energies(each.features())[:, ::-1] for each in (real, fake)]
    errors = np.sqrt(sum(side.var(axis=0, ddof=1) / N for side in sides))
    for k, error in enumerate(errors, 1):
        assert abs(values[f"octave{k}"]) < 4 * error < 1


def test_white_noise_adds_the_power_that_it_has(pictures, real) -> None:
    """Its density is its variance; the finest octave of a scene has much less."""
    sigma = 12.0
    rows = 10 ** bank(pictures[N:]).features().astype(np.float64)
    noisy = FeatureBank(
        np.arange(N), np.arange(N), np.log10(rows + sigma**2 * 0.447).astype(np.float32)
    )
    damaged = [
        np.clip(np.rint(p + sigma * stream(i, "noise").normal(p.shape)), 0, 255).astype(np.uint8)
        for i, p in enumerate(pictures[N:])
    ]
    want, got = (
        metric_from("octave-distance").finish(real, each, stream(0))
        for each in (noisy, bank(damaged))
    )
    for k in range(1, 4):
        assert got[f"octave{k}"] == pytest.approx(want[f"octave{k}"], abs=0.05)
    assert got["octave1"] > 0.2


def test_enlarging_leaves_the_coarse_octaves_alone(pictures, real) -> None:
    fake = bank([enlarged(each, 4) for each in pictures[N:]])
    plain = metric_from("octave-distance").finish(real, bank(pictures[N:]), stream(0))
    values = metric_from("octave-distance").finish(real, fake, stream(0))
    assert values["octave1"] < -1
    assert values["octave4"] == pytest.approx(plain["octave4"], abs=0.05)
    assert values["octave_distance"] > plain["octave_distance"] + 0.3


def test_resolution_is_read_between_bands() -> None:
    excess = np.zeros((4, 20))
    excess[0] -= 3  # contrast is not resolution
    excess[1, 16:] = -2 * DROP
    excess[2, 4:] = -9
    excess[3, 10:] = -np.inf
    found = resolution(excess)
    assert found[0] == 1
    assert found[1] == pytest.approx(0.5)  # half-way between bands 15 and 16
    assert found[2] == pytest.approx(2**-4.125, rel=0.02)
    assert found[3] == pytest.approx(2**-2.625)


def test_detail_saturates_where_it_stops_growing() -> None:
    of_128 = {size: min(1.0, 128 / size) for size in (64, 90, 128, 181, 256, 512)}
    found = saturation_size(of_128)
    assert found is not None
    assert 64 * 2**0.75 < found <= 128
    assert saturation_size({64: 1.0, 128: 1.0, 256: 1.0}) is None  # it still grows
    assert saturation_size({64: 1.0, 128: 0.5, 256: 0.25}) == 64
    assert saturation_size({64: 1.0}) is None
    assert saturation_size({}) is None
