"""How models and extractors were asked for, kept in the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import CacheError
from anyres_bench.core.files import cache_dir
from anyres_bench.evaluation.specs import KeptSpec, keep_spec, keep_specs, kept_spec


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))


def test_the_last_way_of_asking_is_known() -> None:
    assert kept_spec("model", "m") is None
    keep_specs([KeptSpec("m", "out/m"), KeptSpec("m", "m.pkl", {"psi": "0.7"})], {"e-v1": "e"})
    assert kept_spec("model", "m") == KeptSpec("m", "m.pkl", {"psi": "0.7"})
    assert kept_spec("extractor", "e-v1") == KeptSpec("e-v1", "e")
    assert kept_spec("extractor", "m") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"id": "other", "spec": "a"}', "[" * 100_000])
def test_what_is_damaged_is_not_known(text: str) -> None:
    keep_spec("model", KeptSpec("m", "out/m"))
    (path,) = (cache_dir() / "specs").iterdir()
    path.write_text(text)
    assert kept_spec("model", "m") is None


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    with pytest.raises(CacheError, match="ANYRES_BENCH_CACHE"):
        keep_spec("model", KeptSpec("m", "out/m"))
