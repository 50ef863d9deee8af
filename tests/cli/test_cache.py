"""`cache` shows what the cache holds, and removes the parts that are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calls import call


def test_parts_are_shown_and_one_is_removed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    for part in ("features", "weights"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.safetensors").write_bytes(bytes(2_000_000))
    code, out, _ = call(capfd, "cache")
    assert code == 0
    assert str(tmp_path) in out
    code, out, _ = call(capfd, "cache", "--prune", "features")
    assert (code, out.splitlines()[0]) == (0, "removed features: 1 files, 2.0 MB")
    assert not (tmp_path / "features" / "a.safetensors").exists()
    assert (tmp_path / "weights" / "a.safetensors").exists()
    code, _, err = call(capfd, "cache", "--prune", "weight")
    assert code == 2
    assert err
