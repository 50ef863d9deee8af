"""Pairs of a board: features of submissions are read where they lie, and reals have to be alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from anyres_bench.core.files import cache_dir
from anyres_bench.evaluation.pairs import paired
from anyres_bench.leaderboard.site.differences import pairing_of
from anyres_bench.leaderboard.site.entries import BoardEntry
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed
from tests.leaderboard.submitted import kept, results_of, unchecked
from tests.results.records import model


@pytest.fixture
def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[BoardEntry]:
    """One's own result, and one that was submitted with its features."""
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    mine = results_of("mine")[0]
    _, of_theirs = kept("fake", 2.0, "theirs")
    states = {"real": mine.states["real"], "fake": of_theirs}
    theirs = replace(mine, model=model("theirs"), states=states)
    unchecked([theirs], tmp_path / "s", Card("MIT", "x"), Enclosed("float16"))
    return [
        BoardEntry(mine, "re-rendered"),
        BoardEntry(theirs, "recomputed", folder=tmp_path / "s"),
    ]


def test_enclosed_features_give_the_difference_of_the_cache(entries: list[BoardEntry]) -> None:
    mine, theirs = (entry.result for entry in entries)
    want = paired(theirs, mine)
    shards = [path.name for path in (cache_dir() / "features").rglob("*") if path.is_file()]
    found = pairing_of(entries)(theirs, mine)
    assert want is not None
    assert found is not None
    assert found["frechet"].separated
    assert found["frechet"].value == pytest.approx(want["frechet"].value, rel=1e-2)
    now = [path.name for path in (cache_dir() / "features").rglob("*") if path.is_file()]
    assert now == shards


def test_other_reals_are_no_pair(entries: list[BoardEntry]) -> None:
    mine, theirs = (entry.result for entry in entries)
    assert entries[1].folder is not None
    for path in (entries[1].folder / "features").iterdir():
        tensors = load(path.read_bytes())
        path.write_bytes(save({**tensors, "features": tensors["features"] + np.float16(0.5)}))
    assert pairing_of(entries)(theirs, mine) is None


def test_without_features_there_is_none(entries: list[BoardEntry], tmp_path: Path) -> None:
    mine, theirs = (entry.result for entry in entries)
    unchecked([theirs], tmp_path / "bare", Card("MIT", "x"), Enclosed("none"))
    bare = replace(entries[1], folder=tmp_path / "bare")
    assert pairing_of([entries[0], bare])(theirs, mine) is None
