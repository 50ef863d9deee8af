"""Where an image begins: stored transforms, finer sinusoids, and a cylinder that closes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from anyres_bench.core.geometry import Region, Size
from anyres_bench.reference.network import GeneratorNetwork
from tests.reference.networks import PANORAMA, SMALL, trained


def latents(n: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(n, SMALL.z_dim, generator=torch.Generator().manual_seed(seed))


def window(scale: float) -> torch.Tensor:
    canvas = Size.square(round(SMALL.resolution * scale))
    return Region(canvas, 0, 0, Size.square(SMALL.resolution)).affine().float()[None]


def test_a_stored_transform_moves_the_picture() -> None:
    """StyleGAN3's users turn the picture by its buffer."""
    network, z = trained(replace(SMALL, scale_embedding="none")), latents(1)
    expected = network(z, None, window(2))
    network.synthesis.input.transform.copy_(window(2)[0])
    torch.testing.assert_close(network(z), expected)


@pytest.mark.parametrize("scale", [1, 2, 8])
def test_finer_sinusoids_show_where_pixels_can_carry_them(scale: int) -> None:
    first = GeneratorNetwork(replace(SMALL, input_octaves=4)).synthesis.input
    made = first(torch.zeros(1, SMALL.w_dim), window(scale))
    [gradient] = torch.autograd.grad(made.square().sum() / 2 + made.sum(), first.fine_weight)
    cycles = first.fine_freqs.norm(dim=1)
    assert SMALL.first_cutoff < cycles.min()
    assert cycles.max() < SMALL.first_cutoff * 2**4
    carried = cycles / scale < first.signal.rate / 2
    assert torch.equal(gradient.abs().sum(dim=0) > 0, carried)


def test_a_panorama_goes_around() -> None:
    network, z = trained(PANORAMA), latents(2)
    turn = torch.eye(3)
    turn[0, 2] = 360 / 60
    once, half = network(z), turn.clone()
    half[0, 2] = 3
    torch.testing.assert_close(network(z, None, turn[None]), once, atol=1e-4, rtol=0)
    assert float((network(z, None, half[None]) - once).abs().max()) > 1e-2
