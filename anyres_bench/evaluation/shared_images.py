"""Features of several sets of views of the same images, each image decoded once.

The protocols of a suite look at the same files, one after the other. Here every image is read once
and all its views, of every protocol, are cut from it on threads while extractors work on the views
before; what comes of it is kept as if each protocol had been alone, shard by shard, so that a run
that was stopped goes on. Memory holds the views of a few images, and features of shards that are
not complete.
"""

from __future__ import annotations

import functools
import itertools
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from anyres_bench.core.reporting import progress
from anyres_bench.data.pixels import Pixels
from anyres_bench.data.reading import item_views
from anyres_bench.evaluation.banks import FeatureRun, Missing, absent_shards, keep
from anyres_bench.evaluation.sample_sets import N_SHOWN, Pictures, SampleSet, Views
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.features.stats import FeatureBank

if TYPE_CHECKING:
    from torch import Tensor

_AT_ONCE = 8  # items of one image that are cut together


@dataclass(frozen=True)
class Wanted:
    """A set of views of images and what looks at them."""

    samples: SampleSet
    extractors: Mapping[str, FeatureExtractor]
    run: FeatureRun


def key_text(samples: SampleSet) -> str:
    """What a set's pixels depend on, as one word."""
    return json.dumps(dict(samples.key), sort_keys=True)


def extract_together(wanted: Mapping[str, Wanted], n_workers: int) -> dict[str, float]:
    """Compute and keep the features that are not kept yet, where sets look at the same images.

    Where they do not, nothing is done; sets of what a model renders are left for later.

    Args:
        wanted: the sets by name.
        n_workers: threads that decode and cut views; 0 for none.

    Returns:
        Name of a set that was computed -> seconds that it took.

    Raises:
        CacheError: features cannot be kept.
        ImageError, DatasetError: an image cannot be had.
    """
    todo = {name: _Set(w) for name, w in wanted.items() if w.samples.pictures is not None}
    todo = {name: one for name, one in todo.items() if one.n_left}
    start, sets = time.perf_counter(), list(todo.values())
    images = _images(sets)
    if sum(len(_images([one])) for one in sets) == len(images):
        return {}
    n_items = sum(one.n_left for one in sets)
    with progress(f"images of {len(sets)} sets of views", n_items) as bar:
        for place, item, views in _views(sets, images.values(), n_workers):
            sets[place].add(item, views)
            bar.update()
        for one in sets:
            one.flush()
    rest = time.perf_counter() - start - sum(one.seconds for one in sets)
    shares = {i: one.n_items / n_items for i, one in todo.items()}
    return {i: one.seconds + rest * shares[i] for i, one in todo.items()}


