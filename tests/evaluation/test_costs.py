"""Costs of models: counted multiplications, weights that take part."""

from __future__ import annotations

import pytest
import torch

import anyres_bench as ab
from anyres_bench.baselines.anycost.generator import AnycostRenderer
from anyres_bench.baselines.liif.network import LIIF
from anyres_bench.baselines.liif.upscaler import LIIFUpscaler
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.reporting import report_to
from anyres_bench.evaluation.costs import render_cost
from anyres_bench.models.fixed_sizes import FixedSizes
from anyres_bench.models.upscaling import Upscaled
from tests.baselines.tiny import anycost_generator, edsr_liif
from tests.fakes import Waves
from tests.reporters import Recorder


def test_multiplications_are_those_of_the_layers() -> None:
    renderer = AnycostRenderer(anycost_generator(32), "test")
    for side in (16, 32):
        size = Size.square(side)
        counted = render_cost(FixedSizes(renderer), Region.whole(size))
        by_hand = renderer.cost(size)
        assert counted.parameters == by_hand.parameters
        # counted are also the low-pass filters, which the layers have none of
        assert by_hand.macs < counted.macs < 1.6 * by_hand.macs
        assert counted.seconds_per_megapixel == pytest.approx(counted.seconds / (side * side / 1e6))


def test_sub_generators_cost_less() -> None:
    full, half = (
        render_cost(
            FixedSizes(AnycostRenderer(anycost_generator(32), "test", ratio=ratio)),
            Region.whole(Size(32, 32)),
        )
        for ratio in (1.0, 0.25)
    )
    assert half.macs < full.macs
    assert half.parameters < full.parameters


def test_a_network_that_torch_cannot_count_is_told_and_has_no_cost() -> None:
    class Tracked(torch.nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return z.tanh().view(-1, 3, 2, 2).requires_grad_()

    recorder = Recorder()
    model = ab.FixedSize(Tracked(), 2, z_dim=12)
    with report_to(recorder):
        assert render_cost(model, Region.whole(Size(2, 2))) is None
    assert "is not counted: AttributeError" in "".join(recorder.said)


def test_upscalers_count_themselves_and_models_without_a_network_nothing() -> None:
    network = edsr_liif()
    assert isinstance(network, LIIF)
    generator = Upscaled(Waves(native=Size(8, 8)), LIIFUpscaler(network, "test"))
    cost = render_cost(generator, Region.whole(Size(16, 16)))
    assert cost.parameters == sum(p.numel() for p in network.parameters())
    assert cost.macs > 16 * 16 * 4 * 16 * 16
    assert render_cost(Waves(), Region.whole(Size(16, 16))) is None
