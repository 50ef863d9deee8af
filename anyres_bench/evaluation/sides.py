"""One side of a comparison: its pixels, and their features, each computed once.

Features are kept in shards, keyed by everything their pixels depend on. A run that was stopped
goes on after the last complete shard; a side that was ever computed is never computed again; ranks
take every `world_size`-th shard. What shard an item falls into depends on the item alone, so
features do not depend on batch size, workers or ranks.
"""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from anyres_bench.core import distributed
from anyres_bench.core.errors import CacheError, GeneratorError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import Pixels, to_uint8
from anyres_bench.data.reading import SizedImageDataset, read_image
from anyres_bench.data.views import Protocol as ViewProtocol
from anyres_bench.data.views import RealView, View
from anyres_bench.evaluation.warps import warp_base
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import StateStore
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

SHARD = 64  # items whose features are kept together: the unit of restart
N_SHOWN = 8  # items that a report may show; they come first
OURS = "generated"  # licence of what a model renders
_RULES = 1  # raised when the pixels of a key change

Parts = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Side:
    """Items 0 to n - 1 of one side.

    Attributes:
        name: "real" or "fake".
        key: all that the pixels depend on, as plain JSON.
        groups: the group of each item; items of one group are not independent.
        licences: the licence of each item's pixels.
        order: items in the order in which they are computed.
        batches: pixels, (n, 3, h, w) uint8, of each list of items.
    """

    name: Literal["real", "fake"]
    key: Mapping[str, Any]
    groups: Sequence[int]
    licences: Sequence[str]
    order: Sequence[int]
    batches: Callable[[Parts], Iterator[Tensor]]

    def __len__(self) -> int:
        return len(self.groups)


def real_side(
    reference: Dataset, protocol: ViewProtocol, n: int, seed: int, n_workers: int = 0
) -> Side:
    """The reference images, seen by a protocol.

    Raises:
        DatasetError: too few images are large enough.
    """
    views = protocol.real(reference.manifest, n, seed)
    read = functools.partial(read_image, reference)
    key = {"side": "real", "protocol": protocol.id, "seed": seed, "n": len(views)}
    key["images"] = reference.digest
    return _image_side("real", key, reference, views, read, n_workers)


def fake_side(
    generator: Generator,
    reference: Dataset,
    protocol: ViewProtocol,
    n: int,
    seed: int,
    n_workers: int = 0,
) -> Side:
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
        return _image_side("fake", key, generator.images, views, generator.pixels, n_workers)
    items = protocol.fake(reference.manifest, n, seed)
    pictures: list[int] | None = None
    if isinstance(generator, FiniteGenerator):
        pictures = protocol.pictures(generator.n_pictures, n, seed)
        key["draws"] = "pictures"
    _check_canvases(generator, [view for _, view in items])
    return Side(
        name="fake",
        key=key | {"images": reference.digest, "rules": _RULES},
        groups=pictures or [latent for latent, _ in items],
        licences=[OURS] * n,
        order=range(n),
        batches=_Rendering(generator, protocol, items, seed, pictures).batches,
    )


