"""Enlarging a base image as the official evaluation was meant to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from anyres_bench.core.errors import GeneratorError, UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import resize_uint8, to_float, to_uint8
from anyres_bench.data.views import BASE_WARP
from anyres_bench.evaluation.warps import warped
from anyres_bench.reference.generator import AnyResGenerator, Latents
from anyres_bench.reference.options import RenderOptions
from tests.fakes import Waves
from tests.golden import Case
from tests.golden_runners import anyres as runner

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "anyres_metrics.json"


@torch.no_grad()
def test_features_of_enlarged_images_are_the_recorded_ones() -> None:
    case = Case(GOLDEN)
    network = runner._generator_network(case)
    generator = AnyResGenerator(network, options=RenderOptions(assembly="official"))
    z = torch.from_numpy(case.arrays["in.z_batches"]).flatten(0, 1)
    latents = Latents(network.mapping(z))
    base = generator.sample(latents, [Region.whole(generator.native)] * len(latents))
    side = case.meta["config"]["target_resolution"]
    x = to_uint8(warped(BASE_WARP, base, Size.square(side)), "truncate").float() / 255
    pooled = (F.adaptive_avg_pool2d(x, 3).flatten(1), F.adaptive_avg_pool2d(x * x, 2).flatten(1))
    atol = case.meta["outputs"]["features_up"]["atol"]
    np.testing.assert_allclose(torch.cat(pooled, 1), case.arrays["out.features_up"], atol=atol)


def test_smooth_pictures_stay_what_they_are() -> None:
    small, large = (Waves().picture(7, Region.whole(Size.square(n))) for n in (64, 160))
    (enlarged,) = warped(BASE_WARP, small[None], Size.square(160))
    inside = slice(48, -48)  # the resampler sees zeros beyond the base image
    error = (enlarged - large)[:, inside, inside].abs().max()
    assert error < 0.02


def test_canvases_are_shrunk_as_stored_images_are() -> None:
    levels = torch.from_numpy(stream(1, "levels").normal((2, 3, 40, 40)) * 60 + 128)
    levels = levels.clamp(0, 255).to(torch.uint8)
    small = to_uint8(warped("ar1-shrunk16-at40", to_float(levels), Size.square(40)))
    for image, found in zip(levels, small, strict=True):
        expected = resize_uint8(image.permute(1, 2, 0).numpy(), Size.square(16))
        assert (found.permute(1, 2, 0).numpy() == expected).all()


def test_what_cannot_be_warped() -> None:
    with pytest.raises(GeneratorError, match="own size is 64x64"):
        warped(BASE_WARP, torch.zeros(1, 3, 64, 64), Size(32, 32))
    with pytest.raises(GeneratorError, match="needs a square"):
        warped(BASE_WARP, torch.zeros(1, 3, 32, 64), Size(128, 128))
    with pytest.raises(UsageError, match="unknown warp 'other'"):
        warped("other", torch.zeros(1, 3, 32, 32), Size(64, 64))
