"""What recipes in the manner of StyleGAN2 share: phases, optimisers, latents, the path penalty.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.data.pixels import to_uint8
from anyres_bench.models.generator import Generator
from anyres_bench.training.config import LoopConfig, above, at_least
from anyres_bench.training.items import ImageBatch, ImageItems
from anyres_bench.training.losses import r1_penalty
from anyres_bench.training.optimisers import lazy_adam
from anyres_bench.training.recipe import Loss, LossFunction, Phase, StepContext
from anyres_bench.training.seeding import normals

G = TypeVar("G", bound=nn.Module)
D = TypeVar("D", bound=nn.Module)
_MEAN_RATE = 0.01  # how fast the mean path length follows
_N_SAMPLES = 8
_GROUP = 4  # images of `minibatch_stddev`


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig:
    """How generator and discriminator are played against each other.

    Attributes:
        lr: of Adam, for both.
        halve_kimg: thousands of images after which the rate is halved, once for each.
        lazy: shorten rates by the extra steps that the penalties are.
        r1_gamma: weight of the R1 penalty; 0 for none.
        r1_interval: steps from one to the next.
        path_weight: of the path length penalty; 0 for none.
        path_interval: steps from one to the next.
        path_shrink: it sees one of so many images of a micro-batch.
        mixing: probability that a micro-batch mixes the styles of two latents.
    """

    lr: float = 0.002
    halve_kimg: tuple[float, ...] = ()
    lazy: bool = True
    r1_gamma: float = 10.0
    r1_interval: int = 16
    path_weight: float = 2.0
    path_interval: int = 4
    path_shrink: int = 2
    mixing: float = 0.9

    def __post_init__(self) -> None:
        above(self, lr=0)
        at_least(self, r1_gamma=0, r1_interval=1, path_weight=0, path_interval=1, path_shrink=1)
        at_least(self, halve_kimg=0, mixing=0)

    def phases(
        self,
        generator: LossFunction,
        discriminator: LossFunction,
        r1: LossFunction,
        path: tuple[LossFunction, LossFunction] | None = None,
    ) -> tuple[Phase, ...]:
        """G and D, then the penalties that are wanted; the path's with what moves its mean."""
        phases = [Phase("G", "G", generator), Phase("D", "D", discriminator)]
        if self.r1_gamma:
            phases.append(Phase("D-r1", "D", r1, self.r1_interval, self.r1_interval))
        if self.path_weight and path:
            penalty, mean = path
            phases.append(Phase("G-path", "G", penalty, self.path_interval, self.path_interval))
            phases.append(Phase("path-mean", "path", mean, self.path_interval))
        return tuple(phases)

    def optimizer(self, network: str, module: nn.Module, loop: LoopConfig) -> torch.optim.Optimizer:
        """Adam; of the mean path length plain descent, which makes it a running mean."""
        if network == "path":
            return torch.optim.SGD(module.parameters(), lr=_MEAN_RATE)
        interval = self.r1_interval if network == "D" else self.path_interval
        penalised = self.r1_gamma if network == "D" else self.path_weight
        milestones = loop.steps(self.halve_kimg, interval if penalised else None)
        shortened = interval if self.lazy and penalised else None
        return lazy_adam(module.parameters(), self.lr, shortened, milestones)

    def switch(self, rng: Stream, n_styles: int) -> int | None:
        """The first layer that takes the second latent; None for no mixing."""
        mixes = float(rng.uniform()) < self.mixing
        return rng.integer(1, n_styles - 1) if mixes else None


