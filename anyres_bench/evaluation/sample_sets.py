"""The samples that are compared: n of a model, or the reference images, as pixels on demand.

A set says all that its pixels depend on, so that features of it are found again by content.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import Pixels, to_uint8
from anyres_bench.data.reading import SizedImageDataset, read_image
from anyres_bench.data.views import Protocol, RealView, View
from anyres_bench.evaluation.warps import warp_base
from anyres_bench.models.generator import (
    FiniteGenerator,
    Generator,
    ImageGenerator,
    SourceSizedGenerator,
    check_images,
    check_range,
)

if TYPE_CHECKING:
    from torch import Tensor

N_SHOWN = 8  # items that a report may show; they come first
OURS = "generated"  # licence of what a model renders
_RULES = 1  # raised when the pixels of a key change

Parts = Sequence[Sequence[int]]


@dataclass(frozen=True)
class SampleSet:
    """Samples 0 to n - 1 of the model, or of the reference.

    Attributes:
        side: "real" or "fake".
        key: all that the pixels depend on, as plain JSON.
        groups: the group of each item; items of one group are not independent.
        licences: the licence of each item's pixels.
        order: items in the order in which they are computed.
        batches: pixels, (n, 3, h, w) uint8, of each list of items.
    """

    side: Literal["real", "fake"]
    key: Mapping[str, Any]
    groups: Sequence[int]
    licences: Sequence[str]
    order: Sequence[int]
    batches: Callable[[Parts], Iterator[Tensor]]

    def __len__(self) -> int:
        return len(self.groups)


def reference_samples(
    reference: Dataset, protocol: Protocol, n: int, seed: int, n_workers: int = 0
) -> SampleSet:
    """The reference images, seen by a protocol.

    Raises:
        DatasetError: too few images are large enough.
    """
    views = protocol.real(reference.manifest, n, seed)
    read = functools.partial(read_image, reference)
    key = {"side": "real", "protocol": protocol.id, "seed": seed, "n": len(views)}
    key["images"] = reference.digest
    return _image_samples("real", key, reference, views, read, n_workers)


def model_samples(
    generator: Generator,
    reference: Dataset,
    protocol: Protocol,
    n: int,
    seed: int,
    n_workers: int = 0,
) -> SampleSet:
    """n samples of a model: rendered, or drawn from its images as reals are.

    Raises:
        DatasetError: too few images are large enough.
        GeneratorError: the model cannot render what the protocol asks for.
    """
    key = {"side": "fake", "model": generator.id, "protocol": protocol.id, "seed": seed}
    if isinstance(generator, ImageGenerator):
        if protocol.warp is not None:
            raise GeneratorError(
                f"{protocol.id} enlarges a model's base image and {generator.id} is a set of "
                f"images; use {protocol.id.replace('-up', '-full')} instead"
            )
        views = protocol.drawn(generator.images.manifest, n, seed)
        key |= {"n": n, "images": generator.images.digest}
        return _image_samples("fake", key, generator.images, views, generator.pixels, n_workers)
    items = protocol.fake(reference.manifest, n, seed)
    pictures: list[int] | None = None
    if isinstance(generator, FiniteGenerator):
        pictures = protocol.pictures(generator.n_pictures, n, seed)
        key["draws"] = "pictures"
    _check_canvases(generator, [view for _, view in items])
    return SampleSet(
        side="fake",
        key=key | {"images": reference.digest, "rules": _RULES},
        groups=pictures or [latent for latent, _ in items],
        licences=[OURS] * n,
        order=range(n),
        batches=_Rendering(generator, protocol, items, seed, pictures).batches,
    )


def _image_samples(
    side: Literal["real", "fake"],
    key: Mapping[str, Any],
    images: Dataset,
    views: Sequence[RealView],
    read: Callable[[int], Pixels],
    n_workers: int,
) -> SampleSet:
    records = images.manifest
    shown = list(range(min(N_SHOWN, len(views))))
    # Image by image, so that each one is decoded once however many views it has.
    rest = sorted(range(len(shown), len(views)), key=lambda i: (views[i].image, i))
    read_once = functools.lru_cache(maxsize=2 + n_workers)(read)
    data = SizedImageDataset(read_once, views)
    return SampleSet(
        side=side,
        key={**key, "rules": _RULES},
        groups=[view.image for view in views],
        licences=[records[view.image].licence_id for view in views],
        order=shown + rest,
        batches=functools.partial(data.batches, n_workers=n_workers),
    )


def _check_canvases(generator: Generator, views: Sequence[View]) -> None:
    if not isinstance(generator.canvases, tuple):
        return
    asked = {view.rendered(generator.native).canvas for view in views}
    if missing := sorted(asked - set(generator.canvases)):
        known = ", ".join(str(size) for size in generator.canvases)
        raise GeneratorError(
            f"{generator.id} renders canvases of {known} only; the protocol asks for "
            f"{missing[0]}{' and others' if len(missing) > 1 else ''}: choose another protocol"
        )


@dataclass
class _Rendering:
    """Samples of a model as uint8; notices a model whose range is wrong.

    `pictures` are the numbers of the pictures of a finite model, one an item.
    """

    generator: Generator
    protocol: Protocol
    items: Sequence[tuple[int, View]]
    seed: int
    pictures: Sequence[int] | None = None
    low: float = np.inf
    high: float = -np.inf
    n_seen: int = 0

    def batches(self, parts: Parts) -> Iterator[Tensor]:
        for part in parts:
            yield self._batch(part)

    def _batch(self, part: Sequence[int]) -> Tensor:
        import torch

        generator, items = self.generator, [self.items[i] for i in part]
        views = [view for _, view in items]
        seeds = [latent_seed(self.seed, latent) for latent, _ in items]
        if self.pictures is not None:
            seeds = [self.pictures[i] for i in part]
        windows = [view.rendered(generator.native) for view in views]
        sides = [view.source_side for view in views if view.source_side is not None]
        if isinstance(generator, SourceSizedGenerator) and len(sides) == len(views):
            images = generator.sample_from(generator.latents(seeds), windows, sides)
        else:
            images = generator.sample(generator.latents(seeds), windows)
        self._check(images, len(items), windows[0].size)
        if self.protocol.warp is not None:
            images = warp_base(self.protocol.warp, images, views[0].region.canvas)
        levels = to_uint8(images, self.protocol.rounding)
        return torch.stack([_part(image, view) for image, view in zip(levels, views, strict=True)])

    def _check(self, images: Tensor, n: int, size: Size) -> None:
        check_images(self.generator.id, images, n, size)
        self.low = min(self.low, float(images.min()))
        self.high = max(self.high, float(images.max()))
        self.n_seen += n
        check_range(self.generator.id, self.low, self.high, self.n_seen)


def latent_seed(seed: int, latent: int) -> int:
    """Seed of latent `latent`, 63 bits: far from the small numbers that people choose."""
    return int(stream(seed, "latent", latent).words(1)[0] >> np.uint64(1))


def _part(image: Tensor, view: View) -> Tensor:
    box = view.crop
    return image if box is None else image[:, box.top : box.bottom, box.left : box.right]
