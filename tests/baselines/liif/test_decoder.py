"""The decoder of rectangles: the colours of every query by itself, whatever the options."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from anyres_bench.baselines.liif.network import LIIF
from anyres_bench.core.geometry import Box, Region, Size
from tests.baselines import tiny

IMAGE = Size(14, 18)


def network(options: Mapping[str, object], hidden: list[int]) -> LIIF:
    spec = {**copy.deepcopy(tiny.EDSR_SPEC), **options}
    spec["imnet_spec"]["args"]["hidden_list"] = hidden
    torch.manual_seed(0)
    made = tiny.randomise(LIIF.from_spec(spec))
    assert isinstance(made, LIIF)
    return made


def pixels(n: int) -> Tensor:
    return torch.rand(n, 3, *IMAGE, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("hidden", [[16, 12, 20], [16], []])
@pytest.mark.parametrize(
    "options", [{}, {"local_ensemble": False}, {"cell_decode": False}, {"feat_unfold": False}]
)
def test_a_rectangle_is_its_queries(options: Mapping[str, object], hidden: list[int]) -> None:
    liif = network(options, hidden)
    features = liif.encode(pixels(2), IMAGE, Box.whole(IMAGE))
    for canvas in (Size(44, 61), Size(28, 36), Size(9, 11)):  # off the grid, doubled, smaller
        region = Region.whole(canvas)
        coord = region.coords().float().reshape(1, -1, 2)
        want = liif.query(features, coord.expand(2, -1, -1), torch.tensor(region.cell()).float())
        got = liif.render(features, region)
        assert got.shape == (2, 3, *canvas)
        assert got.std() > 0.01
        assert torch.allclose(got.flatten(2).mT, want, atol=2e-6)


def test_a_rectangle_is_made_of_any_others() -> None:
    liif, whole = network({}, [16, 16]), Region.whole(Size(41, 50))
    features = liif.encode(pixels(1), IMAGE, Box.whole(IMAGE))
    want = liif.render(features, whole)[:, :, 3:33, 5:26]
    got = liif.render(features, whole.crop(Box(3, 5, 30, 21)))
    assert torch.allclose(got, want, atol=2e-6)
