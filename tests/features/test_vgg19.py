"""The VGG19 distance, with random weights by torchvision's names."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from anyres_bench.core.errors import CheckpointError, UsageError
from anyres_bench.core.seeds import stream
from anyres_bench.features.vgg19 import VGG19Distance

WIDTHS = (4, 4, "pool", 6, 6, "pool", 8, 8, 8, 8, "pool", 8, 8, 8, 8, "pool", 8, 8, 8, 8)
TAPS = {2: 0.1, 7: 0.1, 16: 1.0, 25: 1.0, 34: 1.0}


def plain() -> nn.Sequential:
    """VGG19's features, narrow, as torchvision lays them out."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    n_in = 3
    for width in WIDTHS:
        if width == "pool":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(n_in, width, 3, padding=1), nn.ReLU()]
            n_in = width
    return nn.Sequential(*layers)


def test_it_is_the_weighted_difference_before_the_activations() -> None:
    network = plain()
    tensors = {f"features.{name}": value for name, value in network.state_dict().items()}
    distance = VGG19Distance(tensors)
    a, b = (torch.from_numpy(stream(0, k).normal((2, 3, 32, 32))).float() for k in "ab")
    expected = torch.zeros(2)
    x, y = (
        ((image + 1) / 2 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
        for image in (a, b)
    )
    for number, layer in enumerate(network):
        x, y = layer(x), layer(y)
        if number in TAPS:
            expected = expected + TAPS[number] * (x - y).abs().mean((1, 2, 3))
    assert torch.allclose(distance(a, b), expected, rtol=1e-4)
    assert float(distance(a, a).max()) == 0
    a.requires_grad_()
    distance(a, b).sum().backward()
    assert a.grad is not None


def test_errors_name_what_is_missing() -> None:
    tensors = {f"features.{name}": value for name, value in plain().state_dict().items()}
    with pytest.raises(UsageError, match="at least 16 px"):
        VGG19Distance(tensors)(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
    del tensors["features.34.bias"]
    with pytest.raises(CheckpointError, match=r"features\.34\.bias"):
        VGG19Distance(tensors)
