"""Every way to name a model, and what happens to names that are none."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import CheckpointError, GeneratorError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.evaluation.metadata import devices_of
from anyres_bench.models.checkpoint import (
    Checkpoint,
    from_official,
    read_official_pickle,
    write_checkpoint,
)
from anyres_bench.models.controls import HeldOut
from anyres_bench.models.embedded import checkpoint_folder
from anyres_bench.models.loading import load, read_snapshot, resolve, snapshot_files
from anyres_bench.models.networks import load_network
from tests.models.official_pickles import tiny_network, write_snapshot

GOLDEN = Path(__file__).parents[1] / "golden" / "anyres_snapshot_tiny.pkl"

FACTORIES = """
from anyres_bench.core.geometry import Size
from anyres_bench.models.loading import load

class Grey:
    id, native, canvases = "grey", Size(8, 8), "any"
    def __init__(self, level="0"):
        self.id = f"grey:{level}"
    def latents(self, seeds, labels=None):
        return seeds
    def sample(self, z, regions):
        raise NotImplementedError

def broken():
    return {"id": "x"}

def needy(size):
    return Grey()

def network():
    from torch import nn
    return nn.Linear(1, 1)

def flat():
    grey = Grey()
    grey.native = (8, 8)
    return grey

constant = 3
"""


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"factories_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


# -- names -----------------------------------------------------------------------------------------


def test_registered_names_take_their_argument() -> None:
    assert load("constant:7").id == "constant:7"


def test_references_wait_for_held_out_images() -> None:
    assert isinstance(resolve("resample:lanczos@64"), HeldOut)
    with pytest.raises(UsageError, match="only `evaluate`"):
        load("real")


@pytest.mark.parametrize(
    ("spec", "nearest"), [("constnat", "constant"), ("sceens", "scenes"), ("folder-x", "folder")]
)
def test_unknown_names_suggest_the_nearest(spec: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean {nearest}"):
        load(spec)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UsageError, match="constant:7 has no option psi"):
        load("constant:7", {"psi": "0.5"})


def test_a_path_that_is_not_there_says_so() -> None:
    with pytest.raises(UnknownNameError, match="no file"):
        load("/nowhere/model.pkl")


# -- factories -------------------------------------------------------------------------------------


def test_a_factory_is_called_with_its_options(factories: str) -> None:
    assert load(f"{factories}:Grey").id.startswith("grey:0+code@")
    assert load(f"{factories}:Grey", {"level": "9"}).id.startswith("grey:9+code@")
    with pytest.raises(UsageError, match=r"no option psi; its options: level"):
        load(f"{factories}:Grey", {"psi": "1"})


def test_a_factory_that_breaks_the_contract_is_named(factories: str) -> None:
    with pytest.raises(GeneratorError, match="a dict without id, native"):
        load(f"{factories}:broken")
    with pytest.raises(UnknownNameError, match="did you mean Grey"):
        load(f"{factories}:Gray")
    with pytest.raises(UnknownNameError, match="no 'constant'"):
        load(f"{factories}:constant")
    with pytest.raises(UsageError, match=r"missing a required argument: 'size'.*Pipeline\(it\)"):
        load(f"{factories}:needy")
    with pytest.raises(GeneratorError, match=r"a Linear without id, .*FixedSize\(it, size"):
        load(f"{factories}:network")
    with pytest.raises(GeneratorError, match=r"factories_.*:flat has native = \(8, 8\)"):
        load(f"{factories}:flat")
    with pytest.raises(UsageError, match="No module named 'nowhere'"):
        load("nowhere.at_all:factory")
    with pytest.raises(UsageError, match=r"No module named 'floder'.*did you mean folder"):
        load("floder:x")


# -- official snapshots as checkpoints -------------------------------------------------------------


def test_what_is_no_file_to_convert_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no registered snapshot; did you mean anyres"):
        read_snapshot("anyres-ffhq")
    with pytest.raises(CheckpointError, match="is a folder; expected a"):
        read_snapshot(str(tmp_path))
    for converted in ("embedded:ours-seed0", str(checkpoint_folder("embedded:ours-seed0"))):
        with pytest.raises(CheckpointError, match="is converted already"):
            read_snapshot(converted)


def test_training_options_beside_a_snapshot_are_kept(tmp_path: Path) -> None:
    state = {"synthesis.b4.const": torch.zeros(4), "mapping.fc0.weight": torch.zeros(2, 2)}
    path = write_snapshot(tmp_path / "x.pkl", {"G_ema": tiny_network(state=state)})
    assert read_snapshot(str(path)).training is None
    (tmp_path / "training_options.json").write_text('{"batch_size": 32}')
    (tmp_path / "other.json").write_text('{"batch_size": 64}')
    assert read_snapshot(str(path)).training == {"batch_size": 32}
    assert read_snapshot(str(path), "G_ema", tmp_path / "other.json").training == {"batch_size": 64}
    (tmp_path / "training_options.json").write_text("[1]")
    with pytest.raises(CheckpointError, match="no JSON object"):
        read_snapshot(str(path))


# -- rendering -------------------------------------------------------------------------------------


def test_a_snapshot_and_its_conversion_are_the_same_model(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "out", read_snapshot(str(GOLDEN)))
    options = {"psi": "0.7"}
    direct, converted = load(str(GOLDEN), options), load(str(tmp_path / "out"), options)
    assert direct.id == converted.id
    assert load(str(GOLDEN)).id != direct.id
    region = Region.whole(Size(16, 16))
    images = [g.sample(g.latents([3]), [region]) for g in (direct, converted)]
    assert torch.equal(*images)


def test_a_snapshot_renders_the_official_image() -> None:
    with np.load(GOLDEN.with_suffix(".npz")) as arrays:
        z, expected = torch.from_numpy(arrays["in.z"]), torch.from_numpy(arrays["out.img_G_ema"])
    network = load_network(from_official(read_official_pickle(GOLDEN)))
    assert float((network(z) - expected).abs().max()) < 2e-5  # measured 4.3e-6


def test_tensors_without_an_architecture_are_explained(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="loaded by the baseline"):
        load(str(tmp_path / "weights.pth"))


def test_a_checkpoint_of_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "toy", Checkpoint("anyres-generater", {}, {}, "CC0", {}))
    with pytest.raises(CheckpointError, match="did you mean anyres-generator"):
        load(str(tmp_path / "toy"))


def test_registered_snapshots_are_pickles_with_all_facts_stated() -> None:
    names = snapshot_files()
    assert {"anyres-ffhq6k", "anyres-birds", "anyres-church", "anyres-mountains"} <= set(names)
    assert any(name.startswith("stylegan3-") for name in names)


def test_a_model_renders_where_it_was_asked_to(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "out", read_snapshot(str(GOLDEN)))
    assert devices_of(load(str(tmp_path / "out"), device="cpu")) == "cpu"
    moved = load(str(tmp_path / "out"), device="meta")
    assert devices_of(moved) == "meta"
    enlarged = load(f"lanczos:{tmp_path / 'out'}", device="meta")
    assert devices_of(enlarged) == "meta"
    with pytest.raises(UsageError, match="no option device"):
        load(str(tmp_path / "out"), {"device": "meta"})


def test_a_folder_of_images_is_told_how_to_be_written(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"write folder:{re.escape(str(tmp_path))}"):
        load(str(tmp_path))
