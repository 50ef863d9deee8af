"""Splits: stratified, stable, groups undivided, and the half of a dataset defined once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import ImageRecord, Manifest
from anyres_bench.data.splits import halves, split_groups


def images(n: int, source: str = "a", group: str = "") -> list[ImageRecord]:
    return [
        ImageRecord(
            file_name=f"{source}_{i:03}.png",
            sha256=f"{source}{i}",
            n_bytes=1,
            height=3,
            width=4,
            source=source,
            group=group,
        )
        for i in range(n)
    ]


def test_split_is_stratified_and_stable() -> None:
    records = images(40, "a") + images(10, "b") + images(2, "c")
    first, second = split_groups(records, 0.5, seed=1)
    for source, n in [("a", 20), ("b", 5), ("c", 1)]:
        assert sum(r.source == source for r in first) == n
    assert {r.file_name for r in first}.isdisjoint(r.file_name for r in second)
    assert len(first) + len(second) == len(records)
    assert list(split_groups(reversed(records), 0.5, seed=1)[0]) == list(first)
    assert list(split_groups(records, 0.5, seed=2)[0]) != list(first)


def test_split_never_divides_a_group() -> None:
    records = [r for g in range(6) for r in images(4, f"a{g}", group=f"g{g}")]
    for side in split_groups(records, 0.3, seed=0):
        groups = [r.group for r in side]
        assert all(groups.count(g) == 4 for g in groups)


def test_the_half_of_a_dataset_never_changes() -> None:
    """Ids that end in ":half" are published; another split would be another reference."""
    dataset = Dataset("toy", Path(), Manifest(images(9, "a") + images(4, "b")))
    reference, rest = halves(dataset)
    names = [record.file_name for record in reference.manifest]
    digest = hashlib.sha256(" ".join(names).encode()).hexdigest()[:16]
    assert digest == "9078058f7c53992b", (digest, names)
    assert {*names, *(r.file_name for r in rest.manifest)} == {
        r.file_name for r in dataset.manifest
    }
    assert len(names) == 6
