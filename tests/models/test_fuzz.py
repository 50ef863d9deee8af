"""Every reader of checkpoints, fed mutations of sound ones: an error of ours, or tensors."""

from __future__ import annotations

import functools
import io
import json
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from anyres_bench.baselines.anycost.generator import from_state as anycost_from_state
from anyres_bench.baselines.infinitygan.generator import _made as infinitygan_made
from anyres_bench.baselines.liif.upscaler import from_file as liif_from_file
from anyres_bench.baselines.realesrgan.upscaler import from_state as realesrgan_from_state
from anyres_bench.core.errors import AnyresBenchError
from anyres_bench.core.tensorfiles import read_tensor_file
from anyres_bench.models.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from anyres_bench.models.families import parts
from anyres_bench.models.loading import load
from anyres_bench.models.networks import load_network
from anyres_bench.models.official import read_official_pickle, to_plain
from anyres_bench.models.official_files import OfficialFile, as_official
from tests.baselines import tiny
from tests.fuzz import fuzz, replay
from tests.models.official_pickles import dumps, snapshot, tiny_network

ALLOWED = (AnyresBenchError,)
VALUE = {
    "state": {"w": torch.arange(6.0).reshape(2, 3), "half": torch.ones(2).half()},
    "best": np.float64(0.5),
    "curve": np.arange(3),
    "size": torch.Size([2, 3]),
    "list": [1, 2.5, None, True, "text"],
}


@functools.cache
def folder() -> Path:
    """Where inputs become files; one of the process that fuzzes."""
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def as_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Reads bytes as a file of that name."""

    def target(data: bytes) -> object:
        path = folder() / name
        path.write_bytes(data)
        return read(path)

    return target


def in_zip(entries: tuple[str, ...]) -> Callable[[bytes], object]:
    """Reads bytes as the pickle in a sound zip of torch: checksums keep out no change of it."""

    def target(data: bytes) -> object:
        path = folder() / "whole.pt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", data)
            for name in entries:
                archive.writestr(f"a/{name}", b"")
            for key, n in enumerate((24, 4, 16, 8)):
                archive.writestr(f"a/data/{key}", bytes(range(n)))
        return read_tensor_file(path)

    return target


def in_folder(data: bytes) -> object:
    """Loads a checkpoint folder whose JSON is these bytes."""
    path = folder() / "model"
    if not path.is_dir():
        write_checkpoint(path, small_checkpoint())
    (path / "checkpoint.json").write_bytes(data)
    return load(str(path)) if b'"anyres' in data else read_checkpoint(path)


def saved(value: Any, legacy: bool = False) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def scripted() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Sequential(torch.nn.Linear(2, 3))), file)
    return file.getvalue()


def member(archive: bytes, name: str) -> bytes:
    """A file of a zip, by the end of its name."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return opened.read(next(n for n in opened.namelist() if n.endswith(name)))


def small_checkpoint() -> Checkpoint:
    return Checkpoint("toy", {"width": 3}, {"w": torch.zeros(3)}, "CC0", {})


def about(**changes: Any) -> bytes:
    write_checkpoint(folder() / "about", small_checkpoint())
    path = folder() / "about" / "checkpoint.json"
    facts = json.loads(path.read_bytes()) | changes
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()
    return json.dumps(facts).encode()


def as_state(family: str) -> Callable[[bytes], object]:
    """Reads JSON of names and shapes, and makes a network of a family of such a state."""

    def target(data: bytes) -> object:
        try:
            shapes = json.loads(data)
            state = {name: torch.zeros(shape) for name, shape in shapes.items()}
        except (ValueError, TypeError, AttributeError, RuntimeError, RecursionError):
            return None  # no state dict, so no matter of the family
        if sum(tensor.numel() for tensor in state.values()) > 1 << 22:
            return None
        return FROM_STATE[family](state)

    return target


