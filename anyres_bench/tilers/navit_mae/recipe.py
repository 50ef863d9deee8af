"""The recipe of a masked autoencoder on images of any sizes: growing sizes, sequences by a budget.

The loop counts sequences where it says images: `batch` is sequences a step, each of up to `budget`
patches, and a schedule's thousands are of images shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anyres_bench.core import distributed
from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import Pixels, resize_uint8, to_uint8
from anyres_bench.data.token_batches import Draw, SizeSchedule, TokenBatches
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.generator import Generator
from anyres_bench.tilers.navit import NaVitConfig, table_places
from anyres_bench.tilers.navit_mae.network import (
    MaskedNaVit,
    PackedPatches,
    hidden_error,
    normalised,
)
from anyres_bench.tilers.packing import kept_tokens
from anyres_bench.tilers.patches import patchify
from anyres_bench.training.config import LoopConfig, above, at_least
from anyres_bench.training.crops import CropSource, Images
from anyres_bench.training.optimisers import SteppedAdam
from anyres_bench.training.recipe import Loss, Phase, StepContext, exported
from anyres_bench.training.seeding import seeded

_N_SAMPLES = 4


_ALWAYS_128 = SizeSchedule(((0.0, 128.0),))


@dataclass(frozen=True, kw_only=True)
class MaskedConfig:
    """What is trained on what.

    Attributes:
        patch: side of a patch, px.
        dim, depth, heads: of the encoder.
        decoder_dim, decoder_depth: of the decoder.
        max_rows, max_columns: of the tables of positions, patches.
        fractional: positions by their share of the side, so that no size is too large.
        hide: share of an image's patches that is hidden.
        budget: patches a sequence holds at most.
        schedule: of the images' size.
        enlarge: whether images may become larger than they are.
        mirror: half of the images are mirrored.
        sources: datasets.
        lr: of Adam.
        halve_kimg: thousands of sequences after which the rate is halved, once for each.
    """

    patch: int = 16
    dim: int = 192
    depth: int = 6
    heads: int = 3
    decoder_dim: int = 96
    decoder_depth: int = 2
    max_rows: int = 64
    max_columns: int = 64
    fractional: bool = True
    hide: float = 0.75
    budget: int = 512
    schedule: SizeSchedule = _ALWAYS_128
    enlarge: bool = False
    mirror: bool = True
    sources: tuple[CropSource, ...] = ()
    lr: float = 1e-3
    halve_kimg: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        above(self, lr=0, hide=0)
        at_least(self, halve_kimg=0, max_rows=1, max_columns=1)
        at_least(self, patch=1, dim=1, depth=1, heads=1, decoder_dim=1, decoder_depth=1, budget=1)
        if self.hide >= 1 or self.dim % self.heads or self.decoder_dim % self.heads:
            raise ConfigError(
                f"hide {self.hide}, widths {self.dim} and {self.decoder_dim} with {self.heads} "
                "heads; expected a share below 1, and widths that the heads divide"
            )

    @property
    def network(self) -> NaVitConfig:
        """The encoder's sizes."""
        return NaVitConfig(
            patch=self.patch,
            dim=self.dim,
            depth=self.depth,
            heads=self.heads,
            head_dim=self.dim // self.heads,
            hidden=4 * self.dim,
            max_rows=self.max_rows,
            max_columns=self.max_columns,
            fractional=self.fractional,
        )

    def recipe(self, loop: LoopConfig) -> MaskedRecipe:
        """The recipe of this configuration."""
        return MaskedRecipe(self, loop)


class MaskedItems:
    """Sequences of images for every step, drawn by seed and number alone."""

    def __init__(self, config: MaskedConfig, loop: LoopConfig) -> None:
        self._config, self._batch, self._seed = config, loop.batch, loop.seed
        self.images = Images(config.sources)
        self.sequences = TokenBatches(
            self.images.sizes,
            config.patch,
            config.budget,
            config.schedule,
            loop.seed,
            config.enlarge,
        )

    def micro_batch(self, step: int, start: int, n: int) -> PackedPatches:
        """Sequences `start` to `start + n` of a step."""
        first = step * self._batch + start
        return self.packed([self.sequences.sequence(number) for number in range(first, first + n)])

    def packed(self, sequences: list[tuple[Draw, ...]]) -> PackedPatches:
        """Sequences as tensors; what an image looks like depends on its draw alone."""
        rows = [[self._image(draw) for draw in draws] for draws in sequences]
        longest = self._config.budget
        flat, places, visible = (
            np.stack([_padded(np.concatenate([part[k] for part in row]), longest) for row in rows])
            for k in range(3)
        )
        numbers = [np.repeat(np.arange(len(row)), [len(part[0]) for part in row]) for row in rows]
        images = np.stack([_padded(number + 1, longest) for number in numbers]) - 1
        return PackedPatches(
            torch.from_numpy(flat).float() / 127.5 - 1,
            torch.from_numpy(places).float(),
            torch.from_numpy(images),
            torch.from_numpy(visible),
        )

    def _image(self, draw: Draw) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
        """Flat patches (levels), their places, and which of them are visible."""
        pixels = resize_uint8(self.images(draw.image), draw.size, "bicubic")
        rng = stream(self._seed, "masked", draw.place)
        if self._config.mirror and rng.integer(0, 1):
            pixels = pixels[:, ::-1]
        flat, (_, rows, columns) = patchify(pixels.transpose(2, 0, 1)[None], self._config.patch)
        visible = np.zeros(len(flat), bool)
        visible[kept_tokens(len(flat), self._config.hide, self._seed, draw.place)] = True
        return flat, table_places(rows, columns, self._config.network), visible


