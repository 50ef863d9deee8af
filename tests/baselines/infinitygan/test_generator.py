"""InfinityGAN as a generator: one picture, however it is cut."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyres_bench.core.errors import (
    GeneratorError,
)
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.contract import check_contract
from anyres_bench.models.generator import Generator
from anyres_bench.models.loading import load
from tests.baselines import tiny


def render(generator: Generator, seed: int, region: Region) -> torch.Tensor:
    return generator.sample(generator.latents([seed]), [region])


def test_infinitygan_is_the_same_bit_for_bit_however_it_is_cut(tmp_path: Path) -> None:
    generator = load("infinitygan", {"weights": tiny.infinity_file(tmp_path)})
    canvas = Size(70, 130)
    whole = render(generator, 9, Region.whole(canvas))
    for top, left, height, width in [(0, 0, 70, 1), (23, 50, 1, 60), (40, 101, 30, 29)]:
        part = render(generator, 9, Region(canvas, top, left, Size(height, width)))
        assert torch.equal(part, whole[:, :, top : top + height, left : left + width])
    assert check_contract(generator, canvas).off_grid_max == 0
    with pytest.raises(GeneratorError, match="is not inside 70x130"):
        render(generator, 9, Region(canvas, 60, 0, Size(20, 20)))


def test_infinitygan_patches_are_one_synthesis(tmp_path: Path) -> None:
    from anyres_bench.baselines.infinitygan.generator import LATENT_BLOCK
    from anyres_bench.core.geometry import Box
    from anyres_bench.models.noise import latent_vector, normal_field

    network = tiny.infinity()
    generator = load("infinitygan", {"weights": tiny.infinity_file(tmp_path)})
    s = 21
    made = network.architecture.layer_sizes(s)
    side = s + 2 * network.architecture.halo
    box = Box(0, 0, side, side)
    z = latent_vector(4, 8)
    noise = [normal_field(4, i, Box(0, 0, side, side)) for i, side in enumerate(made)]
    local = normal_field(4, "local", box, 4, LATENT_BLOCK)
    coords = network.architecture.coordinates(box.height, box)
    at_once = network(z, network.styles(z), local, coords, noise)
    patched = render(generator, 4, Region.whole(Size(made[-1], made[-1])))
    assert (at_once - patched).abs().max() < 1e-5
