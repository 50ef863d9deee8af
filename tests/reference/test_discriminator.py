"""The discriminator: counts, groups, labels, and the second derivative that R1 takes."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.reference.config import DiscriminatorConfig
from anyres_bench.reference.discriminator import AnyResDiscriminator, minibatch_deviation

SMALL = DiscriminatorConfig(16, channel_base=128, channel_max=8)


def images(n: int) -> torch.Tensor:
    return torch.randn(n, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.slow
def test_published_parameter_count() -> None:
    with torch.device("meta"):
        network = AnyResDiscriminator(DiscriminatorConfig(256))
    assert sum(p.numel() for p in network.parameters()) == 28_864_129


def test_groups_are_interleaved() -> None:
    x = torch.zeros(8, 2, 4, 4)
    x[[0, 2, 4, 6]] = torch.tensor([0.0, 1, 0, 1])[:, None, None, None]
    deviation = minibatch_deviation(x, 4)
    torch.testing.assert_close(deviation[::2], torch.full((4,), 0.5))
    torch.testing.assert_close(deviation[1::2], torch.full((4,), 1e-4))
    torch.testing.assert_close(minibatch_deviation(x[:2], 4), torch.full((2,), 1e-4))
    with pytest.raises(UsageError, match="6 images are not a multiple of the group size 4"):
        minibatch_deviation(x[:6], 4)


def test_logits_depend_on_the_group_alone() -> None:
    network, x = AnyResDiscriminator(SMALL), images(8)
    logits = network(x)
    assert logits.shape == (8, 1)
    torch.testing.assert_close(network(x[[0, 2, 4, 6]]), logits[::2], atol=1e-5, rtol=0)


def test_labels_project() -> None:
    config = DiscriminatorConfig(16, c_dim=3, channel_base=128, channel_max=8, n_mapping_layers=2)
    network, x, c = AnyResDiscriminator(config), images(4), torch.eye(3)[[0, 1, 2, 0]]
    assert not torch.allclose(network(x, c), network(x, c.roll(1, 0)))
    with pytest.raises(UsageError, match="labels of width 3"):
        network(x)
    with pytest.raises(UsageError, match="unconditional"):
        AnyResDiscriminator(SMALL)(x, c)


def test_r1_gradients_are_those_of_finite_differences() -> None:
    network, x = AnyResDiscriminator(SMALL).double(), images(4).double().requires_grad_(True)
    weight = network.get_submodule("b8.conv1").weight

    def penalty() -> torch.Tensor:
        [grad] = torch.autograd.grad(network(x).sum(), x, create_graph=True)
        return grad.square().sum()

    [grad] = torch.autograd.grad(penalty(), weight)
    direction = torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)).double()
    with torch.no_grad():
        weight.add_(direction, alpha=1e-6)
    above = penalty()
    with torch.no_grad():
        weight.sub_(direction, alpha=2e-6)
    slope = (above - penalty()) / 2e-6
    torch.testing.assert_close((grad * direction).sum(), slope, rtol=1e-4, atol=1e-8)
