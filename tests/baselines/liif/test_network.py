"""LIIF's network: windows see what the whole image sees; specs that are not built are refused."""

from __future__ import annotations

import copy

import pytest
import torch

from anyres_bench.baselines.liif.network import LIIF, RDN
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.geometry import Box, Region, Size
from tests.baselines import tiny

IMAGE = Size(14, 18)


def pixels() -> torch.Tensor:
    return torch.rand(1, 3, *IMAGE, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("canvas", [Size(35, 45), Size(10, 13)])
def test_a_region_needs_no_more_than_its_window(canvas: Size) -> None:
    network, image = tiny.edsr_liif(), pixels()
    whole = network.render(network.encode(image, IMAGE, Box.whole(IMAGE)), Region.whole(canvas))
    region = Region(canvas, 1, 2, Size(4, 5))
    box = network.window(IMAGE, region)
    assert box.fits(IMAGE)
    seen = image[:, :, box.top : box.bottom, box.left : box.right]
    part = network.render(network.encode(seen, IMAGE, box), region)
    assert torch.allclose(part, whole[:, :, 1:5, 2:7], atol=1e-5)


def test_the_shared_first_layer_is_that_of_the_unfolded_features() -> None:
    network = tiny.edsr_liif()
    features = torch.randn(1, 8, 5, 6)
    unfolded = torch.nn.functional.unfold(features, 3, padding=1).view(1, 72, 5, 6)
    first = network.imnet.layers[0]
    want = unfolded.permute(0, 2, 3, 1) @ first.weight[:, :72].T + first.bias
    assert torch.allclose(network.project(features), want, atol=1e-5)


def test_the_ensemble_has_no_jump_between_two_features() -> None:
    network = tiny.edsr_liif()
    features = network.encode(pixels(), IMAGE, Box.whole(IMAGE))
    border = -1 + 2 / IMAGE.height * 4.5  # the centre of a feature, where neighbours change
    coord = torch.tensor([[[border - 1e-4, 0.05], [border + 1e-4, 0.05]]])
    low, high = network.query(features, coord, torch.tensor([0.1, 0.1]))[0]
    assert (low - high).abs().max() < 1e-2


def test_a_query_depends_on_its_own_coordinate_alone() -> None:
    network = tiny.edsr_liif()
    features = network.encode(pixels(), IMAGE, Box.whole(IMAGE))
    coord, cell = torch.rand(1, 7, 2) * 2 - 1, torch.tensor([0.1, 0.1])
    together = network.query(features, coord, cell)
    alone = torch.cat([network.query(features, one, cell) for one in coord.split(1, 1)], 1)
    assert torch.allclose(together, alone, atol=1e-6)


def test_a_canvas_of_many_chunks_is_one_of_all_its_queries() -> None:
    network, whole = tiny.edsr_liif(), Region.whole(Size(44, 61))  # 2,684 queries
    features = network.encode(pixels(), IMAGE, Box.whole(IMAGE))
    coord = whole.coords().float().reshape(1, -1, 2)
    want = network.query(features, coord, torch.tensor(whole.cell()).float())
    got = network.render(features, whole).flatten(2).mT
    assert torch.allclose(got, want, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("encoder_spec", "name"), "rdm", "no LIIF encoder 'rdm'.*rdn"),
        (("encoder_spec", "args", "no_upsampling"), False, "upsampling encoder"),
        (("imnet_spec", "name"), "siren", "another decoder"),
    ],
)
def test_what_is_not_built_is_refused(path: tuple[str, ...], value: object, message: str) -> None:
    spec = copy.deepcopy(tiny.EDSR_SPEC)
    *parents, leaf = path
    place: dict = spec
    for key in parents:
        place = place[key]
    place[leaf] = value
    with pytest.raises(CheckpointError, match=message):
        LIIF.from_spec(spec)
    with pytest.raises(CheckpointError, match="RDN config 'C'"):
        RDN(RDNconfig="C")
