"""LIIF as an upscaler: the published query, and files that describe themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from anyres_bench.baselines.liif.network import LIIF
from anyres_bench.baselines.liif.upscaler import load_upscaler
from anyres_bench.core.errors import CheckpointError, UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.loading import load
from tests.baselines import tiny


def published_query(network: LIIF, features: Tensor, coord: Tensor, cell: Tensor) -> Tensor:
    """Every pixel on its own: unfold, look up four times, run the whole decoder."""
    _, _, h, w = features.shape
    size = torch.tensor([h, w])
    unfolded = torch.nn.functional.unfold(features, 3, padding=1)
    preds, areas = [], []
    for y in (-1, 1):
        for x in (-1, 1):
            moved = (coord + torch.tensor([y / h, x / w]) + 1e-6).clamp(-1 + 1e-6, 1 - 1e-6)
            index = (((moved + 1) * size - 1) / 2).round().long()
            offset = (coord - ((2 * index + 1) / size - 1)) * size
            found = unfolded[0, :, index[..., 0] * w + index[..., 1]].permute(1, 2, 0)
            known = torch.cat([found, offset, (cell * size).expand_as(offset)], -1)
            preds.append(network.imnet.layers(known))
            areas.append(offset.prod(-1).abs() + 1e-9)
    total = sum(areas)
    pairs = zip(preds, reversed(areas), strict=True)
    return sum(pred * (area / total)[..., None] for pred, area in pairs)


def test_liif_shares_the_first_layer_and_changes_nothing() -> None:
    network = tiny.edsr_liif()
    image = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    region = Region.whole(Size(31, 50))
    coord, cell = region.coords().float().reshape(1, -1, 2), torch.tensor(region.cell())
    whole = Box.whole(Size(12, 16))
    expected = published_query(network, network.encoder(image), coord, cell)
    got = network.render(network.encode(image, whole.size, whole), region)
    expected = expected.transpose(1, 2).reshape(1, 3, 31, 50)
    assert (got - expected).abs().max() < 1e-5
    assert got.std() > 0.01


def test_liif_reads_its_own_description(tmp_path: Path) -> None:
    file = tiny.liif_file(tmp_path)
    generator = load("liif:constant", {"weights": file})
    assert generator.id.startswith("liif-edsr@")
    content = torch.load(file, weights_only=True)
    content["model"]["args"]["encoder_spec"]["name"] = "edsr-baselin"
    with pytest.raises(CheckpointError, match="did you mean edsr-baseline"):
        load("liif:constant", {"weights": tiny.save(tmp_path / "b.pth", content)})
    with pytest.raises(CheckpointError, match="under sd or state_dict; it holds g_ema"):
        load("liif:constant", {"weights": tiny.save(tmp_path / "c.pth", {"g_ema": 1})})


def test_bf16_is_near_and_says_so(tmp_path: Path) -> None:
    file = tiny.liif_file(tmp_path)
    plain, fast = (load_upscaler(file, precision) for precision in ("fp32", "bf16"))
    assert fast.id == f"{plain.id}+bf16"
    image = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    whole, region = Box.whole(Size(12, 16)), Region.whole(Size(31, 50))
    want, got = (up(image, whole.size, whole, region) for up in (plain, fast))
    assert got.dtype == torch.float32
    error = (got - want).square().mean().sqrt() / want.std()
    assert 1e-5 < error < 0.03
    with pytest.raises(UsageError, match="no precision 'bf61'; did you mean bf16"):
        load_upscaler(file, "bf61")
