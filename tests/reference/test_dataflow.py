"""Windows of a plane: what they need is what one pass over the plane would use."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from anyres_bench.core.geometry import Box, Size
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.dataflow import dataflow, n_bytes, n_products
from anyres_bench.reference.schedule import layers

CPU = torch.device("cpu")
CONFIGS = [
    GeneratorConfig(32),
    GeneratorConfig(256),
    GeneratorConfig(256).radial(),
    replace(GeneratorConfig(64), lrelu_upsampling=1, filter_size=4, margin=4, n_layers=8),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_the_networks_own_window_has_its_own_sizes(config: GeneratorConfig) -> None:
    schedule, own = layers(config), Size.square(config.resolution)
    flow = dataflow(schedule, Box.whole(own), own)
    assert flow.source.fits(Size.square(schedule[0].source.size))
    assert flow.source.top == flow.source.left
    assert float((flow.shift() - torch.eye(3).double()).abs().max()) < 0.1
    assert flow.parts[-1].sizes[2] == own
    for layer, part in zip(schedule, flow.parts, strict=True):
        assert part.sizes[0].height <= layer.source.size


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("canvas", [Size(300, 517), Size(40, 1000), Size(20, 9)])
def test_parts_follow_each_other_and_give_the_size(config: GeneratorConfig, canvas: Size) -> None:
    schedule = layers(config)
    for window in (Box.whole(canvas), Box(3, 1, 9, 4), Box(-90, 1200, 31, 8)):
        end = canvas if window.top >= 0 else None
        flow = dataflow(schedule, window, end)
        size = flow.source.size
        for layer, part in zip(schedule, flow.parts, strict=True):
            source, convolved, target = part.sizes
            left, right, top, bottom = part.zeros
            assert source == size
            assert min(part.zeros) >= 0
            reach = layer.kernel - 1
            assert convolved.height == source.height + top + bottom - reach
            assert convolved.width == source.width + left + right - reach
            taps = layer.up_taps + layer.down_taps - 2
            left, right, top, bottom = part.padding
            fine = convolved.height * layer.up + top + bottom, convolved.width * layer.up
            assert (fine[0] - taps - 1) // layer.down + 1 == target.height
            assert (fine[1] + left + right - taps - 1) // layer.down + 1 == target.width
            size = target
        assert size == window.size


def test_a_plane_takes_little_more_than_its_pixels() -> None:
    """Work of a canvas in one pass and in four windows, against that of the network's own."""
    config = GeneratorConfig(256)
    schedule, canvas = layers(config), Size.square(1024)
    own = n_products(schedule, dataflow(schedule, Box.whole(Size.square(256)), Size.square(256)))
    whole = dataflow(schedule, Box.whole(canvas), canvas)
    quarter = dataflow(schedule, Box(0, 512, 512, 512), canvas)
    assert n_products(schedule, whole) < 16 * own
    assert 4 * n_products(schedule, quarter) < 1.3 * n_products(schedule, whole)
    assert 2.5 < n_bytes(schedule, whole, CPU) / n_bytes(schedule, quarter, CPU) < 4


def test_windows_alike_lie_alike_on_every_lattice() -> None:
    config = GeneratorConfig(64)
    schedule, canvas = layers(config), Size.square(640)
    step = 64 // schedule[0].source.rate
    shape = dataflow(schedule, Box(320, 320, 64, 64), canvas).shape
    assert dataflow(schedule, Box(320 + step, 320 - 3 * step, 64, 64), canvas).shape == shape
    assert dataflow(schedule, Box(321, 320, 64, 64), canvas).shape != shape