def as_config(data: bytes) -> object:
    """Reads JSON of an architecture and a config, and loads such a checkpoint without tensors."""
    try:
        architecture, config = json.loads(data)
    except (ValueError, TypeError, RecursionError):
        return None
    if not isinstance(config, dict):
        return None
    config = to_plain(config)  # as every checkpoint's is when it is read
    checkpoint = Checkpoint(str(architecture), config, {"w": torch.zeros(3)}, "CC0", {})
    if architecture == "liif":
        return liif_from_file(as_official(checkpoint), "cpu")
    if architecture in parts("networks"):
        return load_network(checkpoint)
    return parts("checkpoints").get(str(architecture))(checkpoint)


def _official(state: dict[str, torch.Tensor]) -> OfficialFile:
    return OfficialFile("x.pth", "0" * 12, state)


FROM_STATE: dict[str, Callable[[dict[str, torch.Tensor]], object]] = {
    "anycost": lambda state: anycost_from_state(state, "x.pth", "cpu"),
    "infinitygan": lambda state: infinitygan_made(_official(state), "cpu"),
    "realesrgan": lambda state: realesrgan_from_state(state, "x.pth", "cpu"),
    "liif": lambda state: liif_from_file(_official(state), "cpu"),
}


def shapes_of(network: torch.nn.Module) -> bytes:
    return json.dumps({n: list(t.shape) for n, t in network.state_dict().items()}).encode()


CONFIGS = (
    ["anyres-generator", {"resolution": 16, "n_layers": 4, "margin": 2, "channel_base": 64}],
    ["anyres-generator-official", {"img_resolution": 16, "z_dim": 4, "channel_max": 8}],
    ["stylegan2-discriminator", {"img_resolution": 16, "c_dim": 0, "channel_base": 64}],
    ["mspe", {"name": "f", "out_size": 8, "style_channels": 8, "num_mlps": 1, "scales": [0]}],
    ["liif", tiny.EDSR_SPEC],
    ["infinitygan", {}],
    ["anycost", {"sides": [8, 16]}],
)
TARGETS: dict[str, tuple[Callable[[bytes], object], Callable[[], list[bytes]]]] = {
    "torch-zips": (
        as_file("x.pt", read_tensor_file),
        lambda: [saved(VALUE), saved({"w": torch.ones(2)}), scripted()],
    ),
    "torch-pickles": (
        in_zip(()),
        lambda: [member(saved(VALUE), "data.pkl"), pickle.dumps({"a": [1, (2, "x")]}, 4)],
    ),
    "torchscript-pickles": (
        in_zip(("constants.pkl",)),
        lambda: [member(scripted(), "data.pkl")],
    ),
    "torch-streams": (as_file("x.pth", read_tensor_file), lambda: [saved(VALUE, legacy=True)]),
    "safetensors": (
        as_file("x.safetensors", read_tensor_file),
        lambda: [safetensors.torch.save({"w": torch.ones(2, 2), "n": torch.zeros(())})],
    ),
    "snapshots": (
        as_file("x.pkl", read_official_pickle),
        lambda: [dumps(snapshot({"G_ema": tiny_network()}), protocol) for protocol in (3, 4, 5)],
    ),
    "checkpoint-json": (
        in_folder,
        lambda: [about(), about(config={"resolution": 16, "margin": 4}), about(training={"a": 1})],
    ),
    "configs": (as_config, lambda: [json.dumps(config).encode() for config in CONFIGS]),
    "anycost-states": (as_state("anycost"), lambda: [shapes_of(tiny.anycost_generator(8))]),
    "infinitygan-states": (as_state("infinitygan"), lambda: [shapes_of(tiny.infinity())]),
    "realesrgan-states": (
        as_state("realesrgan"),
        lambda: [shapes_of(tiny.rrdbnet()), shapes_of(tiny.compact())],
    ),
    "liif-states": (as_state("liif"), lambda: [shapes_of(tiny.edsr_liif())]),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
def test_mutations_end_in_an_error_of_ours_or_in_tensors(name: str) -> None:
    target, seeds = TARGETS[name]
    assert fuzz(name, seeds(), target, ALLOWED) > 100


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_still_ends_so(name: str) -> None:
    assert replay(name, TARGETS[name][0], ALLOWED)
