"""Latents, labels and scales to styles."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.reference.network import GeneratorNetwork
from tests.reference.networks import OFFICIAL, SMALL, trained


def latents(n: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(n, SMALL.z_dim, generator=torch.Generator().manual_seed(seed))


def window(scale: float) -> torch.Tensor:
    canvas = Size.square(round(SMALL.resolution * scale))
    return Region(canvas, 0, 0, Size.square(SMALL.resolution)).affine().float()[None]


def test_new_scale_branch_changes_nothing_and_then_carries_scale() -> None:
    network, z = GeneratorNetwork(SMALL), latents(2)
    plain = GeneratorNetwork(replace(SMALL, scale_embedding="none"))
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if "scale" not in k})
    matrices = window(3).expand(2, 3, 3)
    torch.testing.assert_close(network(z, None, matrices), plain(z, None, matrices))
    scales = [1.0, 1.1, 2.0, 7.9, 8.0, 40.0]
    with torch.no_grad():
        embedded = torch.cat([network.embed_scale(window(s), None, 1) for s in scales])
    distances = torch.pdist(embedded)
    assert float(distances.min()) > 1e-3 * float(distances.max())


def test_official_scale_branch_is_nearly_blind() -> None:
    """The published quirk: kept, because published weights were trained with it."""
    network = GeneratorNetwork(OFFICIAL).requires_grad_(False)
    one, eight = (network.embed_scale(window(s), None, 1) for s in (1, 8))
    assert one is not None
    assert float((one - eight).abs().max()) < 1e-5 * float(one.abs().max())
    binary = GeneratorNetwork(replace(OFFICIAL, scale_norm="zerocentered")).requires_grad_(False)
    low, lower, high = (binary.embed_scale(window(s), None, 1) for s in (1, 4, 5))
    torch.testing.assert_close(low, lower)
    assert float((low - high).abs().max()) > 1e-4


def test_truncation_pulls_the_first_rows_to_the_mean() -> None:
    network, z = trained(SMALL), latents(2)
    w_avg = network.mapping.w_avg
    ws = network.mapping(z)[:, None].expand(-1, SMALL.n_ws, -1)
    assert torch.equal(network.mapping.truncate(ws, 1.0, 3), ws)
    cut = network.mapping.truncate(ws, 0.25, 3)
    torch.testing.assert_close(cut[:, :3], w_avg + 0.25 * (ws[:, :3] - w_avg))
    assert torch.equal(cut[:, 3:], ws[:, 3:])
    torch.testing.assert_close(network.mapping.truncate(ws, 0.0), w_avg.expand_as(ws))


def test_labels_must_fit() -> None:
    conditional = trained(replace(OFFICIAL, c_dim=3))
    z, c = latents(2), torch.eye(3)[:2]
    first = conditional(z, c)
    assert float((first - conditional(z, c.flip(0))).abs().max()) > 1e-4
    with pytest.raises(UsageError, match="labels of width 3, got none"):
        conditional(z)
    with pytest.raises(UsageError, match="no labels, got some"):
        trained(SMALL)(z, c)
