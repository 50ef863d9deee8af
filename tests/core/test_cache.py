"""The cache: its parts, their sizes, and removing one; what lies behind links stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.cache import cache_text, parts_of_cache, prune
from anyres_bench.core.errors import UsageError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(folder))
    return folder


def test_a_cache_that_is_not_there_is_empty() -> None:
    assert parts_of_cache() == []
    assert "it is empty" in cache_text()


def test_parts_are_counted_and_one_is_removed(cache: Path, tmp_path: Path) -> None:
    (cache / "features" / "ab").mkdir(parents=True)
    (cache / "features" / "ab" / "x").write_bytes(bytes(300))
    (cache / "weights").mkdir()
    (cache / "weights" / "w").write_bytes(bytes(5000))
    (tmp_path / "mine").write_bytes(bytes(9999))
    (cache / "features" / "link").symlink_to(tmp_path / "mine")
    found = {part.name: part for part in parts_of_cache()}
    assert list(found) == ["weights", "features"]
    assert found["features"].n_files == 2
    assert found["features"].n_bytes < 1000
    assert prune("features") == found["features"]
    assert [path.name for path in cache.iterdir()] == ["weights"]
    assert (tmp_path / "mine").exists()


@pytest.mark.parametrize("name", ["nothing", "..", "../mine", ""])
def test_what_is_no_part_is_not_removed(cache: Path, name: str) -> None:
    (cache / "weights").mkdir(parents=True)
    with pytest.raises(UsageError, match="it holds weights"):
        prune(name)
    assert (cache / "weights").is_dir()


def test_a_link_is_not_removed(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    cache.mkdir()
    (cache / "weights").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is a link"):
        prune("weights")
