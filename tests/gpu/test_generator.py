"""AnyRes-GAN on a GPU draws what it draws on a CPU, however it is asked."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.embedded import EmbeddedWeights, embedded_weights
from anyres_bench.models.families import parts
from anyres_bench.models.generator import Generator, SelectiveGenerator
from anyres_bench.models.loading import load
from anyres_bench.reference import activation
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.generator import AnyResGenerator
from anyres_bench.reference.options import RenderOptions
from anyres_bench.reference.plane import CanvasPlane
from tests.reference.networks import OFFICIAL, PANORAMA, SMALL, trained

TOLERANCE = 2e-4  # of values in [-1, 1], in float32 without TF32
MIXED = 5e-2
KINDS: list[tuple[GeneratorConfig, dict[str, Any]]] = [
    (SMALL, {}),
    (SMALL, {"assembly": "overlap"}),
    (SMALL, {"assembly": "official"}),
    (OFFICIAL.radial(), {"psi": 0.7}),
    (PANORAMA, {}),
]


def generator(device: str, config: GeneratorConfig = SMALL, **options: Any) -> AnyResGenerator:
    return AnyResGenerator(trained(config).to(device), options=RenderOptions(**options))


def largest(got: torch.Tensor, want: torch.Tensor) -> float:
    assert got.shape == want.shape
    return float((got.cpu() - want.cpu()).abs().max())


@pytest.mark.parametrize(("config", "options"), KINDS)
def test_a_gpu_draws_what_a_cpu_draws(
    config: GeneratorConfig, options: dict[str, Any], device: str
) -> None:
    here, there = generator("cpu", config, **options), generator(device, config, **options)
    canvases = [there.native, Size(there.native.height + 13, 2 * there.native.width - 5)]
    for canvas in canvases:
        regions = [Region.whole(canvas)] * 2
        want = here.sample(here.latents([1, 2]), regions)
        got = there.sample(there.latents([1, 2]), regions)
        assert got.device.type == torch.device(device).type
        assert largest(got, want) < TOLERANCE
        assert largest(there.sample(here.latents([1, 2]).ws, regions), want) < TOLERANCE


@pytest.mark.parametrize("options", [{}, {"assembly": "overlap"}])
def test_any_region_is_the_crop_of_the_whole(options: dict[str, Any], device: str) -> None:
    made, canvas = generator(device, window_batch=3, **options), Size(50, 75)
    z = made.latents([1, 2])
    whole = made.sample(z, [Region.whole(canvas)] * 2)
    for top, left, height, width in ((0, 0, 9, 13), (13, 22, 34, 7), (5, 0, 2, 75)):
        part = made.sample(z, [Region(canvas, top, left, Size(height, width))] * 2)
        crop = whole[:, :, top : top + height, left : left + width]
        assert largest(part, crop) < TOLERANCE


@pytest.mark.parametrize("options", [{}, {"margin": 4}])
def test_bands_are_the_whole(
    options: dict[str, Any], device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in windows of no more memory than the smallest takes."""
    monkeypatch.setattr(activation, "_GPU_CHUNK", 1 << 16)
    tiling = generator(device).tiling
    assert isinstance(tiling, CanvasPlane)
    made = generator(device, **(options or {"memory": tiling.least}))
    z, canvas = made.latents([3]), Size(90, 41)
    bands = list(made.bands(z, canvas))
    assert len(bands) > 1
    want = generator("cpu", **({"margin": 4} if options else {}))
    whole = want.sample(want.latents([3]), [Region.whole(canvas)])[0]
    assert largest(torch.cat(bands, dim=1), whole) < TOLERANCE


def test_moving_the_input(device: str) -> None:
    here, there = generator("cpu"), generator(device)
    matrices = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    matrices[1, :2, 2] = torch.tensor([-2.0, 3.0]).double() / 32
    want = here.sample_moved(here.latents([3, 4]), matrices)
    assert largest(there.sample_moved(there.latents([3, 4]), matrices), want) < TOLERANCE


@pytest.mark.parametrize(("precision", "allowed"), [("float32", TOLERANCE), ("mixed", MIXED)])
def test_an_image_is_the_same_in_any_batch(precision: Any, allowed: float, device: str) -> None:
    region, config = Region.whole(Size(40, 44)), SMALL
    one, many = (generator(device, config, precision=precision, window_batch=n) for n in (1, 7))
    here = generator("cpu", config)
    alone = one.sample(one.latents([5]), [region])
    together = many.sample(many.latents([1, 5, 2**63]), [region] * 3)
    assert largest(alone, together[1:2]) < allowed
    assert largest(alone, here.sample(here.latents([5]), [region])) < allowed


def test_bf16_is_of_cpus(device: str) -> None:
    with pytest.raises(UsageError, match="'bf16' on cuda is of CPUs; use 'mixed'"):
        generator(device, precision="bf16")


def embedded(one: EmbeddedWeights, device: str) -> Generator:
    """A checkpoint of the package; an upscaler over a base that is not rounded to 8 bits."""
    if one.architecture not in parts("upscalers"):
        return load(one.spec, device=device)
    options = {"weights": one.spec, "base": "f32"}
    return load(f"{one.architecture}:embedded:stage1-seed0", options, device=device)


@pytest.mark.parametrize("one", embedded_weights(), ids=lambda one: one.name)
def test_embedded_checkpoints(one: EmbeddedWeights, device: str) -> None:
    here, there = embedded(one, "cpu"), embedded(one, device)
    assert there.id == here.id
    for canvas in (Size(32, 32), Size(96, 64)):
        if isinstance(here, SelectiveGenerator) and not here.makes(canvas):
            continue
        want, got = (
            made.sample(made.latents([0, 7]), [Region.whole(canvas)] * 2) for made in (here, there)
        )
        assert got.device.type == torch.device(device).type
        if one.architecture != "realesrgan":
            assert largest(got, want) < 5 * TOLERANCE
        else:  # which rounds to 8 bits before it shrinks
            assert float((got.cpu() - want).abs().mean()) < TOLERANCE
            assert largest(got, want) < 2 / 127.5
