"""The structure synthesizer of any depth and radius, read off a state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from anyres_bench.baselines.infinitygan.network import Architecture, InfinityGANNetwork
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.contract import check_contract
from anyres_bench.models.loading import load
from anyres_bench.models.official_files import shapes
from tests.baselines import tiny

RADII = [(3, 3, 3, 3), (3, 3), (1,), (2, 2, 2, 2, 2, 2), (0, 3), (1, 2, 3)]


def network(radii: tuple[int, ...], n_mlp: int = 2) -> InfinityGANNetwork:
    return tiny.seeded(InfinityGANNetwork, replace(tiny.INFINITY, radii=radii, n_mlp=n_mlp))


@pytest.mark.parametrize("radii", RADII, ids=str)
def test_depth_and_radii_are_read_off_the_state(radii: tuple[int, ...], tmp_path: Path) -> None:
    made = network(radii)
    assert Architecture.of(shapes(made.state_dict())) == made.architecture
    file = tiny.save(tmp_path / "x.pth", {"g_ema": made.state_dict()})
    generator = load("infinitygan", {"weights": file})
    assert generator.network.architecture.halo == sum(radii)
    canvas = Size(70, 90)
    z = generator.latents([3])
    whole = generator.sample(z, [Region.whole(canvas)])
    part = generator.sample(z, [Region(canvas, 40, 11, Size(30, 60))])
    assert torch.equal(part, whole[:, :, 40:70, 11:71])


@pytest.mark.parametrize("radii", RADII, ids=str)
def test_the_canvas_of_the_training_follows_the_halo(radii: tuple[int, ...]) -> None:
    shape = replace(tiny.INFINITY, radii=radii)
    side = 11 + 2 * sum(radii)
    assert (shape.window, shape.columns) == (side, 4 * side)
    window = shape.training_coordinates(2, 5)
    assert window.shape == (1, 3, side, side)
    # The first and the last column are the same angle, so it turns once in one column less.
    wide = shape.coordinates(side, Box(0, 0, 1, shape.columns))
    assert torch.allclose(wide[..., 0], wide[..., -1], atol=1e-6)
    assert shape.half_steps[1] == pytest.approx(1 / (shape.columns - 1))


def test_a_mapping_without_layers_is_read() -> None:
    made = network((3,), n_mlp=0)
    assert Architecture.of(shapes(made.state_dict())) == made.architecture


def test_other_coordinates_and_kernels_are_refused() -> None:
    sizes = shapes(network((3, 3)).state_dict())
    first = "structure_synthesizer.implicit_model.conv_stack.0.conv.conv.weight"
    for shape, message in (((1, 4, 8, 7, 7), "coordinates"), ((1, 4, 7, 6, 6), "odd kernels")):
        with pytest.raises(CheckpointError, match=message):
            Architecture.of({**sizes, first: shape})


def test_the_published_sizes_keep_the_contract() -> None:
    shape = Architecture.published()
    assert (shape.halo, shape.window, shape.columns) == (12, 35, 140)
    assert shape.half_steps == pytest.approx((0.15, 1 / 139, 1 / 139))


def test_another_depth_keeps_the_contract(tmp_path: Path) -> None:
    file = tiny.save(tmp_path / "x.pth", network((1, 2)).state_dict())
    assert check_contract(load("infinitygan", {"weights": file}), Size(60, 70)).off_grid_max == 0
