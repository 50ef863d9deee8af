"""The plain filters over a base: named by their filter, and flat images stay flat."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.baselines.resamplers import upscaler as resamplers
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.contract import check_contract
from tests.fakes import waves  # noqa: F401  (loaded by its spec)

NAMES = ("nearest", "bilinear", "bicubic", "lanczos")


@pytest.mark.parametrize("name", NAMES)
def test_the_spec_makes_what_keeps_the_contract(name: str) -> None:
    generator = getattr(resamplers, name)("tests.fakes:waves")
    assert generator.id.startswith(f"{name}(waves")
    check_contract(generator)


@pytest.mark.parametrize("name", NAMES)
def test_a_flat_base_stays_flat_at_any_size(name: str) -> None:
    generator = getattr(resamplers, name)("constant:0")
    region = Region.whole(Size(300, 300))
    image = generator.sample(generator.latents([0]), [region])
    assert image.shape == (1, 3, 300, 300)
    assert torch.allclose(image, image[..., :1, :1].expand_as(image))


def test_the_base_is_stored_as_it_is_asked() -> None:
    assert "u8" in resamplers.bicubic("tests.fakes:waves").id
    assert "u8" not in resamplers.bicubic("tests.fakes:waves", base="f32").id
