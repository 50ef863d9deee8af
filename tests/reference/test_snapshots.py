"""Official snapshots: networks told apart, provenance and licence kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from anyres_bench.core.errors import CheckpointError
from anyres_bench.models.checkpoint import (
    from_official,
    read_official_pickle,
)
from anyres_bench.models.loading import load, read_snapshot
from anyres_bench.reference.snapshots import ANYRES_LICENCE, NVIDIA_LICENCE
from tests.models.official_pickles import tiny_network, write_snapshot

GOLDEN = Path(__file__).parents[1] / "golden" / "anyres_snapshot_tiny.pkl"


def stylegan2_state() -> dict[str, Tensor]:
    return {"synthesis.b4.const": torch.zeros(4), "mapping.fc0.weight": torch.zeros(2, 2)}


def test_a_snapshot_becomes_a_checkpoint_with_its_provenance() -> None:
    snapshot = read_official_pickle(GOLDEN)
    checkpoint = from_official(snapshot)
    assert checkpoint.architecture == "anyres-generator-official"
    assert checkpoint.config["training_mode"] == "patch"
    assert checkpoint.source["sha256"] == snapshot.sha256
    assert checkpoint.source["network"] == "G_ema"
    assert checkpoint.licence == ANYRES_LICENCE
    assert from_official(snapshot, licence="CC0").licence == "CC0"
    assert from_official(snapshot, "G").digest != checkpoint.digest
    assert from_official(snapshot, "D").architecture == "stylegan2-discriminator"


def test_networks_are_told_apart_by_class_and_tensors(tmp_path: Path) -> None:
    stylegan2 = tiny_network(state=stylegan2_state(), buffers=())
    path = write_snapshot(tmp_path / "x.pkl", {"G_ema": stylegan2, "D": tiny_network()}, protocol=3)
    checkpoint = from_official(read_official_pickle(path))
    assert checkpoint.architecture == "stylegan2-generator"
    assert checkpoint.licence == NVIDIA_LICENCE
    with pytest.raises(CheckpointError, match=r"x\.pkl: no network can be made of it"):
        load(str(path))
    discriminator = {"b4.out.weight": torch.zeros(1), "b4.fc.weight": torch.zeros(1)}
    other = tiny_network(state=discriminator, buffers=(), class_name="Discriminator")
    write_snapshot(path, {"G_ema": other, "D": tiny_network()})
    said = r"x\.pkl is a stylegan2-discriminator, and no network"
    with pytest.raises(CheckpointError, match=said):
        load(str(path))
    with pytest.raises(CheckpointError, match="D is a Generator with 3 tensors that is not built"):
        from_official(read_official_pickle(path), "D")


def test_positional_arguments_of_unknown_meaning_are_refused(tmp_path: Path) -> None:
    network = tiny_network(state=stylegan2_state(), extra={"_init_args": (512,)})
    path = write_snapshot(tmp_path / "x.pkl", {"G_ema": network})
    with pytest.raises(CheckpointError, match="not built like"):
        read_snapshot(str(path))
