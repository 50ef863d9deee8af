"""Training items: whole images and patches of variable-size datasets, as the metrics draw them."""

from __future__ import annotations

import functools
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anyres_bench.core.errors import ConfigError, DatasetError
from anyres_bench.core.geometry import Region
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import Pixels
from anyres_bench.data.reading import read_image, shrunk_view_pixels, view_pixels
from anyres_bench.data.records import ImageRecord, Manifest
from anyres_bench.data.splits import halves
from anyres_bench.data.views import ImageView, Patch, ViewRule, Whole
from anyres_bench.training.config import above, at_least

K = TypeVar("K")
_CACHE_BYTES = 256 << 20  # decoded images a worker keeps


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """One dataset, and what of it is shown.

    Attributes:
        dataset: its folder.
        use: "whole" shrinks squares to the model's resolution; "patch" cuts windows of that size
            from canvases of random size, never enlarged.
        probability: weight among the sources; each step draws one.
        role: only images of this role; None for all.
        split: "train" leaves out the half that tasks of `DATASET:half` take as reference, so that
            they judge by images that were never trained on; "all" leaves nothing out.
        mirror: half of the images are mirrored.
        crop: which square of a rectangle.
        scale_min: resolution over the largest canvas; 0 for each image's own size ("patch").
        scale_max: resolution over the smallest canvas ("patch").
        anneal_kimg: canvases grow from the smallest to the largest over so many thousand images
            ("patch"); 0 for all sizes from the start.
        jpeg_scales: decode JPEG files at 1/2, 1/4 or 1/8 of their size where that leaves four
            times the canvas; levels are off by less than 1 on average.
    """

    dataset: str
    use: Literal["whole", "patch"] = "whole"
    probability: float = 1.0
    role: str | None = None
    split: Literal["all", "train"] = "all"
    mirror: bool = True
    crop: Literal["random", "centre"] = "random"
    scale_min: float = 0.0
    scale_max: float = 1.0
    anneal_kimg: float = 0.0
    jpeg_scales: bool = True

    def __post_init__(self) -> None:
        above(self, probability=0, scale_max=0)
        at_least(self, scale_min=0, anneal_kimg=0)
        if not self.scale_min <= self.scale_max <= 1:
            raise ConfigError(
                f"scale_min {self.scale_min} and scale_max {self.scale_max}: "
                "expected 0 <= scale_min <= scale_max <= 1"
            )


class ImageBatch(NamedTuple):
    """Real images of one micro-batch.

    Attributes:
        images: (n, 3, R, R) uint8.
        transforms: (n, 3, 3) float32, window to canvas; the identity for whole images.
        labels: (n,) int64; -1 where an image has none.
    """

    images: Tensor
    transforms: Tensor
    labels: Tensor


class ImageItems:
    """Images for every step, drawn by seed, step and place alone.

    Args:
        sources: datasets and what of them is shown.
        resolution: side of the shown images, px.
        batch: images a step.
        seed: of all draws.

    Raises:
        DatasetError: a source has no image that is large enough.
    """

    def __init__(
        self, sources: tuple[SourceConfig, ...], resolution: int, batch: int, seed: int
    ) -> None:
        if not sources:
            raise ConfigError("no data: set sources to at least one table with a dataset folder")
        self._sources = [_Source(source, resolution, batch) for source in sources]
        self._batch = batch
        self._seed = seed
        weights = np.array([source.probability for source in sources])
        self._thresholds = np.cumsum(weights / weights.sum())

    @property
    def digests(self) -> dict[str, str]:
        """Dataset id -> digest of the images that are used."""
        return {source.dataset.id: source.images.digest() for source in self._sources}

    @functools.cached_property
    def label_counts(self) -> dict[str, int]:
        """Images of every label of all sources; the labels sorted, which gives them numbers."""
        labels = Counter(r.label for source in self._sources for r in source.images if r.label)
        return dict(sorted(labels.items()))

    @property
    def n_images(self) -> int:
        """How many images all sources have."""
        return sum(len(source.images) for source in self._sources)

    @property
    def n_unlabelled(self) -> int:
        """How many images of all sources have no label."""
        return sum(not r.label for source in self._sources for r in source.images)

    def micro_batch(self, step: int, start: int, n: int) -> ImageBatch:
        """Items `start` to `start + n` of a step; all items of a step are of one source."""
        u = float(stream(self._seed, "source", step).uniform())
        number = int(np.searchsorted(self._thresholds[:-1], u, side="right"))
        source, names = self._sources[number], list(self.label_counts)
        places = range(step * self._batch + start, step * self._batch + start + n)
        rows = [source.item(self._seed, number, step, place) for place in places]
        images, regions, labels = zip(*rows, strict=True)
        return ImageBatch(
            torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy()),
            torch.stack([region.affine() for region in regions]).float(),
            torch.tensor([names.index(label) if label else -1 for label in labels]),
        )


