"""Anycost-GAN as a generator: `anycost[:[chRATIO][@SIZE]]`.

`anycost` makes every native size and resizes between them; `anycost:ch0.5@512` is the sub-generator
of half the channels stopped at 512 px.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from torch import Tensor

from anyres_bench.baselines.anycost.network import BASE_WIDTH, RATIOS, AnycostNetwork
from anyres_bench.core.errors import CheckpointError, UsageError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.fitting import fitted
from anyres_bench.models.fixed_sizes import FixedSizes
from anyres_bench.models.noise import normal_field
from anyres_bench.models.official_files import (
    OfficialFile,
    as_official,
    read_number,
    read_official,
    ready,
    shape_of,
    shapes,
)
from anyres_bench.models.styles import StyleLatent, Styles

WEIGHTS = "anycost-ffhq-config-f"
_MOST_CONVS = 22  # of a generator of 8192 px


@dataclass(frozen=True)
class Cost:
    """What one image costs.

    Attributes:
        macs: multiplications of the convolutions and linear layers.
        parameters: weights that take part.
    """

    macs: int
    parameters: int


@dataclass(frozen=True)
class AnycostRenderer:
    """One sub-generator, or one ratio at all sizes.

    Attributes:
        network: the full network.
        digest: of its file.
        ratio: of the channels.
        target: the only size; None for those that it was trained to make.
        psi: truncation; 1 is none.
        trained: sides that it was trained to make; the four largest where that is not known.
    """

    network: AnycostNetwork
    digest: str
    ratio: float = 1.0
    target: int | None = None
    psi: float = 1.0
    trained: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        parts = [
            f"anycost@{self.digest}",
            f"ch{self.ratio:g}",
            f"at{self.target}" if self.target else "",
            f"psi{self.psi:g}" if self.psi != 1 else "",
        ]
        return "+".join(filter(None, parts))

    @property
    def sizes(self) -> tuple[Size, ...]:
        trained = self.trained or tuple(self.network.resolutions[1:][-4:])
        chosen = (self.target,) if self.target else trained
        return tuple(Size.square(side) for side in chosen)

    def latent(self, seed: int) -> StyleLatent:
        """The truncated style of a seed."""
        return self.styles.latent(seed)

    @cached_property
    def styles(self) -> Styles:
        """Of seeds."""
        return Styles(self.network.style, self.network.style_dim, self.psi)

    def render(self, latent: StyleLatent, size: Size) -> Tensor:
        """Stop at the size; noise is cut from one endless field per layer."""
        sides = [side for side in self.network.noise_sides if side <= size.height]
        noise = [
            normal_field(latent.seed, i, Box.whole(Size.square(side))).to(latent.w.device)
            for i, side in enumerate(sides)
        ]
        styles = self.network.styles(latent.w)
        widths = self.network.uniform_widths(self.ratio)
        images: list[Tensor] = self.network(styles, noise, size.height, widths)
        return images[-1]

    def n_parameters(self, size: Size) -> int:
        """Weights of the sub-generator."""
        return self.cost(size).parameters

    def cost(self, size: Size) -> Cost:
        """What one image of a size costs, mapping included."""
        network = self.network
        widths = network.uniform_widths(self.ratio)
        sides = network.noise_sides[: 2 * network.resolutions.index(size.height) + 1]
        dim, n_mapping = network.style_dim, len(network.style) - 1
        macs, parameters = n_mapping * dim**2, n_mapping * dim * (dim + 1) + 16 * widths[0]
        for i, (n_in, n_out) in enumerate(pairwise(widths[: len(sides) + 1])):
            upsamples = i % 2 == 1  # a transposed convolution works on the smaller grid
            pixels = (sides[i] // 2 if upsamples else sides[i]) ** 2
            macs += n_in * (9 * n_out * pixels + dim)
            parameters += n_in * (9 * n_out + dim + 1) + n_out + 1
            if i % 2 == 0:  # every second layer has an RGB output
                macs += n_out * (3 * sides[i] ** 2 + dim)
                parameters += n_out * (3 + dim + 1) + 3
        return Cost(macs, parameters)


def from_state(state: Mapping[str, Tensor], source: str, device: str) -> AnycostNetwork:
    """The network of an official state; its sizes are read off the shapes.

    Raises:
        CheckpointError: it is not the state of this network.
    """
    sizes = shapes(state)
    n_convs = sum(bool(re.fullmatch(r"convs\.\d+\.conv\.weight", name)) for name in state)
    last_name = f"convs.{max(n_convs - 1, 0)}.conv.weight"
    what = f"{source} is not the state of an Anycost-GAN generator"
    style_dim = shape_of(sizes, "style.1.weight", what)[0]
    wide = shape_of(sizes, "input.input", what)[1]
    last = shape_of(sizes, last_name, what)[1]
    if n_convs > _MOST_CONVS:
        raise CheckpointError(f"{what}: it has {n_convs} convolutions; at most {_MOST_CONVS}")
    resolution = 4 << (n_convs // 2)
    n_mlp = sum(bool(re.fullmatch(r"style\.\d+\.weight", name)) for name in state)
    multiplier = last / (BASE_WIDTH // resolution)

    def make() -> AnycostNetwork:
        return AnycostNetwork(resolution, style_dim, n_mlp, multiplier, wide)

    return ready(fitted(make, state, source), device)


def build(
    rest: str,
    weights: str = WEIGHTS,
    psi: str = "1",
    device: str = "cpu",
    accept_licence: bool = False,
) -> FixedSizes:
    """`anycost[:[chRATIO][@SIZE]]`.

    Args:
        rest: what follows the colon.
        weights: a registered name, or the path of an official file.
        psi: truncation.
        device: where it renders, as torch names it.
        accept_licence: of downloaded weights.

    Raises:
        UsageError: the argument or a number cannot be read.
        CheckpointError: the file does not fit the network.
    """
    match = re.fullmatch(r"(?:ch(0?\.\d+|1(?:\.0)?))?(?:@(\d+))?", rest)
    if match is None:
        raise UsageError(f"anycost:{rest} is not anycost:chRATIO@SIZE, such as anycost:ch0.5@512")
    official = read_official(weights, accept_licence=accept_licence)
    return _made(official, match[1] or "1", match[2] or "", psi, device)


def from_checkpoint(
    checkpoint: Checkpoint,
    ratio: str = "1",
    size: str = "",
    psi: str = "1",
    device: str = "cpu",
) -> FixedSizes:
    """A checkpoint that our trainer left.

    Args:
        checkpoint: its tensors have the official names.
        ratio: of the channels.
        size: the only size to make; all that were trained by default.
        psi: truncation.
        device: where it renders, as torch names it.

    Raises:
        UsageError: no such ratio or size, or a number cannot be read.
        CheckpointError: it is no Anycost-GAN generator.
    """
    return _made(as_official(checkpoint), ratio, size, psi, device)


def _made(official: OfficialFile, ratio_text: str, size: str, psi: str, device: str) -> FixedSizes:
    ratio = read_number("ratio", ratio_text, 0, 1)
    if ratio not in RATIOS:
        raise UsageError(f"channel ratio {ratio:g}; the network was trained for {RATIOS}")
    network = from_state(official.state("g_ema"), official.name, device)
    target = int(read_number("size", size, 1, 1 << 20)) if size else None
    if target not in (None, *network.resolutions[1:]):
        raise UsageError(f"no size {target}; {official.name} makes {network.resolutions[1:]}")
    trained: tuple[int, ...] = ()
    if isinstance(official.content, Checkpoint):
        trained = _trained_sides(official.content.config.get("sides"), network, official.name)
    truncation = read_number("psi", psi, 0, 2)
    renderer = AnycostRenderer(network, official.digest, ratio, target, truncation, trained)
    return FixedSizes(renderer, exact=target is not None)


def _trained_sides(sides: Any, network: AnycostNetwork, source: str) -> tuple[int, ...]:
    known = network.resolutions[1:]
    if not isinstance(sides, list | tuple) or not sides or any(side not in known for side in sides):
        raise CheckpointError(f"{source} says it was trained at {sides!r:.80}; it makes {known}")
    return tuple(sides)
