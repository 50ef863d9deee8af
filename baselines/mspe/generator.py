"""MS-PE as a generator: `mspe:CONFIG[@SIZE]`.

`mspe:f` makes the sizes that configuration f was trained at and resizes between them;
`mspe:f@320` enlarges the head to 320 px, which it was not trained at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from torch import Tensor

from anyres_bench.baselines.mspe.network import CONFIGS, Config, MSPENetwork
from anyres_bench.core.errors import CheckpointError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.core.registry import nearest
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.fitting import check_config, fitted
from anyres_bench.models.fixed_sizes import FixedSizes
from anyres_bench.models.noise import normal_field
from anyres_bench.models.official_files import (
    OfficialFile,
    as_official,
    read_number,
    read_official,
    ready,
)
from anyres_bench.models.styles import StyleLatent, Styles


@dataclass(frozen=True)
class MSPERenderer:
    """A network at the scales that it was trained at, or at one other size.

    Attributes:
        network: the generator.
        name: of its configuration, and the digest of its file.
        target: the only size; None for all trained ones.
        psi: truncation; 1 is none.
    """

    network: MSPENetwork
    name: str
    target: Size | None = None
    psi: float = 1.0

    @property
    def id(self) -> str:
        parts = [
            f"mspe-{self.name}",
            f"at{self.target}" if self.target else "",
            f"psi{self.psi:g}" if self.psi != 1 else "",
        ]
        return "+".join(filter(None, parts))

    @property
    def sizes(self) -> tuple[Size, ...]:
        if self.target:
            return (self.target,)
        step = self.network.step
        return tuple(Size.square((4 + s) * step) for s in self.network.config.scales)

    @cached_property
    def styles(self) -> Styles:
        """Of seeds."""
        return Styles(self.network.style_mapping, self.network.config.style_channels, self.psi)

    def n_parameters(self, size: Size) -> int:
        """All weights, whatever the size."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def latent(self, seed: int) -> StyleLatent:
        """The truncated style of a seed."""
        return self.styles.latent(seed)

    def render(self, latent: StyleLatent, size: Size) -> Tensor:
        """Enlarge the head to the size; the network makes BGR, which is turned to RGB."""
        scale = self.network.scale_for(size)
        noise = [
            normal_field(latent.seed, i, Box.whole(layer)).to(latent.w.device)
            for i, layer in enumerate(self.network.noise_sizes(scale))
        ]
        bgr: Tensor = self.network(self.network.styles(latent.w), noise, scale)
        return bgr.flip(1)


def build(
    rest: str,
    weights: str = "",
    psi: str = "1",
    device: str = "cpu",
    accept_licence: bool = False,
) -> FixedSizes:
    """`mspe:CONFIG[@SIZE]`.

    Args:
        rest: what follows the colon: a key of `mspe.CONFIGS`, which no file records, and a size.
        weights: a registered name, or the path of an official file; by default the registered
            file of the configuration.
        psi: truncation.
        device: where it renders, as torch names it.
        accept_licence: of downloaded weights.

    Raises:
        UnknownNameError: no such configuration.
        UsageError: the size cannot be made, or a number cannot be read.
        CheckpointError: the file does not fit the configuration.
    """
    name, _, size = rest.partition("@")
    if name not in CONFIGS:
        raise UnknownNameError(f"no MS-PE configuration {name!r}; {nearest(name, CONFIGS)}")
    official = read_official(weights or f"mspe-{name}", accept_licence=accept_licence)
    return _made(official, name, size, psi, device)


def from_checkpoint(
    checkpoint: Checkpoint, size: str = "", psi: str = "1", device: str = "cpu"
) -> FixedSizes:
    """A checkpoint that our trainer left, which says its configuration.

    Args:
        checkpoint: its tensors have the official names.
        size: the only size to make; all that were trained by default.
        psi: truncation.
        device: where it renders, as torch names it.

    Raises:
        UsageError: the size cannot be made, or a number cannot be read.
        CheckpointError: it is no MS-PE generator.
    """
    return _made(as_official(checkpoint), str(checkpoint.config.get("name")), size, psi, device)


def read_config(name: str, changes: Mapping[str, Any], source: str) -> Config:
    """A published configuration with other sizes.

    Raises:
        CheckpointError: no such configuration, or no such size.
    """
    try:
        config = replace(CONFIGS[name], **{k: v for k, v in changes.items() if k != "name"})
        return replace(config, scales=tuple(config.scales))
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{source} is no MS-PE configuration {name!r}: {error}") from error


def _made(official: OfficialFile, name: str, size: str, psi: str, device: str) -> FixedSizes:
    own = official.content.config if isinstance(official.content, Checkpoint) else {}
    state = official.state("state_dict", prefix="generator_ema.")
    check_config(own, len(state), official.name)
    config = read_config(name, own, official.name)
    network = fitted(lambda: MSPENetwork(config), state, official.name)
    target = Size.parse(size) if size else None
    if target and any(side % network.step or side < 4 * network.step for side in target):
        raise UsageError(
            f"mspe:{name} makes multiples of {network.step} from {4 * network.step} px, "
            f"not {target}"
        )
    label = f"{name}@{official.digest}"
    truncation = read_number("psi", psi, 0, 2)
    renderer = MSPERenderer(ready(network, device), label, target, truncation)
    return FixedSizes(renderer, exact=target is not None)
