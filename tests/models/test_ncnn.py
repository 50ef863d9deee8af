"""Networks in ncnn's layout: what was written is read, and what does not fit is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch

from anyres_bench.core.errors import CheckpointError
from anyres_bench.models.ncnn import read_ncnn
from tests.ncnn_files import convolution, stored, write

WEIGHT = torch.linspace(-1, 1, 3 * 2 * 9).reshape(3, 2, 3, 3)
BIAS, SLOPES = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.1, 0.2, 0.3])
LINES = ["Input data 0 1 data", convolution(WEIGHT), "PReLU p 1 1 b c 0=3"]


def numbers(half: bool = False) -> bytes:
    return stored(WEIGHT, half) + BIAS.numpy().tobytes() + SLOPES.numpy().tobytes()


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("suffix", [".param", ".bin"])
def test_layers_get_their_numbers(half: bool, suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path, LINES, numbers(half))
    network = read_ncnn(path.with_suffix(suffix))
    assert [layer.kind for layer in network.layers] == ["Input", "Convolution", "PReLU"]
    assert network.name == "n.param"
    _, layer, slopes = network.layers
    assert torch.equal(layer.tensors["weight"], WEIGHT.half().float() if half else WEIGHT)
    assert torch.equal(layer.tensors["bias"], BIAS)
    assert torch.equal(slopes.tensors["weight"], SLOPES)
    assert (layer.option(4), layer.option(9), layer.option(3, 1)) == (1, 0, 1)


def test_halves_are_padded_to_four_bytes(tmp_path: Path) -> None:
    weight = torch.ones(1, 1, 3, 3)
    line = "Convolution c 1 1 a b 0=1 1=3 6=9"
    [layer] = read_ncnn(write(tmp_path, [line], stored(weight, half=True))).layers
    assert torch.equal(layer.tensors["weight"], weight)
    assert "bias" not in layer.tensors


def test_arrays_are_options(tmp_path: Path) -> None:
    lines = [*LINES, "Eltwise e 2 1 a b c 0=1 -23301=2,0.2,1.0"]
    assert read_ncnn(write(tmp_path, lines, numbers())).layers[-1].options == {
        0: (1.0,),
        1: (0.2, 1.0),
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Convolution c 1 1 a b 0=3 1=3 5=1 6=55", "55 weights for 3 outputs"),
        (f"Convolution c 1 1 a b 0=3 1=3 5=1 6={27 * 10**15}", "do not belong together"),
        ("Convolution c 1 1 a b 0=3 1=3 5=1", "option 6 is"),
        ("Convolution c 1 1 a b 0=3 1=0 6=54", "option 1 is"),
        ("Convolution c 1 1 a b 0=nan 1=3 6=54", "not finite"),
        ("Convolution c 1 1 a b 0=3 1=3 -23310=3,0.2 6=54", "announces 3 values"),
        ("Convolution c one 1 a b", "invalid literal"),
        ("Convolution", "not enough values"),
        ("InnerProduct f 1 1 a b 0=3", "kind 'InnerProduct'"),
    ],
)
def test_a_layer_that_cannot_be_is_refused(line: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, [LINES[0], line], numbers())
    with pytest.raises(CheckpointError, match=message):
        read_ncnn(path)


def test_numbers_are_as_many_as_the_layers_take(tmp_path: Path) -> None:
    whole = numbers()
    for n in (0, 1, 4, 5, 200, len(whole) - 1):
        path = write(tmp_path, LINES, whole[:n])
        with pytest.raises(CheckpointError, match=r"expected 1 to|do not belong together"):
            read_ncnn(path)
    with pytest.raises(CheckpointError, match="4 bytes of numbers more"):
        read_ncnn(write(tmp_path, LINES, whole + bytes(4)))
    quantised = struct.pack("<I", 0x000D4B38) + whole[4:]
    with pytest.raises(CheckpointError, match=r"0x000d4b38 at byte 0.*quantised"):
        read_ncnn(write(tmp_path, LINES, quantised))


def test_other_files_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, LINES, numbers())
    for text, message in (
        ("<html>", "a web page"),
        ("7767517\n", "expected the layers"),
        ("7767517\n4 9\n" + "\n".join(LINES), "3 layers, but 4 are announced"),
        ("7767517\n1 1\nInput d\xe4ta 0 1 a", "expected the layers"),
    ):
        path.write_text(text, encoding="latin-1")
        with pytest.raises(CheckpointError, match=message):
            read_ncnn(path)
    path.with_suffix(".bin").unlink()
    with pytest.raises(CheckpointError, match=r"n\.bin"):
        read_ncnn(path)
