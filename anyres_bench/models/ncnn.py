"""Networks in the layout of ncnn, read as data: layers as text (.param), their numbers (.bin).

The numbers have neither names nor sizes: they follow each other in the order of the layers, and
each layer's options say how many it takes. So every kind of layer must be known; those of
convolutional networks that map images to images are.

Source: ncnn's documentation, "param and model file structure" and "operators".
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from anyres_bench.core.budget import MAX_JSON_BYTES, Budget
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.filekinds import HEAD_BYTES, describe
from anyres_bench.core.tensorfiles import map_file
from anyres_bench.core.unpickle import quote

LAYERS, NUMBERS = ".param", ".bin"
_MAGIC = "7767517"
_HALF, _SINGLE = 0x01306B47, 0  # flags in front of weights
_WEIGHTLESS = {"Input", "Split", "Concat", "Eltwise", "BinaryOp", "Interp", "PixelShuffle"}
_FIRST_ARRAY = -23300  # the option -23300 - k is the array k


@dataclass(frozen=True)
class NcnnLayer:
    """One layer.

    Attributes:
        kind: as ncnn calls it, such as "Convolution".
        name: of the layer.
        options: numbers by key; ncnn's documentation says what they mean for a kind.
        tensors: float32; "weight" (out, in, kernel, kernel) and "bias" (out,) of a convolution,
            "weight" (channels,) of a PReLU.
    """

    kind: str
    name: str
    options: Mapping[int, tuple[float, ...]]
    tensors: Mapping[str, Tensor]

    def option(self, key: int, default: float = 0) -> float:
        """The single number of an option."""
        values = self.options.get(key, (default,))
        return values[0] if len(values) == 1 else default


@dataclass(frozen=True)
class NcnnNetwork:
    """A network as its files have it; how layers are connected is not kept.

    Attributes:
        name: of the file of layers, without folders.
        sha256: digest of the file of layers followed by the file of numbers.
        layers: in order.
    """

    name: str
    sha256: str
    layers: tuple[NcnnLayer, ...]


def read_ncnn(path: Path) -> NcnnNetwork:
    """Read a network from the file of its layers, or that of its numbers; the other lies beside it.

    Raises:
        CheckpointError: a file is not there, damaged or of another kind, a kind of layer is not
            known, or the numbers are not as many as the layers need.
    """
    with map_file(path.with_suffix(LAYERS)) as text, map_file(path.with_suffix(NUMBERS)) as data:
        if len(text) > MAX_JSON_BYTES:
            raise CheckpointError(f"{len(text)} bytes of layers; at most {MAX_JSON_BYTES} are read")
        digest = hashlib.sha256(text)
        digest.update(data)
        lines = _lines(bytes(text))
        numbers = _Numbers(data, Budget(tensor_bytes=2 * len(data)))
        layers = tuple(_layer(line, numbers) for line in lines)
        numbers.check_end()
        return NcnnNetwork(path.with_suffix(LAYERS).name, digest.hexdigest(), layers)


def _lines(text: bytes) -> list[str]:
    """The lines of all layers."""
    try:
        magic, counts, *lines = text.decode("ascii").rstrip().split("\n")
        n_layers, _ = map(int, counts.split())
    except ValueError:
        magic, lines, n_layers = "", [], 0
    if magic.strip() != _MAGIC:
        raise CheckpointError(
            f"this file is {describe(text[:HEAD_BYTES])}; expected the layers of an ncnn network, "
            f"as text that begins with {_MAGIC}"
        )
    if len(lines) != n_layers:
        raise CheckpointError(f"{len(lines)} layers, but {n_layers} are announced; get it again")
    return lines


class _Numbers:
    """The file of numbers, read from front to back."""

    def __init__(self, data: memoryview, budget: Budget) -> None:
        self._data, self._budget, self._at = data, budget, 0

    def weights(self, shape: tuple[int, ...]) -> Tensor:
        """Numbers behind a flag that says how they are stored, padded to 4 bytes."""
        [flag] = struct.unpack("<I", self._take(4))
        if flag == _SINGLE:
            return self.plain(shape)
        if flag != _HALF:
            raise CheckpointError(
                f"weights stored with flag 0x{flag:08x} at byte {self._at - 4}; expected float32 "
                f"(0) or float16 (0x{_HALF:08x}): quantised networks are not read"
            )
        n = math.prod(shape)
        stored = self._take(2 * n)
        self._take(-self._at % 4)
        return self._tensor(stored, torch.float16, shape)

    def plain(self, shape: tuple[int, ...]) -> Tensor:
        """Numbers of float32."""
        return self._tensor(self._take(4 * math.prod(shape)), torch.float32, shape)

    def check_end(self) -> None:
        """Refuse a file that holds more than the layers took."""
        if left := len(self._data) - self._at:
            raise CheckpointError(f"{left} bytes of numbers more than the layers take")

    def _take(self, n: int) -> memoryview:
        if n > len(self._data) - self._at:
            raise CheckpointError(
                f"{len(self._data)} bytes of numbers, and a layer takes {n} from byte {self._at} "
                "on; the two files do not belong together, or one is cut short"
            )
        self._at += n
        return self._data[self._at - n : self._at]

    def _tensor(self, stored: memoryview, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
        self._budget.spend("tensor_bytes", 4 * math.prod(shape))
        return torch.frombuffer(stored, dtype=dtype).reshape(shape).to(torch.float32, copy=True)


def _layer(line: str, numbers: _Numbers) -> NcnnLayer:
    try:
        kind, name, n_in, n_out, *rest = line.split()
        options = dict(map(_option, rest[int(n_in) + int(n_out) :]))
    except ValueError as error:
        raise CheckpointError(f"layer {quote(line)}: {error}") from error
    if kind == "Convolution":
        return NcnnLayer(kind, name, options, _convolution(name, options, numbers))
    if kind == "PReLU":
        [n] = _counts(name, options, {0: None})
        return NcnnLayer(kind, name, options, {"weight": numbers.plain((n,))})
    if kind not in _WEIGHTLESS:
        known = ", ".join(sorted(_WEIGHTLESS | {"Convolution", "PReLU"}))
        raise CheckpointError(f"a layer of kind {quote(kind)}; known are {known}")
    return NcnnLayer(kind, name, options, {})


def _option(text: str) -> tuple[int, tuple[float, ...]]:
    """`key=value`, or `-233kk=n,value,...` for the array kk.

    Raises:
        ValueError: it is neither.
    """
    key, values = text.split("=")
    number, numbers = int(key), tuple(map(float, values.split(",")))
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"option {text} is not finite")
    if number > _FIRST_ARRAY:
        return number, numbers
    if len(numbers) != numbers[0] + 1:
        raise ValueError(f"option {text} announces {numbers[0]:g} values")
    return _FIRST_ARRAY - number, numbers[1:]


def _convolution(
    name: str, options: Mapping[int, tuple[float, ...]], numbers: _Numbers
) -> dict[str, Tensor]:
    n_out, kernel, n_weights = _counts(name, options, {0: None, 1: None, 6: None})
    [height] = _counts(name, options, {11: kernel})
    n_in, rest = divmod(n_weights, n_out * kernel * height)
    if rest:
        raise CheckpointError(
            f"convolution {quote(name)}: {n_weights} weights for {n_out} outputs of a kernel of "
            f"{height} x {kernel}"
        )
    tensors = {"weight": numbers.weights((n_out, n_in, height, kernel))}
    if options.get(5, (0.0,)) == (1.0,):
        tensors["bias"] = numbers.plain((n_out,))
    return tensors


def _counts(
    name: str, options: Mapping[int, tuple[float, ...]], defaults: Mapping[int, int | None]
) -> list[int]:
    """Positive whole numbers of options."""
    found = []
    for key, default in defaults.items():
        values = options.get(key, () if default is None else (float(default),))
        if len(values) != 1 or values[0] < 1 or values[0] != int(values[0]):
            raise CheckpointError(
                f"layer {quote(name)}: option {key} is {list(values)}; expected a whole number "
                "from 1 on"
            )
        found.append(int(values[0]))
    return found
