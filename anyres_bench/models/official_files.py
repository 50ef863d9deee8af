"""Official checkpoint files of the baselines, and what our trainer leaves of them, read as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from anyres_bench.core.errors import CheckpointError, UsageError
from anyres_bench.core.registry import nearest
from anyres_bench.core.states import find_state, holds
from anyres_bench.fetching.weights import obtain
from anyres_bench.models.checkpoint import ABOUT, Checkpoint, read_checkpoint
from anyres_bench.models.embedded import checkpoint_folder
from anyres_bench.models.families import published_weights
from anyres_bench.models.torchfile import read_model_file


@dataclass(frozen=True)
class OfficialFile:
    """What a file holds.

    Attributes:
        name: for messages: the file's name without folders.
        digest: the first digits of its SHA-256, for ids.
        content: whatever was saved; a `Checkpoint` where it is a folder of ours.
    """

    name: str
    digest: str
    content: Any

    def state(self, *keys: str, prefix: str = "") -> dict[str, Tensor]:
        """The state dict under the first key that holds tensors; see `find_state`.

        Args:
            keys: where a state may be, the preferred one first.
            prefix: keep only names that start so, without it, where there are any.

        Raises:
            CheckpointError: there is no such state; says what the file holds.
        """
        if isinstance(self.content, Checkpoint):
            return dict(self.content.state)
        try:
            return find_state(self.content, *keys, prefix=prefix)
        except CheckpointError as error:
            raise CheckpointError(f"{self.name}: {error}") from error

    @property
    def holds(self) -> str:
        """What is in the file, in words."""
        if isinstance(self.content, Checkpoint):
            return f"the checkpoint of a {self.content.architecture}"
        return holds(self.content)


def read_official(source: str, *, accept_licence: bool = False) -> OfficialFile:
    """A registered or embedded file by its name, or any file or checkpoint folder by its path.

    Raises:
        UsageError: no source is given, or it is neither a file nor a registered name.
        WeightsError: a registered file is not here and cannot be had.
        CheckpointError: it cannot be read as data.
    """
    path, published = checkpoint_folder(source), published_weights()
    if source in published:
        path = obtain(published[source], accept_licence=accept_licence)
    elif (path / ABOUT).is_file():
        return as_official(read_checkpoint(path), path.name)
    elif path.is_dir() and source:
        raise CheckpointError(
            f"{source!r} is a folder without {ABOUT}; expected one that `convert` or `train` "
            "wrote, or a file of weights: name the one in it"
        )
    elif not source or not path.exists():
        raise UsageError(
            f"no file {source!r}, and no registered weights; {nearest(source, published)}"
        )
    file = read_model_file(path)
    return OfficialFile(file.name, file.sha256[:12], file.content)


def as_official(checkpoint: Checkpoint, name: str = "") -> OfficialFile:
    """A checkpoint of ours, whose tensors have the official names, in the place of a file."""
    return OfficialFile(name or checkpoint.architecture, checkpoint.digest[:12], checkpoint)


def read_number(name: str, text: str, low: float, high: float) -> float:
    """An option's number.

    Raises:
        UsageError: it is no number from `low` to `high`.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise UsageError(f"{name} {text!r} is no number from {low:g} to {high:g}")
    return number


def shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def shape_of(sizes: Mapping[str, tuple[int, ...]], name: str, what: str) -> tuple[int, ...]:
    """The shape of a tensor that a network's sizes are read from.

    Args:
        sizes: of a whole state.
        name: of the tensor.
        what: begins the message: what the state is not, without it.

    Raises:
        CheckpointError: there is no such tensor of two or more dimensions; suggests the nearest.
    """
    if len(sizes.get(name, ())) < 2:
        raise CheckpointError(f"{what}: it has no {name}; {nearest(name, sizes)}")
    return sizes[name]


N = TypeVar("N", bound=nn.Module)


def ready(network: N, device: str) -> N:
    """A network for rendering: nothing is trained, and it is on a device.

    On a CPU plain convolutions keep the channels of a pixel together, which is faster; what they
    make differs by rounding.
    """
    network = network.eval().requires_grad_(False).to(device)
    if torch.device(device).type == "cpu":
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def device_of(network: nn.Module) -> torch.device:
    """Where a network is."""
    return next(network.parameters()).device