class _Source:
    """One dataset at training time."""

    def __init__(self, config: SourceConfig, resolution: int, batch: int) -> None:
        dataset = Dataset.read(Path(config.dataset))
        part = halves(dataset)[1] if config.split == "train" else dataset
        chosen = part.role(config.role) if config.role else part.manifest
        smallest = resolution if config.use == "whole" else resolution / config.scale_max
        large = Manifest(r for r in chosen if r.size.shorter >= smallest)
        if not large:
            raise DatasetError(
                f"none of the {len(chosen)} images of {config.dataset} has a shorter side of "
                f"{smallest:.0f} px or more, which resolution {resolution} needs"
            )
        self.config = config
        self.dataset = Dataset(dataset.id, dataset.folder, large, dataset.recipe)
        self.images = large
        self._resolution = resolution
        self._batch = batch
        self._read: ImageCache[tuple[int, int]] = ImageCache(
            lambda key: read_image(self.dataset, *key)
        )

    def item(self, seed: int, number: int, step: int, place: int) -> tuple[Pixels, Region, str]:
        """Pixels (R, R, 3), the window they are, and the label."""
        epoch, rank = divmod(place, len(self.images))
        index = int(epoch_order(seed, number, epoch, len(self.images))[rank])
        rng = stream(seed, "item", number, place)
        flip = self.config.mirror and rng.integer(0, 1) == 1
        rule, record = self._rule(step), self.images[index]
        square, view = rule.draw(record.size, flip, self.config.crop == "centre", rng)
        real = ImageView(index, flip, square, view)
        shrink = self._shrink(record, square.width, view.region.canvas.width)
        pixels = self._read((index, shrink))
        if shrink > 1:
            return shrunk_view_pixels(pixels, record.size, shrink, real), view.region, record.label
        return view_pixels(pixels, real), view.region, record.label

    def _shrink(self, record: ImageRecord, side: int, canvas: int) -> int:
        """At which fraction a file may be decoded: what is left is four times the canvas."""
        if not self.config.jpeg_scales or record.format != "JPEG":
            return 1
        return max(s for s in (1, 2, 4, 8) if s == 1 or side >= 4 * s * canvas)

    def _rule(self, step: int) -> ViewRule:
        if self.config.use == "whole":
            return Whole(self._resolution)
        scale_min = self.config.scale_min
        if self.config.anneal_kimg:
            left = 1 - step * self._batch / (self.config.anneal_kimg * 1000)
            scale_min = max(scale_min, self.config.scale_max * left)
        return Patch(self._resolution, scale_min or None, self.config.scale_max)


@functools.lru_cache(maxsize=16)
def epoch_order(seed: int, number: int, epoch: int, n: int) -> NDArray[np.int64]:
    """The order in which an epoch shows the n images of source `number`."""
    return stream(seed, "order", number, epoch).permutation(n)


class ImageCache(Generic[K]):
    """Decoded images by key, (h, w, 3) uint8; the least recently used are dropped first."""

    def __init__(self, read: Callable[[K], Pixels]) -> None:
        self._read = read
        self._kept: OrderedDict[K, Pixels] = OrderedDict()
        self._n_bytes = 0

    def __call__(self, key: K) -> Pixels:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        pixels = self._kept[key] = self._read(key)
        self._n_bytes += pixels.nbytes
        while self._n_bytes > _CACHE_BYTES and len(self._kept) > 1:
            self._n_bytes -= self._kept.popitem(last=False)[1].nbytes
        return pixels
