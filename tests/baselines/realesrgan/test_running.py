"""Ways to run the networks: exact, in columns, and the memory they need."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from anyres_bench.baselines.realesrgan.published import Official, run_official
from anyres_bench.baselines.realesrgan.running import Exact, Tiled
from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Box, Size
from tests.baselines import tiny


def strong(network: nn.Module, gain: float = 2.5) -> nn.Module:
    """Weights that carry far pixels through the dense blocks."""
    for name, parameter in network.named_parameters():
        if name.startswith("body.") and parameter.ndim == 4:
            parameter.mul_(gain)
    return network


def test_exact_is_the_whole_image_and_tiles_are_bounded() -> None:
    network = strong(tiny.rrdbnet(num_block=2))
    image = torch.rand(1, 3, 45, 150, generator=torch.Generator().manual_seed(0))
    size = Size(45, 150)
    untiled = run_official(network, image, Official())
    for box in (Box.whole(size), Box(10, 60, 3, 40)):
        expected = untiled[:, :, 4 * box.top : 4 * box.bottom, 4 * box.left : 4 * box.right]
        window = Exact().window(network, size, box)
        part = image[:, :, window.top : window.bottom, window.left : window.right]
        assert (Exact()(network, part, size, window, box) - expected).abs().max() < 1e-5
        tiled, seam = Tiled(48, 24).measured(network, image, size, Box.whole(size), box)
        error = 255 * float((tiled.clamp(0, 1) - expected.clamp(0, 1)).abs().max())
        assert error <= seam + 1e-3  # the disagreement at the seams bounds the error
    official = run_official(network, image, Official(tile=48))
    assert (official - untiled).abs().max() > 10 * error / 255


def test_columns_that_disagree_are_an_error() -> None:
    network = tiny.rrdbnet(num_block=2)
    image = torch.rand(1, 3, 20, 64, generator=torch.Generator().manual_seed(0))
    whole = Box.whole(Size(20, 64))
    with pytest.raises(GeneratorError, match=r"tiled16\+1: two columns differ by .* grey levels"):
        Tiled(16, 1)(network, image, whole.size, whole, whole)
