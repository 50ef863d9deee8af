"""The synthesis in bfloat16: the filters are those of float32, the images are close."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.resample import Padding
from anyres_bench.reference.activation import FilteredLRelu, filtered_lrelu
from anyres_bench.reference.bfloat import filtered
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.generator import AnyResGenerator
from anyres_bench.reference.options import RenderOptions
from tests.reference.networks import PANORAMA, SMALL, trained


@pytest.mark.parametrize("radial", [False, True])
@pytest.mark.parametrize(("up", "height"), [(2, 9), (4, 33), (1, 70)])
def test_bands_of_rows_are_the_whole(up: int, height: int, radial: bool) -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, 70, height, 21, generator=rng)
    x = x.to(memory_format=torch.channels_last)
    grow = torch.rand(6 * up, generator=rng) if up > 1 else None
    shrink = torch.rand(*(12, 12)[: 1 + radial], generator=rng) / 12
    op = FilteredLRelu(up=up, down=2, padding=Padding(9, 8, 7, 9), clamp=2.0)
    expected = filtered_lrelu(
        x.contiguous(), torch.ones(1, 70), torch.zeros(70), (grow, shrink), op
    )
    made = filtered(x, torch.ones(1), (grow, shrink), op)
    assert made.shape == expected.shape
    assert torch.allclose(made, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("config", [SMALL, SMALL.radial(), PANORAMA])
def test_images_are_close_to_single_precision(config: GeneratorConfig) -> None:
    network, canvas = trained(config), Size(48, 70)
    exact, made = (
        AnyResGenerator(network, options=RenderOptions(precision=precision))
        for precision in ("float32", "bf16")
    )
    assert made.id == exact.id.replace("+float32", "+bf16")
    z = exact.latents([1, 2])
    regions = [Region.whole(canvas), Region(canvas, 3, 5, canvas)]
    single, images = exact.sample(z, regions), made.sample(z, regions)
    assert images.dtype == torch.float32
    assert 0 < (images - single).square().mean().sqrt() < 0.02 * single.std()
    assert torch.equal(made.sample(z[1:], regions[1:]), images[1:])


def test_it_is_of_cpus() -> None:
    network = trained(SMALL).to("meta")
    with pytest.raises(UsageError, match="precision 'bf16' on meta is of CPUs"):
        AnyResGenerator(network, options=RenderOptions(precision="bf16"))