def _image_side(
    name: Literal["real", "fake"],
    key: Mapping[str, Any],
    images: Dataset,
    views: Sequence[RealView],
    read: Callable[[int], Pixels],
    n_workers: int,
) -> Side:
    records = images.manifest
    shown = list(range(min(N_SHOWN, len(views))))
    # Image by image, so that each one is decoded once however many views it has.
    rest = sorted(range(len(shown), len(views)), key=lambda i: (views[i].image, i))
    read_once = functools.lru_cache(maxsize=2 + n_workers)(read)
    data = SizedImageDataset(read_once, views)
    return Side(
        name=name,
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
    protocol: ViewProtocol
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


class Progress(Protocol):
    """What a progress bar offers."""

    def update(self, n: int) -> Any:
        """n more items are done."""
        ...

    def close(self) -> Any:
        """The last item is done."""
        ...


@dataclass(frozen=True)
class FeatureRun:
    """How features are computed; nothing here changes them.

    Attributes:
        store: where shards are kept.
        batch_size: items rendered and extracted at a time.
        progress: is told of every item of this rank.
        show: is given the pixels of the first items when they are computed.
    """

    store: StateStore
    batch_size: int
    progress: Callable[[int, int], Progress]
    show: Callable[[Side, Tensor], None]


def feature_banks(
    side: Side, extractors: Mapping[str, FeatureExtractor], run: FeatureRun
) -> dict[str, FeatureBank]:
    """Features of all items of a side by each extractor, the same on every rank.

    Raises:
        CacheError: a shard on disk is damaged, or cannot be written.
        GeneratorError, ImageError, DatasetError: an image cannot be had.
    """
    banks = {name: FeatureBank.empty() for name in extractors}
    missing: list[tuple[range, list[str]]] = []
    mine = _shards(len(side))[distributed.rank() :: distributed.world_size()]
    for shard in mine:
        absent = []
        for name in extractors:
            state = run.store.load(_shard_key(side.key, name, shard))
            if isinstance(state, FeatureBank):
                banks[name] += state
            else:
                absent.append(name)
        if absent:
            missing.append((shard, absent))
    total, todo = sum(map(len, mine)), sum(len(shard) for shard, _ in missing)
    with contextlib.closing(run.progress(total, total - todo)) as progress:
        for shard, names, features in _compute(side, missing, extractors, run, progress):
            items = np.array([side.order[i] for i in shard])
            groups = np.array([side.groups[i] for i in items])
            for name in names:
                bank = FeatureBank(items, groups, np.concatenate(features[name]))
                _keep(run.store, _shard_key(side.key, name, shard), bank)
                banks[name] += bank
    return {name: distributed.reduce(bank, operator.add) for name, bank in banks.items()}


def kept_bank(
    store: StateStore, key: Mapping[str, Any], extractor_id: str, n: int
) -> FeatureBank | None:
    """The features that an earlier run has kept; None if a shard is gone."""
    bank = FeatureBank.empty()
    for shard in _shards(n):
        state = store.load(_shard_key(key, extractor_id, shard))
        if not isinstance(state, FeatureBank):
            return None
        bank += state
    return bank


def _shards(n: int) -> list[range]:
    return [range(start, min(start + SHARD, n)) for start in range(0, n, SHARD)]


def _shard_key(key: Mapping[str, Any], extractor_id: str, shard: range) -> dict[str, Any]:
    return {**key, "extractor": extractor_id, "shard": [shard.start, shard.stop]}


def _compute(
    side: Side,
    missing: Sequence[tuple[range, list[str]]],
    extractors: Mapping[str, FeatureExtractor],
    run: FeatureRun,
    progress: Progress,
) -> Iterator[tuple[range, list[str], dict[str, list[Any]]]]:
    """Each missing shard with its features, a list of batches by extractor."""
    parts = [_parts(side, shard, run.batch_size) for shard, _ in missing]
    pixels = side.batches([part for shard in parts for part in shard])
    for (shard, names), batches in zip(missing, parts, strict=True):
        features: dict[str, list[Any]] = {name: [] for name in names}
        for part in batches:
            images = next(pixels)
            if part[0] == side.order[0]:
                run.show(side, images[:N_SHOWN])
            for name in names:
                features[name].append(extractors[name](images).numpy())
            progress.update(len(part))
        yield shard, names, features


def _parts(side: Side, shard: range, batch_size: int) -> list[list[int]]:
    items = [side.order[i] for i in shard]
    return [items[start : start + batch_size] for start in range(0, len(items), batch_size)]


def _keep(store: StateStore, key: Mapping[str, Any], bank: FeatureBank) -> None:
    try:
        store.save(key, bank)
    except OSError as error:
        raise CacheError(
            f"features cannot be kept in {store.folder}: {error.strerror or error}; free some "
            "space, or set ANYRES_BENCH_CACHE to a folder with room. What was kept before is whole "
            "and the same command goes on from there"
        ) from error
