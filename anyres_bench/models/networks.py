"""The network of a checkpoint: from its config and tensors, by the architecture that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from anyres_bench.core.errors import CheckpointError, ConfigError
from anyres_bench.models.checkpoint import Checkpoint, check_fits, load_strict
from anyres_bench.models.families import parts

# No network of today comes near these; without a bound, a config could ask for days of work.
_MAX_NUMBER = 1 << 17
_MAX_RESOLUTION = 1 << 13


def load_network(checkpoint: Checkpoint) -> nn.Module:
    """The network of a checkpoint with its weights, frozen, in evaluation mode.

    It is first laid out without memory, and only built when every tensor fits: a config that asks
    for more than the file holds costs nothing.

    Raises:
        UnknownNameError: no network of that architecture.
        CheckpointError: the config is not valid, or the tensors do not fit the network.
    """
    make = parts("networks").get(checkpoint.architecture)
    source = str(checkpoint.source.get("file", checkpoint.architecture))
    _check_numbers(checkpoint.config, len(checkpoint.state), source)
    try:
        with torch.device("meta"):
            check_fits(make(checkpoint.config), checkpoint.state, source)
        network = make(checkpoint.config)
    except (ConfigError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
        raise CheckpointError(f"{source}: no network can be made of its config: {error}") from error
    load_strict(network, checkpoint.state, source)
    frozen: nn.Module = network.eval().requires_grad_(False)
    return frozen


def _check_numbers(config: Mapping[str, Any], n_tensors: int, source: str) -> None:
    """Bound what building the network costs, before any of its shapes is known."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            _check_numbers(value, n_tensors, source)
        limit = _MAX_RESOLUTION if "resolution" in key else _MAX_NUMBER
        limit = n_tensors if "layers" in key else limit
        if isinstance(value, int | float) and abs(value) > limit:
            raise CheckpointError(
                f"{source}: {key} is {value} in its config; at most {limit} is possible with "
                f"{n_tensors} tensors"
            )