@dataclass
class _Set:
    """One set while it is computed."""

    wanted: Wanted
    seconds: float = 0.0
    n_left: int = 0
    n_items: int = 0
    _shards: list[Missing] = field(default_factory=list)
    _shard_of: dict[int, int] = field(default_factory=dict)
    _rows: dict[str, dict[int, np.ndarray]] = field(default_factory=lambda: defaultdict(dict))
    _absent: list[int] = field(default_factory=list)
    _pending: list[tuple[int, Views]] = field(default_factory=list)
    _shown: dict[int, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        w = self.wanted
        self._shards = absent_shards(w.samples, w.extractors, w.run)
        for number, (shard, _) in enumerate(self._shards):
            self._shard_of |= dict.fromkeys((w.samples.order[i] for i in shard), number)
        self._absent = [len(shard) for shard, _ in self._shards]
        self.n_left = self.n_items = len(self._shard_of)
        self._n_at_once = w.run.n_at_once(w.extractors.values())
        n = min(N_SHOWN, self._n_at_once, len(w.samples))
        first = [w.samples.order[i] for i in range(n)]
        self._first = first if first and first[0] in self._shard_of else []

    @property
    def pictures(self) -> Pictures:
        """What its items are cut from."""
        assert self.wanted.samples.pictures is not None
        return self.wanted.samples.pictures

    @property
    def items(self) -> list[int]:
        """Items to compute, those that are shown first."""
        return list(self._shard_of)

    def add(self, item: int, views: Views) -> None:
        """Take an item's views; extract when a batch is full."""
        if item in self._first:
            self._shown[item] = views[0]
            if len(self._shown) == len(self._first):
                self._show()
        self._pending.append((item, views))
        if len(self._pending) >= self._n_at_once:
            self.flush()

    def flush(self) -> None:
        """Extract what is there, and keep the shards that are complete."""
        import torch

        if not self._pending:
            return
        start = time.perf_counter()
        items = [item for item, _ in self._pending]
        views = [torch.stack(view) for view in zip(*(v for _, v in self._pending), strict=True)]
        self._pending = []
        for name, extractor in self.wanted.extractors.items():
            mine = [k for k, item in enumerate(items) if name in self._names(item)]
            if mine:
                seen = views if len(mine) == len(items) else [view[mine] for view in views]
                rows = extractor(*seen).numpy()
                self._rows[name] |= {items[k]: row for k, row in zip(mine, rows, strict=True)}
        for item in items:
            self._done(self._shard_of[item])
        self.n_left -= len(items)
        self.seconds += time.perf_counter() - start

    def _names(self, item: int) -> Sequence[str]:
        return self._shards[self._shard_of[item]][1]

    def _show(self) -> None:
        import torch

        pixels = torch.stack([self._shown[item] for item in self._first])
        self.wanted.run.show(self.wanted.samples, pixels)
        self._first, self._shown = [], {}

    def _done(self, number: int) -> None:
        """Count an item of a shard; keep the shard after its last."""
        self._absent[number] -= 1
        if self._absent[number]:
            return
        shard, names = self._shards[number]
        samples = self.wanted.samples
        items = np.array([samples.order[i] for i in shard])
        groups = np.array([samples.groups[i] for i in items])
        for name in names:
            rows = np.stack([self._rows[name].pop(int(item)) for item in items])
            keep(self.wanted.run.store, samples, name, shard, FeatureBank(items, groups, rows))


class _Image:
    """An image: decoded when the first of its parts is asked for, dropped after the last.

    Args:
        read: its pixels, (h, w, 3) uint8.
    """

    def __init__(self, read: Callable[[], Pixels]) -> None:
        self._read, self._lock = read, threading.Lock()
        self._pixels: Pixels | None = None
        self.wanted: list[tuple[int, int]] = []

    def parts(self) -> Iterator[_Part]:
        """What is wanted of it, a few items at a time."""
        self._n_left = -(-len(self.wanted) // _AT_ONCE)
        for start in range(0, len(self.wanted), _AT_ONCE):
            yield self, self.wanted[start : start + _AT_ONCE]

    def pixels(self) -> Pixels:
        """The same array for every part."""
        with self._lock:
            pixels = self._read() if self._pixels is None else self._pixels
            self._n_left -= 1
            self._pixels = pixels if self._n_left else None
            return pixels


_Part = tuple[_Image, list[tuple[int, int]]]


def _views(
    sets: Sequence[_Set], images: Iterable[_Image], n_workers: int
) -> Iterator[tuple[int, int, Views]]:
    """Place of a set, item and views of all items, image by image."""

    def cut(part: _Part) -> list[tuple[int, int, Views]]:
        image, wanted = part
        pixels = image.pixels()
        items = ((place, i, sets[place].pictures.items[i]) for place, i in wanted)
        return [(place, i, item_views(pixels, item)) for place, i, item in items]

    parts = itertools.chain.from_iterable(image.parts() for image in images)
    if n_workers < 1:
        yield from itertools.chain.from_iterable(map(cut, parts))
        return
    with ThreadPoolExecutor(n_workers) as pool:
        ahead: list[Future[list[tuple[int, int, Views]]]] = []
        try:
            for part in parts:
                ahead.append(pool.submit(cut, part))
                if len(ahead) > 2 * n_workers:
                    yield from ahead.pop(0).result()
            while ahead:
                yield from ahead.pop(0).result()
        finally:
            for future in ahead:
                future.cancel()


def _images(sets: Sequence[_Set]) -> dict[Hashable, _Image]:
    """Images by name, each with the items of all sets: those of shown items first."""
    places = [
        (i >= N_SHOWN, one.pictures.items[item].views[0].image, place, item)
        for place, one in enumerate(sets)
        for i, item in enumerate(one.items)
    ]
    images: dict[Hashable, _Image] = {}
    for _, index, place, item in sorted(places):
        pictures = sets[place].pictures
        image = _Image(functools.partial(pictures.read, index))
        images.setdefault(pictures.name(index), image).wanted.append((place, item))
    return images
