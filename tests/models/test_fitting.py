"""What a config asks for is held against the tensors that came with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from anyres_bench.baselines.liif.upscaler import load_upscaler
from anyres_bench.core.errors import CheckpointError
from anyres_bench.models.checkpoint import Checkpoint, write_checkpoint
from anyres_bench.models.fitting import check_config, fitted
from anyres_bench.models.loading import load
from anyres_bench.models.networks import load_network
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.network import GeneratorNetwork
from tests.baselines import tiny

CONFIG: dict[str, Any] = {
    "resolution": 16,
    "z_dim": 4,
    "w_dim": 4,
    "n_layers": 4,
    "margin": 2,
    "channel_base": 64,
    "channel_max": 8,
    "scale_embedding": "none",
}
STATE = GeneratorNetwork(GeneratorConfig(**CONFIG)).state_dict()


def test_the_config_is_sound() -> None:
    load_network(Checkpoint("anyres-generator", CONFIG, STATE, "CC0", {}))


@pytest.mark.parametrize(
    "change",
    [
        {"margin": 10_000},
        {"margin": -100},
        {"channel_base": 1 << 30, "channel_max": 1 << 30},
        {"channel_base": 1 << 17, "channel_max": 1 << 17},
        {"resolution": 1 << 20},
        {"n_layers": 100_000},
        {"n_mapping_layers": 10**9},
        {"w_dim": 1 << 17},
        {"conv_kernel": 9999},
        {"n_fp16_octaves": 10**6},
        {"first_cutoff": 4096.0, "radial_filters": True, "resolution": 8192},
        {"first_stopband": float("nan")},
        {"last_stopband_rel": 1e9},
        {"z_dim": "four"},
        {"z_dim": [4]},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_config_that_asks_for_the_world_gets_nothing(change: dict[str, Any]) -> None:
    start = time.thread_time()
    with pytest.raises(CheckpointError):
        load_network(Checkpoint("anyres-generator", CONFIG | change, STATE, "CC0", {}))
    assert time.thread_time() - start < 5


@pytest.mark.parametrize(
    "change",
    [
        {"imnet_spec": {"name": "mlp", "args": {"hidden_list": [10**9, 10**9]}}},
        {"imnet_spec": {"name": "mlp", "args": {"hidden_list": [100_000, 100_000]}}},
        {"imnet_spec": {"name": "mlp", "args": {"hidden_list": [16] * 10_000}}},
        {"imnet_spec": {"name": "mlp", "args": {"hidden_list": "many"}}},
        {"imnet_spec": {"name": "mlp"}},
        {"encoder_spec": {"name": "edsr-baseline", "args": {"n_resblocks": 10**6}}},
        {"encoder_spec": {"name": ["rdn"], "args": {"no_upsampling": True}}},
        {"encoder_spec": None},
    ],
    ids=lambda change: str(change)[:60],
)
def test_a_liif_that_asks_for_the_world_gets_nothing(
    change: dict[str, Any], tmp_path: Path
) -> None:
    model = {"name": "liif", "args": tiny.EDSR_SPEC | change, "sd": tiny.edsr_liif().state_dict()}
    with pytest.raises(CheckpointError):
        load_upscaler(tiny.save(tmp_path / "x.pth", {"model": model}))


@pytest.mark.parametrize(
    "changes",
    [{"body.999999999.weight": torch.zeros(3, 8, 3, 3)}, {"body.0.weight": torch.zeros(())}],
    ids=["number", "shape"],
)
def test_numbers_in_names_are_not_believed(changes: dict[str, Any], tmp_path: Path) -> None:
    file = tiny.save(tmp_path / "x.pth", tiny.compact().state_dict() | changes)
    with pytest.raises(CheckpointError):
        load("realesrgan:constant", {"weights": file})


def test_sides_of_a_checkpoint_are_those_of_its_network(tmp_path: Path) -> None:
    state = tiny.anycost_generator().state_dict()
    for i, sides in enumerate(([1 << 20], "all", [], [[8]], None)):
        checkpoint = Checkpoint("anycost", {"sides": sides}, state, "CC0", {})
        write_checkpoint(tmp_path / str(i), checkpoint)
        with pytest.raises(CheckpointError, match="says it was trained at"):
            load(str(tmp_path / str(i)))


def test_lists_and_nested_configs_are_bounded_too() -> None:
    for config in ({"a": {"margin": 65}}, {"a": [1] * 9}, {"a": [{"resolution": 1 << 14}]}):
        with pytest.raises(CheckpointError, match="in its config"):
            check_config(config, 8, "x")
    check_config({"a": {"margin": 64}, "b": [1] * 8, "c": "text", "d": None, "e": True}, 8, "x")


def test_a_network_that_is_larger_than_its_file_is_not_made() -> None:
    def make() -> nn.Module:
        return nn.Linear(1 << 20, 1 << 20)  # 4 TB

    with pytest.raises(CheckpointError, match="much larger than its tensors"):
        fitted(make, {"weight": torch.zeros(3)}, "x.pth")