class AdversarialRecipe(ABC, Generic[G, D]):
    """A generator G against a discriminator D, and the mean "path" where paths are penalised.

    Args:
        network: the generator.
        discriminator: its judge.
        adversarial: how they are played against each other.
        items: real images.
        loop: how long, in what batches.
    """

    averaged = "G"

    def __init__(
        self,
        network: G,
        discriminator: D,
        adversarial: AdversarialConfig,
        items: ImageItems,
        loop: LoopConfig,
    ) -> None:
        self.network, self.discriminator = network, discriminator
        self.adversarial = adversarial
        self._items, self._loop = items, loop
        self._path = PathLength()
        self.networks: dict[str, nn.Module] = {"G": network, "D": discriminator}
        if adversarial.path_weight:
            self.networks["path"] = self._path

    @property
    def phases(self) -> tuple[Phase, ...]:
        """G, D and the penalties."""
        path = (self._path_loss, self._path.follow)
        played = self.adversarial
        return played.phases(self._generator_loss, self._discriminator_loss, self._penalty, path)

    def optimizer(self, network: str) -> torch.optim.Optimizer:
        """As the adversarial part has it."""
        return self.adversarial.optimizer(network, self.networks[network], self._loop)

    def items(self) -> ImageItems:
        """Real images."""
        return self._items

    @abstractmethod
    def _generator_loss(self, batch: ImageBatch, context: StepContext) -> Loss: ...

    @abstractmethod
    def _discriminator_loss(self, batch: ImageBatch, context: StepContext) -> Loss: ...

    @abstractmethod
    def _penalty(self, batch: ImageBatch, context: StepContext) -> Loss: ...

    @abstractmethod
    def _path_loss(self, batch: ImageBatch, context: StepContext) -> Loss: ...

    def _n_paths(self, batch: ImageBatch) -> int:
        """Images whose paths are penalised."""
        return max(len(batch.images) // self.adversarial.path_shrink, 1)

    def _r1(self, logits: Tensor, real: Tensor, context: StepContext) -> Loss:
        """The weighted penalty of logits (n, 1) of real images that require a gradient."""
        penalty = r1_penalty(logits, real, context.grad_scale)
        return Loss(penalty * (self.adversarial.r1_gamma / 2), {"r1": penalty})


def check_loop(loop: LoopConfig) -> None:
    """Refuse loops that these networks cannot be trained in.

    Raises:
        ConfigError: a micro-batch of more than four images is no multiple of four, which the
            discriminator compares; or the generator should be compiled, which path lengths
            differentiate twice.
    """
    if loop.micro_batch > _GROUP and loop.micro_batch % _GROUP:
        raise ConfigError(
            f"loop.micro_batch is {loop.micro_batch}; the discriminator compares {_GROUP} images: "
            f"expected up to {_GROUP}, or a multiple of it"
        )
    if loop.compile:
        raise ConfigError("loop.compile is not implemented for this recipe; set it to false")


def rng_of(context: StepContext) -> Stream:
    """The random numbers of one phase at one place of a run."""
    return stream(context.seed, "adversarial", context.phase, context.step, context.part)


class PathLength(nn.Module):
    """The running mean of path lengths, as a parameter.

    Descent at rate 0.01 on half the squared distance to the lengths is the published running mean,
    and so is summed over processes and kept on disk like any other weight.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(()))

    def penalty(self, lengths: Tensor, weight: float) -> Loss:
        """Squared distance of lengths (n,) from their mean; they are the score "path"."""
        return Loss(weight * (lengths - self.mean.detach()).square(), {"path": lengths})

    def follow(self, batch: Any, context: StepContext) -> Loss:
        """What moves the mean towards the lengths of the same micro-batch."""
        return Loss(0.5 * (context.scores["path"] - self.mean).square())


def path_lengths(
    images: Tensor, styles: Tensor, rng: Stream, scale: float = 1.0, mean: bool = False
) -> Tensor:
    """How far random changes of images move the styles, (n,).

    Args:
        images: (n, 3, h, w), made of `styles`.
        styles: (n, layers, dim).
        rng: the random directions.
        scale: `grad_scale` of the context.
        mean: take the mean over the components of styles instead of their sum.

    Source: StyleGAN2, section 3.2, equation 4.
    """
    [noise] = normals(rng, [tuple(images.shape)])
    along = (images.float() * noise).sum() / math.sqrt(images[0, 0].numel()) * scale
    [gradient] = torch.autograd.grad([along], [styles], create_graph=True)
    squares = (gradient / scale).square()
    return (squares.mean(2) if mean else squares.sum(2)).mean(1).sqrt()


def sample_grids(
    generator: Generator, canvases: Sequence[Size], grid: Size | None = None
) -> Iterator[tuple[Size, NDArray[np.uint8]]]:
    """The same latents on several canvases, each with its grid; fewer of the larger ones.

    Args:
        generator: renders them.
        canvases: the smallest first.
        grid: size of a picture, px, as far as whole canvases fill it; by default a row of eight of
            the first canvas.
    """
    first = canvases[0]
    height, width = grid or (first.height, _N_SAMPLES * first.width)
    for canvas in canvases:
        rows, columns = max(height // canvas.height, 1), max(width // canvas.width, 1)
        n = rows * columns
        images = generator.sample(generator.latents(range(n)), [Region.whole(canvas)] * n)
        pixels = to_uint8(images).cpu().reshape(rows, columns, *images.shape[1:])
        yield canvas, pixels.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1).numpy()
