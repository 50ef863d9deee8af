"""Features of samples, each computed once: sharded, kept on disk, shared by ranks.

Shards are keyed by everything their pixels depend on. A run that was stopped goes on after the last
complete shard; what was ever computed is never computed again; ranks take every `world_size`-th
shard. What shard a sample falls into depends on the sample alone, so features do not depend on
batch size, workers or ranks.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anyres_bench.core import distributed
from anyres_bench.core.files import not_kept
from anyres_bench.core.reporting import Progress, progress
from anyres_bench.evaluation.sample_sets import N_SHOWN, SampleSet
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import FeatureStore

if TYPE_CHECKING:
    from torch import Tensor

SHARD = 64  # samples whose features are kept together: the unit of restart
Missing = tuple[range, list[str]]
"""A shard, and the extractors whose features of it are not kept."""


N_AT_ONCE = 16
"""Samples that are rendered and extracted at a time, where nobody wants another number."""


@dataclass(frozen=True)
class FeatureRun:
    """How features are computed; nothing here changes them.

    Attributes:
        store: where shards are kept.
        batch_size: samples rendered and extracted at a time; None: as suits the extractors.
        title: of the progress.
        show: is given the pixels of the first samples when they are computed.
        fresh: whether shards that are kept are computed again.
    """

    store: FeatureStore
    batch_size: int | None
    title: str
    show: Callable[[SampleSet, Tensor], None]
    fresh: bool = False

    def n_at_once(self, extractors: Iterable[FeatureExtractor]) -> int:
        """Samples at a time: `N_AT_ONCE`, or as many as a network takes on its device."""
        if self.batch_size is not None:
            return self.batch_size
        return max([N_AT_ONCE, *(getattr(one, "n_at_once", 1) for one in extractors)])


def feature_banks(
    samples: SampleSet, extractors: Mapping[str, FeatureExtractor], run: FeatureRun
) -> dict[str, FeatureBank]:
    """Features of all samples by each extractor, the same on every rank.

    Raises:
        CacheError: a shard on disk is damaged, or cannot be written.
        GeneratorError, ImageError, DatasetError: an image cannot be had.
    """
    parts, missing = missing_shards(samples, extractors, run)
    total = sum(map(len, _own_shards(samples)))
    todo = sum(len(shard) for shard, _ in missing)
    with progress(run.title, total, done=total - todo) as bar:
        for shard, names, features in _compute(samples, missing, extractors, run, bar):
            items = np.array([samples.order[i] for i in shard])
            groups = np.array([samples.groups[i] for i in items])
            for name in names:
                bank = FeatureBank(items, groups, np.concatenate(features[name]))
                keep(run.store, samples, name, shard, bank)
                parts[name].append(bank)
    # Parts are let go of as they come together, so that no row is held twice.
    banks = {name: FeatureBank.of_batches(parts.pop(name)) for name in list(parts)}
    return {name: distributed.reduce(bank, operator.add) for name, bank in banks.items()}


def missing_shards(
    samples: SampleSet, extractors: Iterable[str], run: FeatureRun
) -> tuple[dict[str, list[FeatureBank]], list[Missing]]:
    """Of this rank's shards: those that are kept of each extractor, and the others.

    Raises:
        CacheError: a shard on disk is damaged.
    """
    banks: dict[str, list[FeatureBank]] = {name: [] for name in extractors}
    missing: list[Missing] = []
    for shard in _own_shards(samples):
        absent = []
        for name in banks:
            key = _shard_key(samples.key, name, shard)
            kept = None if run.fresh else run.store.load(key)
            if kept is None:
                absent.append(name)
            else:
                banks[name].append(kept)
        if absent:
            missing.append((shard, absent))
    return banks, missing


def absent_shards(samples: SampleSet, extractors: Iterable[str], run: FeatureRun) -> list[Missing]:
    """Of this rank's shards, those that are not kept of every extractor; none is read."""
    names = list(extractors)
    found: list[Missing] = []
    for shard in _own_shards(samples):
        keys = {name: _shard_key(samples.key, name, shard) for name in names}
        absent = [n for n, key in keys.items() if run.fresh or not run.store.path(key).exists()]
        if absent:
            found.append((shard, absent))
    return found


def missing_items(samples: SampleSet, extractors: Iterable[str], store: FeatureStore) -> list[int]:
    """The items whose features by one of the extractors are not kept, in the order of computing."""
    names = list(extractors)
    return [
        samples.order[i]
        for shard in _shards(len(samples))
        if not all(store.path(_shard_key(samples.key, name, shard)).exists() for name in names)
        for i in shard
    ]


def kept_bank(
    store: FeatureStore, key: Mapping[str, Any], extractor_id: str, n: int
) -> FeatureBank | None:
    """The features that an earlier run has kept; None if a shard is gone."""
    shards = []
    for shard in _shards(n):
        kept = store.load(_shard_key(key, extractor_id, shard))
        if kept is None:
            return None
        shards.append(kept)
    return FeatureBank.of_batches(shards)


def _own_shards(samples: SampleSet) -> list[range]:
    """Those of this rank."""
    return list(_shards(len(samples)))[distributed.rank() :: distributed.world_size()]


def _shards(n: int) -> Iterator[range]:
    return (range(start, min(start + SHARD, n)) for start in range(0, n, SHARD))


def _shard_key(key: Mapping[str, Any], extractor_id: str, shard: range) -> dict[str, Any]:
    return {**key, "extractor": extractor_id, "shard": [shard.start, shard.stop]}


def _compute(
    samples: SampleSet,
    missing: Sequence[Missing],
    extractors: Mapping[str, FeatureExtractor],
    run: FeatureRun,
    bar: Progress,
) -> Iterator[tuple[range, list[str], dict[str, list[Any]]]]:
    """Each missing shard with its features, a list of batches by extractor."""
    n_at_once = run.n_at_once(extractors.values())
    parts = [_parts(samples, shard, n_at_once) for shard, _ in missing]
    pixels = samples.batches([part for shard in parts for part in shard])
    for (shard, names), batches in zip(missing, parts, strict=True):
        features: dict[str, list[Any]] = {name: [] for name in names}
        for part in batches:
            views = next(pixels)
            if part[0] == samples.order[0]:
                run.show(samples, views[0][:N_SHOWN])
            for name in names:
                features[name].append(extractors[name](*views).numpy())
            bar.update(len(part))
        yield shard, names, features


def _parts(samples: SampleSet, shard: range, batch_size: int) -> list[list[int]]:
    items = [samples.order[i] for i in shard]
    return [items[start : start + batch_size] for start in range(0, len(items), batch_size)]


def keep(
    store: FeatureStore, samples: SampleSet, extractor_id: str, shard: range, bank: FeatureBank
) -> None:
    """Keep the features of one shard.

    Raises:
        CacheError: they cannot be written.
    """
    try:
        store.save(_shard_key(samples.key, extractor_id, shard), bank)
    except OSError as error:
        rest = ". What was kept before is whole and the same command goes on from there"
        raise not_kept(f"features cannot be kept in {store.folder}", error, rest) from error
