"""States as people have them: other keys, wrappers, other containers, or no states at all."""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from anyres_bench.baselines.mspe import network as mspe
from anyres_bench.core.errors import CheckpointError
from anyres_bench.models.families import parts
from anyres_bench.models.loading import load
from tests.baselines import tiny

State = dict[str, Tensor]


@dataclass(frozen=True)
class Family:
    """A baseline: a network of it, how a file becomes one, and where official files have it."""

    network: Callable[[], nn.Module]
    load: Callable[[str], nn.Module]
    key: str

    def state(self) -> State:
        return self.network().state_dict()


def _upscaler(module: str) -> Callable[[str], nn.Module]:
    def made(file: str) -> nn.Module:
        return parts("upscalers").get(module)(weights=file).network

    return made


def _generator(spec: str) -> Callable[[str], nn.Module]:
    def made(file: str) -> nn.Module:
        generator = load(spec, {"weights": file})
        return getattr(generator, "renderer", generator).network

    return made


FAMILIES = {
    "anycost": Family(tiny.anycost_generator, _generator("anycost"), "g_ema"),
    "infinitygan": Family(tiny.infinity, _generator("infinitygan"), "g_ema"),
    "realesrgan": Family(tiny.rrdbnet, _upscaler("realesrgan"), "params_ema"),
    "compact": Family(tiny.compact, _upscaler("realesrgan"), "params"),
    "mspe": Family(
        lambda: tiny.seeded(mspe.MSPENetwork, tiny.mspe_config()),
        _generator("mspe:tiny"),
        "state_dict",
    ),
    "liif": Family(tiny.edsr_liif, _upscaler("liif"), "state_dict"),
}


def behind(start: str, state: State) -> State:
    return {f"{start}.{name}": value for name, value in state.items()}


OPTIONS = argparse.Namespace(lr=0.1)
# How a state is wrapped before it is saved: (state, key of the family) -> content.
WRAPPED: dict[str, Callable[[State, str], Any]] = {
    "alone": lambda state, key: state,
    "compiled": lambda state, key: {key: behind("_orig_mod", state)},
    "distributed": lambda state, key: {key: behind("module", state)},
    "both": lambda state, key: {key: behind("module._orig_mod", state)},
    "under state_dict": lambda state, key: {"state_dict": state, "iter": 5},
    "under model_state_dict": lambda state, key: {"epoch": 1, "model_state_dict": state},
    "with numpy": lambda state, key: {key: state, "best": np.float64(3), "all": np.arange(4.0)},
    "with a step": lambda state, key: {key: {**state, "step": 5}},
    "averaged": lambda state, key: {
        "ema": behind("module", state) | {"n_averaged": torch.ones(())}
    },
    "with options": lambda state, key: {
        key: state,
        "args": argparse.Namespace(lr=0.1),
        "lr": torch.device("cpu"),
    },
}


def same(network: nn.Module, state: State) -> bool:
    """Whether a network holds exactly these tensors."""
    own = network.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[n], state[n]) for n in state)


@pytest.fixture(autouse=True)
def _tiny_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mspe.CONFIGS, "tiny", tiny.mspe_config())


# Files of all families are unwrapped by one reader: `make test-slow` shows it all of them.
FAST = ("anycost", "compact")


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, id=name, marks=[] if name in FAST else [pytest.mark.slow])
        for name, family in FAMILIES.items()
    ],
)
def test_every_wrapping_gives_the_same_network(family: Family, tmp_path: Path) -> None:
    state = family.state()
    for name, wrap in WRAPPED.items():
        file = tiny.save(tmp_path / f"{name}.pth", wrap(state, family.key))
        assert same(family.load(file), state), name
    for name, content in (("raw", state), ("keyed", behind(family.key, state))):
        safe = tmp_path / f"{name}.safetensors"
        safetensors.torch.save_file({k: v.contiguous() for k, v in content.items()}, safe)
        assert same(family.load(str(safe)), state), name


