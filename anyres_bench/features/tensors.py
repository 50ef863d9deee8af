"""Named tensors of foreign weight files, for extractors; nothing in a file is ever executed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

from anyres_bench.core.errors import CheckpointError, WeightsError
from anyres_bench.core.states import find_state, kind
from anyres_bench.core.tensorfiles import read_tensor_file


@dataclass(frozen=True)
class Weights:
    """Tensors of a file.

    Attributes:
        tensors: by name.
        sha256: of the bytes that they were read from.
    """

    tensors: dict[str, Tensor]
    sha256: str


def read_weights(path: Path, *keys: str) -> Weights:
    """The tensors of a state dict (.pth, .safetensors) or a TorchScript file, on the CPU.

    Args:
        path: the file.
        keys: under which a training's checkpoint may hold the state.

    Raises:
        WeightsError: there is no such file.
        CheckpointError: it is damaged or holds something else than named tensors.
        UnsafeCheckpointError: reading it would execute something.
    """
    if not Path(path).exists():
        raise WeightsError(f"cannot read weights: {path}: No such file or directory")
    file = read_tensor_file(path)
    try:
        return Weights(find_state(file.content, *keys), file.sha256)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Name -> tensor of a file; see `read_weights`."""
    return read_weights(path).tensors


def floats_of(tensors: Mapping[str, Tensor], names: Iterable[str], what: str) -> dict[str, Tensor]:
    """Those tensors of a file that a network is made of, as float32.

    Args:
        tensors: of the file.
        names: that are needed.
        what: the network, for the message.

    Raises:
        CheckpointError: one is missing, or is not of floats, such as quantised weights.
    """
    names = list(names)
    if missing := [name for name in names if name not in tensors]:
        raise CheckpointError(f"these are not the weights of {what}: {', '.join(missing[:4])} lack")
    if other := [name for name in names if kind(tensors[name]) != "floats"]:
        raise CheckpointError(
            f"these are not the weights of {what}: {other[0]} is of {kind(tensors[other[0]])}, "
            "expected floats"
        )
    return {name: tensors[name].to(torch.float32) for name in names}


class Undrawn(TorchFunctionMode):
    """Where layers are made without drawing weights, which those of a file replace."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _DRAWN:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


_DRAWN = {init.kaiming_uniform_, init.uniform_, Tensor.uniform_}  # by convolutions and linear maps
