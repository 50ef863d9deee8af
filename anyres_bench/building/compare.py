"""Every image against every other: copies, near-duplicates, and the groups that are never split.

Everything here follows from the ledger alone, in the order of the candidates, so it does not depend
on when or where each image came.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyres_bench.building.duplicates import components, distances, near_components
from anyres_bench.building.hashing import LEAST_DETAIL
from anyres_bench.building.ledger import Ledger
from anyres_bench.building.outcomes import Image, Job
from anyres_bench.building.rules import Rules
from anyres_bench.data.records import ImageRecord


@dataclass(frozen=True)
class Stored:
    """An image in the ledger, its candidate, and what the comparison with all others found."""

    job: Job
    image: Image
    group: str = ""
    reason: str = ""
    message: str = ""

    @functools.cached_property
    def record(self) -> ImageRecord:
        """Its row of the manifest."""
        return ImageRecord(**{**self.image.record, "group": self.group})


def compare(ledger: Ledger, rules: Rules) -> list[Stored]:
    """All stored images, each with its group and, where it is left out, the reason."""
    stored = [Stored(job, image) for job, image in ledger.images()]
    statistics = _statistics(stored, rules)
    stored = _without_copies(_grouped(stored, statistics))
    if rules.near_duplicates == "drop":
        stored = _without_near(stored, statistics, rules.distance)
    return _on_one_side(stored)


@dataclass(frozen=True)
class Statistics:
    """The images whose looks count.

    Attributes:
        numbers: (n,) of the images, ascending.
        words: (n, 4) uint64, their hashes.
        labels: (n,); images that hang together over near pairs have the same.
    """

    numbers: NDArray[np.int64]
    words: NDArray[np.uint64]
    labels: NDArray[np.int64]


def _statistics(stored: Sequence[Stored], rules: Rules) -> Statistics:
    """Those with detail enough for their hash to mean something."""
    numbers = [
        i
        for i, s in enumerate(stored)
        if s.image.metadata.get("detail", 0.0) >= LEAST_DETAIL and rules.near_duplicates != "keep"
    ]
    text = "".join(stored[i].image.metadata["phash"] for i in numbers)
    table = np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, 32)
    labels = near_components(table, rules.distance) if len(table) else np.empty(0, np.int64)
    return Statistics(np.array(numbers, np.int64), table.view(np.uint64).reshape(-1, 4), labels)


def _grouped(stored: Sequence[Stored], statistics: Statistics) -> list[Stored]:
    """Put images of one photo in one group: by their source, their bytes, or their statistics."""
    first: dict[tuple[str, Any], int] = {}
    pairs = []
    for i, s in enumerate(stored):
        marks = [("group", s.image.record["group"]), ("bytes", s.image.record["sha256"])]
        pairs += [(first.setdefault(mark, i), i) for mark in marks]
    like = statistics.numbers[statistics.labels].tolist()
    roots = components(len(stored), [*pairs, *zip(like, statistics.numbers.tolist(), strict=True)])
    names = [stored[root].image.record["group"] for root in roots]
    return [Stored(s.job, s.image, n) for s, n in zip(stored, names, strict=True)]


def _without_copies(stored: Sequence[Stored]) -> list[Stored]:
    """Leave out what has the bytes of an earlier image of the same role."""
    seen: dict[tuple[str, str], str] = {}
    kept = []
    for s in stored:
        record = s.image.record
        original = seen.setdefault((record["role"], record["sha256"]), record["file_name"])
        if original != record["file_name"]:
            s = dataclasses.replace(
                s, reason="duplicate", message=f"it has the same bytes as {original}"
            )
        kept.append(s)
    return kept


def _without_near(stored: Sequence[Stored], statistics: Statistics, distance: int) -> list[Stored]:
    """Of pictures that look the same keep the largest of each role, or the first of equal ones.

    An image is compared with those that are kept among those that it hangs together with: they are
    far from each other, so there are few, however many look like them.
    """
    result = list(stored)
    alike: dict[tuple[int, str], list[int]] = defaultdict(list)
    for place, (i, label) in enumerate(zip(statistics.numbers, statistics.labels, strict=True)):
        if not stored[i].reason:
            alike[int(label), stored[i].image.record["role"]].append(place)

    def rank(place: int) -> tuple[int, int]:
        record = stored[statistics.numbers[place]].image.record
        return -record["height"] * record["width"], place

    for places in alike.values():
        if len(places) > 1:
            for place, like in _dropped(statistics.words, sorted(places, key=rank), distance):
                i, kept = (
                    statistics.numbers[place],
                    stored[statistics.numbers[like]].image.file_name,
                )
                message = f"it looks like {kept}"
                result[i] = dataclasses.replace(stored[i], reason="near-duplicate", message=message)
    return result


def _dropped(
    words: NDArray[np.uint64], places: Sequence[int], distance: int
) -> Iterator[tuple[int, int]]:
    """(place, place of the one that it looks like) of each that is near one that is kept."""
    kept = np.empty(len(places), np.int64)
    n_kept = 0
    for place in places:
        near = distances(words[place], words[kept[:n_kept]]) <= distance
        if near.any():
            yield place, int(kept[int(near.argmax())])
        else:
            kept[n_kept] = place
            n_kept += 1


def _on_one_side(stored: Sequence[Stored]) -> list[Stored]:
    """Leave out what would put one photo on two sides of its source's split."""
    side: dict[str, str] = {}
    result = []
    for s in stored:
        split = s.image.record["split"]
        if not s.reason and side.setdefault(s.group, split) != split:
            message = f"its group {s.group} is in split {side[s.group]!r} already"
            s = dataclasses.replace(s, reason="straddles-splits", message=message)
        result.append(s)
    return result
