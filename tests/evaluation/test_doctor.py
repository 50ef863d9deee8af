"""The examination of a machine: sound ones pass, and what is wrong is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anyres_bench.core.seeds import stream
from anyres_bench.evaluation.doctor import Finding, compare_resize, definition, examine


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    return tmp_path


def found() -> dict[str, Finding]:
    return {finding.name: finding for finding in examine()}


def test_a_sound_machine(cache: Path) -> None:
    findings = found()
    assert not [finding for finding in findings.values() if not finding.ok]
    assert {"cpu", "cache", "weights", "resize clean", "Frechet distance"} <= set(findings)
    assert not list(cache.iterdir())


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "file" / "cache"))
    assert not found()["cache"].ok


def test_another_rule_of_resizing_is_found() -> None:
    finding = compare_resize("clean", ("PIL", False, "bilinear"), 1e-3)
    assert not finding.ok
    assert "do not compare numbers" in finding.text


def test_the_definition_by_hand() -> None:
    """In one dimension it is (m1 - m2)^2 + (s1 - s2)^2."""
    real, fake = (np.asarray(stream(0, "t", i).normal((50, 1))) * (i + 1) + i for i in range(2))
    gap, spread = real.mean() - fake.mean(), real.std(ddof=1) - fake.std(ddof=1)
    wide = [np.hstack([x, np.roll(x, 1) * 0]) for x in (real, fake)]
    assert definition(*wide) == pytest.approx(gap**2 + spread**2, rel=1e-12)
