"""What an earlier stage left: a checkpoint, a run, or neither."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyres_bench.core.errors import CheckpointError
from anyres_bench.models.checkpoint import Checkpoint, write_checkpoint
from anyres_bench.training.config import to_plain
from anyres_bench.training.loop import train
from anyres_bench.training.run_folder import exports
from anyres_bench.training.warm_start import read_warm_start
from tests.training.tiny import LOOP
from tests.training.toy import ToyRecipe


def test_a_checkpoint_holds_no_other_networks(tmp_path: Path) -> None:
    written = Checkpoint("toy", {}, {"w": torch.ones(2)}, "CC0-1.0", {}, {})
    write_checkpoint(tmp_path / "a", written)
    read, networks = read_warm_start(tmp_path / "a")
    assert read.digest == written.digest
    assert networks == {}


def test_a_run_gives_its_average_and_all_its_networks(tmp_path: Path) -> None:
    recipe = ToyRecipe()
    assert train(recipe, LOOP, tmp_path / "run", {"loop": to_plain(LOOP)})
    read, networks = read_warm_start(tmp_path / "run")
    assert exports(tmp_path / "run")
    assert read.architecture == "toy"
    assert networks.keys() == recipe.networks.keys()
    for name, network in recipe.networks.items():
        for key, tensor in network.state_dict().items():
            assert torch.equal(networks[name][key], tensor)


def test_a_folder_of_neither_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"train stage 1 first, or name .* model\.teacher"):
        read_warm_start(tmp_path)
