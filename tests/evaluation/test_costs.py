"""Costs of models: counted multiplications, weights that take part."""

from __future__ import annotations

import pytest

from anyres_bench.baselines.anycost.generator import AnycostRenderer
from anyres_bench.baselines.liif.network import LIIF
from anyres_bench.baselines.liif.upscaler import LIIFUpscaler
from anyres_bench.core.geometry import Region, Size
from anyres_bench.evaluation.costs import render_cost
from anyres_bench.models.fixed_sizes import FixedSizes
from anyres_bench.models.upscaling import Upscaled
from tests.baselines.tiny import anycost_generator, edsr_liif
from tests.fakes import Waves


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


def test_upscalers_count_themselves_and_models_without_a_network_nothing() -> None:
    network = edsr_liif()
    assert isinstance(network, LIIF)
    generator = Upscaled(Waves(native=Size(8, 8)), LIIFUpscaler(network, "test"))
    cost = render_cost(generator, Region.whole(Size(16, 16)))
    assert cost.parameters == sum(p.numel() for p in network.parameters())
    assert cost.macs > 16 * 16 * 4 * 16 * 16
    assert render_cost(Waves(), Region.whole(Size(16, 16))) is None
