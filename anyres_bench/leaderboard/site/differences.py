"""Paired differences of entries, from features in the cache or enclosed in submissions."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping

import numpy as np

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import AnyresBenchError
from anyres_bench.core.files import sha256_text
from anyres_bench.core.reporting import detail
from anyres_bench.evaluation.headlines import Pairing
from anyres_bench.evaluation.pairs import BankOf, Difference, cached_bank, paired
from anyres_bench.evaluation.strata import side_of
from anyres_bench.features.stats import FeatureBank
from anyres_bench.leaderboard.committed import committed_difference
from anyres_bench.leaderboard.feature_files import feature_stem, read_features
from anyres_bench.leaderboard.site.entries import BoardEntry
from anyres_bench.leaderboard.submission import FEATURES, read_submission
from anyres_bench.results import Result

_SLACK = 2e-3  # of the largest feature, which float16 moves


def pairing_of(entries: Iterable[BoardEntry]) -> Pairing:
    """What tells two results on a board apart: the values of one minus those of another.

    Features of a submission are read from its folder and never enter the cache. Two results are
    paired only where the features of their real images are the same: whoever encloses others has
    compared with other images, whatever the record says. None stands for what cannot be told.
    """
    known = {entry.result.key: entry for entry in entries if entry.retracted is None}
    banks = functools.lru_cache(maxsize=16)(functools.partial(_bank, known))
    origin = functools.cache(lambda key: _origin(known[key]))

    def bank_of(result: Result, side: str) -> FeatureBank | None:
        return banks(result.key, side)

    @functools.cache
    def between(a: str, b: str) -> Mapping[str, Difference] | None:
        one, other = known[a].result, known[b].result
        if committed := committed_difference(one, other):
            return committed
        origins = [origin(key) for key in (a, b)]
        if None in origins:
            return None
        try:
            if any(origins) and not _same_reals(one, other, bank_of):
                return None
            digest = sha256_text(json.dumps(origins)) if any(origins) else ""
            found = paired(one, other, bank_of, digest)
        except AnyresBenchError as error:  # of one pair; all others still stand
            detail(f"{one.model.id} and {other.model.id}: {error}")
            return None
        return found

    return lambda a, b: between(a.key, b.key)


def _bank(known: Mapping[str, BoardEntry], key: str, side: str) -> FeatureBank | None:
    """The features of one side: those that are enclosed, or this machine's own."""
    entry = known[key]
    if entry.folder is None:
        return cached_bank(entry.result, side)
    names = _enclosed(entry, side)
    return read_features(Enclosure(entry.folder), names)[0] if names else None


def _enclosed(entry: BoardEntry, side: str) -> list[str]:
    assert entry.folder is not None
    inside = Enclosure(entry.folder)
    stem = feature_stem(entry.result.states[side].key, entry.result.extractor.id)
    if not (entry.folder / FEATURES).is_dir():
        return []
    return [name for name in inside.names(FEATURES) if name.startswith(stem)]


def _origin(entry: BoardEntry) -> str | None:
    """Digest of the enclosed features of an entry; empty for one's own, None where some miss."""
    if entry.folder is None:
        return ""
    sides = [_enclosed(entry, side) for side in entry.result.states]
    if not all(sides):
        return None
    files = read_submission(Enclosure(entry.folder)).files
    names = sorted(name for side in sides for name in side)
    return sha256_text(json.dumps([files[name].sha256 for name in names]))


def _same_reals(a: Result, b: Result, bank_of: BankOf) -> bool:
    """Whether the features of both sides' real images are alike, but for their precision."""
    sides = [side for side in a.states if side_of(side) != "fake"]
    if sides != [side for side in b.states if side_of(side) != "fake"]:
        return False
    for side in sides:
        one, other = bank_of(a, side), bank_of(b, side)
        if one is None or other is None or not _alike(one, other):
            return False
    return True


def _alike(a: FeatureBank, b: FeatureBank) -> bool:
    rows, others = a.features(), b.features()
    if rows.shape != others.shape:
        return False
    largest = float(np.abs(rows).max(initial=0.0))
    same = np.array_equal(a.index, b.index) and np.array_equal(a.group, b.group)
    return same and bool(np.abs(rows - others).max(initial=0.0) <= _SLACK * largest)
