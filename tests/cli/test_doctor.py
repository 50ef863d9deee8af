"""`doctor` says what is wrong, and ends with 1 where something is."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.features.weights import WEIGHTS
from tests.cli.calls import call


def test_a_weight_file_of_other_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    path = WEIGHTS["lpips-alex"].path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"other")
    code, out, _ = call(capfd, "doctor")
    assert code == 1
    assert f"WRONG  lpips-alex: {path} is another file" in out
    assert "ok     Frechet distance" in out
