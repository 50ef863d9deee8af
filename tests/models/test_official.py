"""Official snapshots: read as data, every tensor and argument, nothing run."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from anyres_bench.core.errors import CheckpointError
from anyres_bench.models.checkpoint import (
    read_official_pickle,
)
from tests.models.official_pickles import tiny_network, write_snapshot

GOLDEN = Path(__file__).parents[1] / "golden" / "anyres_snapshot_tiny.pkl"


def test_the_official_snapshot_gives_every_tensor_and_argument() -> None:
    expected = json.loads(GOLDEN.with_suffix(".json").read_text())
    snapshot = read_official_pickle(GOLDEN)
    assert list(snapshot.keys) == expected["expected"]["keys"]
    assert snapshot.training_set_kwargs == expected["expected"]["training_set_kwargs"]
    for which, class_name in expected["expected"]["class_names"].items():
        network = snapshot.network(which)
        assert network.class_name == class_name
        assert network.version == expected["expected"]["persistence_version"]
        assert network.init_args == ()
        assert network.init_kwargs == expected["expected"][f"{which[0]}_init_kwargs"]
        for name, shape, mean, std in expected["weights"][which]["entries"]:
            noise = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
            want = (mean + std * noise.standard_normal(shape)).astype(np.float32)
            assert np.array_equal(network.state[name].numpy(), want), name


def test_asking_for_an_absent_network_suggests_the_nearest() -> None:
    with pytest.raises(CheckpointError, match="did you mean G_ema"):
        read_official_pickle(GOLDEN).network("G_emma")


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_every_protocol_gives_the_same_network(protocol: int, tmp_path: Path) -> None:
    network = tiny_network(extra={})
    path = write_snapshot(tmp_path / "x.pkl", {"G": None, "G_ema": network}, protocol)
    snapshot = read_official_pickle(path)
    assert list(snapshot.networks) == ["G_ema"]
    read = snapshot.network("G_ema")
    assert read.init_kwargs == {"z_dim": 3, "mapping_kwargs": {"num_layers": 1}}
    assert read.state.keys() == network.state.keys()
    for name, tensor in network.state.items():
        assert torch.equal(read.state[name], tensor)
        assert read.state[name].dtype == tensor.dtype


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_numpy_values_in_arguments_become_plain(protocol: int, tmp_path: Path) -> None:
    kwargs = {
        "gain": np.float32(0.5),
        "on": np.bool_(True),
        "n": np.int64(-3),
        "size": np.arange(6).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(4.0).reshape(2, 2)),
        "pair": (1, None),
    }
    network = tiny_network(init_kwargs=kwargs)
    path = write_snapshot(tmp_path / "x.pkl", {"D": network}, protocol)
    assert read_official_pickle(path).network("D").init_kwargs == {
        "gain": 0.5,
        "on": True,
        "n": -3,
        "size": [[0, 1, 2], [3, 4, 5]],
        "columns": [[0.0, 1.0], [2.0, 3.0]],
        "pair": [1, None],
    }


def test_transient_buffers_and_empty_entries_are_left_out(tmp_path: Path) -> None:
    extra = {
        "_buffers": {"kept": torch.ones(2), "gone": torch.ones(3), "none": None},
        "_non_persistent_buffers_set": {"gone"},
        "_modules": {"nothing": None},
    }
    path = write_snapshot(tmp_path / "x.pkl", {"G": tiny_network(state={}, extra=extra)})
    assert list(read_official_pickle(path).network("G").state) == ["kept"]


def test_tensors_have_memory_of_their_own(tmp_path: Path) -> None:
    weight = torch.arange(12.0).reshape(3, 4)
    state = {"t": weight.T, "part": weight[1:, ::2], "scalar": torch.tensor(3.5)}
    path = write_snapshot(tmp_path / "x.pkl", {"G": tiny_network(state=state)})
    read = read_official_pickle(path).network("G").state
    path.write_bytes(b"gone")
    for name, tensor in state.items():
        assert torch.equal(read[name], tensor)
        assert read[name].is_contiguous()
        assert read[name].untyped_storage().nbytes() == tensor.nbytes


@pytest.mark.slow
def test_a_flipped_bit_is_an_error_or_another_digest(tmp_path: Path) -> None:
    """A snapshot holds no checksum: what it may have become has another name in every result."""
    whole, want = GOLDEN.read_bytes(), read_official_pickle(GOLDEN)
    path, noticed = tmp_path / "x.pkl", 0
    for bit in np.random.default_rng(0).integers(0, 8 * len(whole), 20):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            found = read_official_pickle(path)
        except CheckpointError:
            noticed += 1
            continue
        assert found.sha256 != want.sha256
    assert noticed > 0


def test_files_of_tensors_alone_are_called_so(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    torch.save({"w": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    stream = path.read_bytes()
    # The length of this header, 128, begins as a pickle does.
    whole = safetensors.torch.save({"w": torch.ones(3)}, {"note": "x" * 39})
    assert whole[0] == stream[0] == 0x80
    for data in (stream, whole):
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match=r"x\.pkl: not a pickle.*the baseline that they"):
            read_official_pickle(path)
