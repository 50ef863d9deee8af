"""Folded networks: the same numbers, no batch norm left, and what cannot be traced as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from anyres_bench.features.cnndetection import ResNet50
from anyres_bench.features.folding import BOUND, arranged, folded, pixel_by_pixel, quickened
from anyres_bench.features.inception import TAPS, prepared
from anyres_bench.features.inception_network import SPATIAL, InceptionNetwork
from tests.features.libraries import importable


def drawn(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network in eval mode, its weights and the statistics of its batch norms drawn."""
    rng = torch.Generator().manual_seed(seed)
    for module in network.eval().requires_grad_(False).modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            scale = (2 / module.weight[0].numel()) ** 0.5
            module.weight.copy_(scale * torch.randn(module.weight.shape, generator=rng))
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.copy_(0.3 * torch.randn(module.num_features, generator=rng))
            module.running_var.copy_(0.3 + torch.rand(module.num_features, generator=rng))
            module.bias.copy_(0.2 * torch.randn(module.num_features, generator=rng))
    return network


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def images(side: int) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


class Small(nn.Module):
    """Two convolutions, one of which something else looks at before its batch norm does."""

    def __init__(self, forward: Callable[[Small, Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1, bias=False)
        self.norm_a, self.norm_b = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self._forward = forward

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


def chain(self: Small, x: Tensor) -> Tensor:
    return F.relu(self.norm_b(self.b(F.relu(self.norm_a(self.a(x))))))


def fork(self: Small, x: Tensor) -> Tensor:
    first = self.a(x)
    return first + self.norm_b(self.b(self.norm_a(first)))


def twice(self: Small, x: Tensor) -> Tensor:
    return self.norm_b(self.b(self.norm_b(self.b(self.norm_a(self.a(x))))))


def depends(self: Small, x: Tensor) -> Tensor:
    return self.norm_a(self.a(x)) if x.mean() > 0 else self.a(x)


@pytest.mark.parametrize(("forward", "left"), [(chain, 0), (fork, 1), (twice, 1), (depends, 2)])
def test_only_what_nothing_else_looks_at_is_folded(
    forward: Callable[[Small, Tensor], Tensor], left: int
) -> None:
    x = images(9)
    plain = drawn(Small(forward))
    want = plain(x)
    network = folded(copy.deepcopy(plain))
    assert norms(network) == left
    torch.testing.assert_close(arranged(network)(pixel_by_pixel(x)), want, atol=1e-5, rtol=1e-5)


def relus(network: nn.Module) -> int:
    assert isinstance(network, fx.GraphModule)
    return sum(node.target is F.relu for node in network.graph.nodes)


def looked_at(self: Small, x: Tensor) -> Tensor:
    first = self.norm_a(self.a(x))
    return F.relu(first) + first


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("forward", "left"), [(chain, 0), (looked_at, 1)])
def test_relus_in_convolutions_change_no_bit(
    forward: Callable[[Small, Tensor], Tensor], left: int, dtype: torch.dtype
) -> None:
    network = folded(drawn(Small(forward)))
    apart = arranged(nn.Sequential(copy.deepcopy(network)), dtype)  # itself not a traced one
    x = pixel_by_pixel(images(33)).to(dtype)
    assert relus(network) >= 1
    assert torch.equal(arranged(network, dtype)(x), apart(x))
    assert relus(network) == left


def test_a_network_in_training_is_left_alone() -> None:
    network = Small(chain).train()
    assert norms(folded(network)) == 2


def near(got: Tensor, want: Tensor) -> bool:
    """Within what ids of float32 allow."""
    return bool(((got - want).norm(dim=1) <= BOUND * want.norm(dim=1)).all())


@pytest.mark.parametrize(
    "side",
    [pytest.param(75, id="small"), pytest.param(299, id="real", marks=pytest.mark.slow)],
)
def test_inceptions_features_are_those_of_the_plain_network(side: int) -> None:
    network, x = InceptionNetwork(), images(side)
    drawn(network)
    for last, taps in ((SPATIAL, {SPATIAL}), ("logits", TAPS.keys() - {SPATIAL})):
        want = network(x, last)
        fast = prepared(copy.deepcopy(network), last)
        assert isinstance(fast, nn.Module)
        assert norms(fast) == 0
        got = fast(pixel_by_pixel(x))
        assert got.keys() == taps
        assert all(near(got[tap], want[tap]) for tap in taps)


def test_the_detectors_are_too() -> None:
    plain = drawn(ResNet50())
    want = plain(images(64))
    network = folded(plain)
    assert norms(network) == 0
    torch.testing.assert_close(arranged(network)(images(64)), want, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0"])
def test_timms_batch_norms_that_activate_are_folded(name: str) -> None:
    timm = importable("timm")
    plain = drawn(timm.create_model(name, num_classes=0))
    network = folded(copy.deepcopy(plain))
    assert norms(network) == 0
    torch.testing.assert_close(arranged(network)(images(64)), plain(images(64)), rtol=0.01, atol=1)
    assert near(quickened(plain, 64)(images(64)), plain(images(64)))


def test_a_network_that_carries_rounding_far_is_left_alone() -> None:
    calm = drawn(Small(lambda self, x: chain(self, x).flatten(1)))
    assert norms(quickened(calm, 16)) == 0
    wild = drawn(Small(lambda self, x: (1e6 * chain(self, x).flatten(1)).sin()))
    assert quickened(wild, 16) is wild
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
    assert quickened(plain, 16) is plain
