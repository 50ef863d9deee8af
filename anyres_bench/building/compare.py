"""Every image against every other: copies, near-duplicates, and the groups that are never split.

Everything here follows from the ledger alone, in the order of the candidates, so it does not depend
on when or where each image came.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anyres_bench.building.duplicates import components, near_pairs
from anyres_bench.building.hashing import LEAST_DETAIL
from anyres_bench.building.ledger import Ledger
from anyres_bench.building.outcomes import Image, Task
from anyres_bench.building.rules import Rules
from anyres_bench.data.records import ImageRecord


@dataclass(frozen=True)
class Stored:
    """An image in the ledger, its candidate, and what the comparison with all others found."""

    task: Task
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
    stored = [Stored(task, image) for task, image in ledger.images()]
    hash_of, neighbours = _hashes(stored, rules)
    stored = _grouped(stored, hash_of, neighbours, rules)
    stored = _without_copies(stored)
    if rules.near_duplicates == "drop":
        stored = _without_near(stored, hash_of, neighbours)
    return _on_one_side(stored)


def _hashes(
    stored: Sequence[Stored], rules: Rules
) -> tuple[list[int | None], dict[int, list[int]]]:
    """Per image the number of its hash, None where it has none that counts; near hashes of each."""
    usable = [
        s.image.facts.get("detail", 0.0) >= LEAST_DETAIL and rules.near_duplicates != "keep"
        for s in stored
    ]
    texts = [s.image.facts["phash"] for s, good in zip(stored, usable, strict=True) if good]
    unique = sorted(set(texts))
    number = {text: i for i, text in enumerate(unique)}
    hash_of = [
        number[s.image.facts["phash"]] if good else None
        for s, good in zip(stored, usable, strict=True)
    ]
    neighbours: dict[int, list[int]] = defaultdict(list)
    if unique:
        table = np.frombuffer(bytes.fromhex("".join(unique)), np.uint8).reshape(-1, 32)
        for i, j in near_pairs(table, rules.distance).tolist():
            neighbours[i].append(j)
            neighbours[j].append(i)
    return hash_of, neighbours


def _grouped(
    stored: Sequence[Stored],
    hash_of: Sequence[int | None],
    neighbours: dict[int, list[int]],
    rules: Rules,
) -> list[Stored]:
    """Put images of one photo in one group: by their source, their bytes, or their looks."""
    first: dict[tuple[str, Any], int] = {}
    pairs = []
    for i, (s, number) in enumerate(zip(stored, hash_of, strict=True)):
        marks = [("group", s.image.record["group"]), ("bytes", s.image.record["sha256"])]
        marks += [("looks", number)] if number is not None else []
        pairs += [(first.setdefault(mark, i), i) for mark in marks]
    near = [
        (first["looks", i], first["looks", j]) for i, others in neighbours.items() for j in others
    ]
    roots = components(len(stored), pairs + near)
    names = [stored[root].image.record["group"] for root in roots]
    return [Stored(s.task, s.image, n) for s, n in zip(stored, names, strict=True)]


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


def _without_near(
    stored: Sequence[Stored], hash_of: Sequence[int | None], neighbours: dict[int, list[int]]
) -> list[Stored]:
    """Of pictures that look the same keep the largest of each role, or the first of equal ones."""
    result = list(stored)
    kept: dict[tuple[str, int], str] = {}

    def rank(i: int) -> tuple[int, int]:
        record = stored[i].image.record
        return -record["height"] * record["width"], i

    for i in sorted(range(len(stored)), key=rank):
        number, record = hash_of[i], stored[i].image.record
        if stored[i].reason or number is None:
            continue
        looks = [(record["role"], n) for n in (number, *neighbours.get(number, ()))]
        like = next((kept[look] for look in looks if look in kept), None)
        if like is None:
            kept[looks[0]] = record["file_name"]
        else:
            result[i] = dataclasses.replace(
                stored[i], reason="near-duplicate", message=f"it looks like {like}"
            )
    return result


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
