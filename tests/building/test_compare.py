"""Images against each other: near-duplicates, groups and splits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.rules import Rules
from tests.building.builds import DECODE, ENGINE, files, rejects
from tests.building.rogues import Given, candidate


def test_near_duplicates(tmp_path: Path) -> None:
    """Two sizes of one photo, twice the same bytes, and another photo."""
    urls = ("1@80x107", "1@96x128", "2", "1@96x128-again", "3")
    listed = [candidate(url.replace("-again", ""), key=f"g_{i}", source_id=url)
              for i, url in enumerate(urls)]  # fmt: skip
    order = Order(Given(tuple(listed)), tmp_path / "out", "g", DECODE)
    dropped = build(order, ENGINE)
    assert {r.source_id for r in dropped.dataset.manifest} == {"1@96x128", "2", "3"}
    assert rejects(tmp_path / "out") == {
        "1@80x107": "near-duplicate",
        "1@96x128-again": "duplicate",
    }
    assert files(tmp_path / "out") == {r.file_name for r in dropped.dataset.manifest}
    for policy, n_groups in (("group", 3), ("keep", 4)):
        rules = Rules(measure="decode", near_duplicates=policy)
        kept = build(dataclasses.replace(order, folder=tmp_path / policy, rules=rules), ENGINE)
        manifest = kept.dataset.manifest
        assert {r.source_id for r in manifest} == {"1@80x107", "1@96x128", "2", "3"}
        assert len({r.group for r in manifest}) == n_groups


def test_low_and_high_versions_are_one_group_and_both_stay(tmp_path: Path) -> None:
    listed = [
        candidate("1@96x128", key="g_hr"),
        candidate("1@80x107", key="g_lr", role="lr"),
        candidate("2@48x64", key="h_lr", role="lr", group="photo 2"),
        candidate("3@96x128", key="h_hr", group="photo 2"),
    ]
    built = build(Order(Given(tuple(listed)), tmp_path / "out", "g", DECODE), ENGINE)
    groups = {record.source_id: record.group for record in built.dataset.manifest}
    assert groups["1@96x128"] == groups["1@80x107"]
    assert groups["2@48x64"] == groups["3@96x128"] == "photo 2"
    assert len(set(groups.values())) == 2


def test_no_group_straddles_splits(tmp_path: Path) -> None:
    listed = [
        candidate("1@96x128", key="a", split="train"),
        candidate("1@80x107", key="b", role="lr", split="test"),
        candidate("2", key="c", split="test"),
    ]
    built = build(Order(Given(tuple(listed)), tmp_path / "out", "g", DECODE), ENGINE)
    assert {r.source_id for r in built.dataset.manifest} == {"1@96x128", "2"}
    assert rejects(tmp_path / "out") == {"1@80x107": "straddles-splits"}