def _padded(rows: NDArray[Any], longest: int) -> NDArray[Any]:
    return np.pad(rows, [(0, longest - len(rows))] + [(0, 0)] * (rows.ndim - 1))


class MaskedRecipe:
    """The autoencoder, its sequences and the error of what is hidden."""

    averaged = "M"

    def __init__(self, config: MaskedConfig, loop: LoopConfig) -> None:
        self.config, self._loop = config, loop
        if loop.compile:
            raise ConfigError("loop.compile is not implemented for navit-mae; set it to false")
        self._items = MaskedItems(config, loop)
        self.network = seeded(
            loop.seed,
            lambda: MaskedNaVit(config.network, config.decoder_dim, config.decoder_depth),
        )

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Guess what is hidden."""
        return (Phase("hidden", "M", self._loss),)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """Encoder and decoder in one."""
        return {"M": self.network}

    def optimizer(self, network: str) -> torch.optim.Optimizer:
        """Adam, halved at the milestones."""
        milestones = self._loop.steps(self.config.halve_kimg)
        return SteppedAdam(
            self.network.parameters(), self.config.lr, (0.9, 0.95), milestones=milestones
        )

    def items(self) -> MaskedItems:
        """Sequences of patches."""
        return self._items

    def _loss(self, batch: PackedPatches, context: StepContext) -> Loss:
        """Error of the hidden patches; 1 is what guessing each patch's mean gives."""
        filled = (batch.images >= 0).float().mean(1)
        shown = batch.images.max(1).values.float() + 1
        return Loss(hidden_error(self.network(batch), batch), {"filled": filled, "images": shown})

    @torch.no_grad()
    def samples(self, average: nn.Module) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Images as shown, with their hidden patches guessed, and whole, at the last size.

        A guess is given its patch's true mean and spread, as only what is normalised is learnt.
        """
        assert isinstance(average, MaskedNaVit)
        for number, draw in enumerate(self.sample_draws()):
            batch = self._items.packed([(draw,)])
            batch = PackedPatches(*(part.to(distributed.device()) for part in batch))
            _, mean, spread = normalised(batch.flat)
            guessed = average(batch) * spread + mean
            seen = batch.visible[..., None]
            rows = [batch.flat * seen, torch.where(seen, batch.flat, guessed), batch.flat]
            pictures = [_picture(row[0].cpu(), draw.size, self.config.patch) for row in rows]
            yield f"image{number}", np.concatenate(pictures, axis=1)

    def sample_draws(self) -> list[Draw]:
        """The images that `samples` shows: the first that have the schedule's last size."""
        first = round(1000 * self.config.schedule.knots[-1][0])
        return [self._items.sequences.draw(first + number) for number in range(_N_SAMPLES)]

    def generator(self, average: nn.Module) -> Generator:
        """Raises ConfigError: nothing is generated."""
        raise ConfigError(
            "a masked autoencoder makes no images of its own; train it without --task"
        )

    def export(self, average: nn.Module, training: Mapping[str, Any]) -> Checkpoint:
        """The averaged autoencoder with what it was trained on."""
        spec = {
            "encoder": dataclasses.asdict(self.config.network),
            "decoder_dim": self.config.decoder_dim,
            "decoder_depth": self.config.decoder_depth,
        }
        facts = {**training, "datasets": self._items.images.digests}
        return exported("navit-mae", spec, average, facts)


def _picture(flat: Tensor, size: Size, patch: int) -> Pixels:
    """(rows * columns, 3 * patch^2) patches in [-1, 1] as an image; padding is left out."""
    rows, columns = size.height // patch, size.width // patch
    parts = flat[: rows * columns].reshape(rows, columns, 3, patch, patch)
    image = parts.permute(2, 0, 3, 1, 4).reshape(1, 3, size.height, size.width)
    return to_uint8(image)[0].permute(1, 2, 0).numpy()