@pytest.mark.parametrize("empty", [{}, None], ids=["empty", "none"])
def test_an_empty_average_gives_way_to_the_weights(empty: object, tmp_path: Path) -> None:
    state = tiny.rrdbnet().state_dict()
    file = tiny.save(tmp_path / "x.pth", {"params_ema": empty, "params": state})
    assert same(FAMILIES["realesrgan"].load(file), state)


def test_the_average_goes_first(tmp_path: Path) -> None:
    state = tiny.rrdbnet().state_dict()
    halved = {name: value / 2 for name, value in state.items()}
    file = tiny.save(tmp_path / "x.pth", {"params": halved, "params_ema": state})
    assert same(FAMILIES["realesrgan"].load(file), state)


def test_two_names_that_become_one_are_refused(tmp_path: Path) -> None:
    state = tiny.rrdbnet().state_dict()
    file = tiny.save(tmp_path / "x.pth", {"params": state | behind("module", state)})
    with pytest.raises(CheckpointError, match=r"two tensors named 'conv_first\.weight'"):
        FAMILIES["realesrgan"].load(file)


def test_a_liif_without_its_options_says_that_they_are_assumed(tmp_path: Path) -> None:
    described = load("liif:constant", {"weights": tiny.liif_file(tmp_path)})
    bare = tiny.save(tmp_path / "bare.pth", tiny.edsr_liif().state_dict())
    assumed = load("liif:constant", {"weights": bare})
    assert "as-published" in assumed.id
    assert "as-published" not in described.id


KINDS = {
    "pointer.pth": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "Git LFS pointer",
    ),
    "page.pth": (b"\n<!DOCTYPE html><html>Sign in</html>", "a web page"),
    "old_page.pt": (b"<HTML><head>", "a web page"),
    "answer.pt": (b'{"error": "Not found"}', "JSON"),
    "xml.pt": (b"<?xml version='1.0'?><Error>", "XML"),
    "model.onnx": (b"\x08\x07\x12\x07pytorch\x1a\x05", "ONNX"),
    "model.h5": (b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
    "model.gguf": (b"GGUF" + bytes(64), "GGUF"),
    "weights.npy": (b"\x93NUMPY\x01\x00", "numpy array"),
    "picture.pth": (b"\x89PNG\r\n\x1a\n" + bytes(64), "a picture"),
    "packed.pth": (gzip.compress(b"x", mtime=0), "gzip"),
    "seven.pth": (b"7z\xbc\xaf\x27\x1c" + bytes(20), "7z"),
    "notes.pth": (b"just some words", "text"),
    "zeros.pth": (bytes(4096), "zeros"),
    "noise.pth": (b"\x9c\xfe\x01\x02" * 9, "of no kind that is known"),
    "pickle.pth": (b"\x80\x04}\x94.", "a pickle that is no file of torch.save"),
    "empty.pth": (b"", "0 bytes"),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_no_file_of_tensors_is_called_what_it_is(name: str, tmp_path: Path) -> None:
    content, message = KINDS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as error:
        FAMILIES["realesrgan"].load(str(tmp_path / name))
    assert name in str(error.value)
    (tmp_path / "same.pkl").write_bytes(content)
    with pytest.raises(CheckpointError):
        load(str(tmp_path / "same.pkl"))


def test_an_archive_of_something_else_says_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    with pytest.raises(CheckpointError, match=r"numpy's arrays.*; it holds 'a\.npy'"):
        FAMILIES["realesrgan"].load(str(tmp_path / "x.npz"))


def test_a_whole_module_is_refused_with_advice(tmp_path: Path) -> None:
    file = tiny.save(tmp_path / "module.pth", tiny.rrdbnet())
    with pytest.raises(CheckpointError, match="save the tensors alone"):
        FAMILIES["realesrgan"].load(file)
