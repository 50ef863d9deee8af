"""What the architectures of checkpoints are: from config and tensors to a network.

Each has a name:

    anyres-generator            our generator; config: fields of `GeneratorConfig`
    anyres-generator-official   the same with the official code's arguments, so that the digest of
                                a converted snapshot never depends on our fields
    stylegan2-discriminator     the discriminator, with the official code's arguments
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from anyres_bench.core.registry import Registry
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.fitting import check_config, fitted
from anyres_bench.reference.config import DiscriminatorConfig, GeneratorConfig
from anyres_bench.reference.discriminator import Discriminator
from anyres_bench.reference.network import GeneratorNetwork

_HERE = "anyres_bench.models.architectures"
NETWORKS = Registry(
    "network architecture",
    {
        "anyres-generator": f"{_HERE}:generator",
        "anyres-generator-official": f"{_HERE}:official_generator",
        "stylegan2-discriminator": f"{_HERE}:official_discriminator",
    },
    entry_points="anyres_bench.networks",
)
"""Architecture -> function(config) that makes an untrained network."""


def load_network(checkpoint: Checkpoint) -> nn.Module:
    """The network of a checkpoint with its weights, frozen, in evaluation mode.

    It is first laid out without memory, and only built when every tensor fits: a config that asks
    for more than the file holds costs nothing.

    Raises:
        UnknownNameError: no network of that architecture.
        CheckpointError: the config is not valid, or the tensors do not fit the network.
    """
    make = NETWORKS.get(checkpoint.architecture)
    source = str(checkpoint.source.get("file", checkpoint.architecture))
    check_config(checkpoint.config, len(checkpoint.state), source)
    network = fitted(lambda: make(checkpoint.config), checkpoint.state, source)
    frozen: nn.Module = network.eval().requires_grad_(False)
    return frozen


def generator(config: Mapping[str, Any]) -> nn.Module:
    """A generator from the fields of `GeneratorConfig`."""
    return GeneratorNetwork(GeneratorConfig(**config))


def official_generator(config: Mapping[str, Any]) -> nn.Module:
    """A generator from the arguments of the official code."""
    return GeneratorNetwork(GeneratorConfig.from_official(config))


def official_discriminator(config: Mapping[str, Any]) -> nn.Module:
    """A discriminator from the arguments of the official code."""
    return Discriminator(DiscriminatorConfig.from_official(config))
