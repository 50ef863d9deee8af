"""The network of a checkpoint: from its config and tensors, by the architecture that it names."""

from __future__ import annotations

from torch import nn

from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.families import parts
from anyres_bench.models.fitting import check_config, fitted


def load_network(checkpoint: Checkpoint) -> nn.Module:
    """The network of a checkpoint with its weights, frozen, in evaluation mode.

    A config that asks for much more than the file holds is refused before anything is allocated.

    Raises:
        UnknownNameError: no network of that architecture.
        CheckpointError: the config is not valid, or the tensors do not fit the network.
    """
    make = parts("networks").get(checkpoint.architecture)
    source = str(checkpoint.source.get("file", checkpoint.architecture))
    check_config(checkpoint.config, len(checkpoint.state), source)
    network = fitted(lambda: make(checkpoint.config), checkpoint.state, source)
    frozen: nn.Module = network.eval().requires_grad_(False)
    return frozen
