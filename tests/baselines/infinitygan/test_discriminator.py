"""InfinityGAN's discriminator: a logit and three coordinates for every patch."""

from __future__ import annotations

import torch

from anyres_bench.baselines.infinitygan.discriminator import InfinityGANDiscriminator, widths


def test_published_sizes() -> None:
    assert widths(101, 2, 512) == [256, 512, 512, 512, 512, 512]
    assert InfinityGANDiscriminator(101, 2, 8).final_linear[0].weight.shape == (8, 8 * 3 * 3)


def test_every_patch_has_a_logit_and_coordinates_of_its_own_trunk() -> None:
    torch.manual_seed(0)
    network = InfinityGANDiscriminator(29, 2, 6)
    images = torch.randn(4, 3, 29, 29, requires_grad=True)
    logits, coordinates = network(images)
    assert (logits.shape, coordinates.shape) == ((4, 1), (4, 3))
    (coordinates.sum() + logits.sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_channels_grow_towards_4_px_up_to_the_largest() -> None:
    for patch in (29, 101, 197):
        wide = widths(patch, 2, 64)
        assert wide == sorted(wide)
        assert max(wide) == 64
        assert patch >> (len(wide) - 1) >= 3  # the last grid is about 4 px
