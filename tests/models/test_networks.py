"""Networks of checkpoints: what does not fit costs nothing."""

from __future__ import annotations

import dataclasses
import tracemalloc
from dataclasses import asdict
from pathlib import Path

import pytest

from anyres_bench.core.errors import CheckpointError
from anyres_bench.models.checkpoint import (
    Checkpoint,
    from_official,
    read_official_pickle,
)
from anyres_bench.models.networks import load_network
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.network import GeneratorNetwork

GOLDEN = Path(__file__).parents[1] / "golden" / "anyres_snapshot_tiny.pkl"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"w_dim": 1 << 40}, "w_dim is 1099511627776"),
        ({"w_dim": 1 << 16}, "much larger than its tensors"),
        ({"w_dim": 16}, "of another shape"),
        ({"img_resolution": 1 << 14}, "img_resolution is 16384"),
        ({"num_layers": 100_000}, "num_layers is 100000"),
        ({"mapping_kwargs": {"num_layers": 100_000}}, "num_layers is 100000"),
        ({"channel_max": 99}, "missing"),
        ({"img_resolution": "256"}, "power of two"),
        ({"imgresolution": 256}, "did you mean img_resolution"),
        ({"training_mode": "global"}, "unexpected"),
    ],
)
def test_a_config_that_does_not_fit_costs_nothing(changes: dict[str, object], message: str) -> None:
    checkpoint = from_official(read_official_pickle(GOLDEN))
    bent = dataclasses.replace(checkpoint, config={**checkpoint.config, **changes})
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=message):
        load_network(bent)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 << 20


def test_our_own_config_is_read_too() -> None:
    config = GeneratorConfig(16, z_dim=8, w_dim=8, channel_base=64, channel_max=6, n_layers=5)
    network = GeneratorNetwork(config, seed=3)
    own = Checkpoint("anyres-generator", asdict(config), network.state_dict(), "CC0", {})
    assert load_network(own).config == config
    with pytest.raises(CheckpointError, match="n_layer"):
        load_network(dataclasses.replace(own, config={**asdict(config), "n_layer": 5}))
