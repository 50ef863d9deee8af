"""`demo` refuses what it cannot show before it makes anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calls import call


def test_images_that_are_not_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    code, _, err = call(capfd, "demo", out, "--images", tmp_path / "none")
    assert code == 2
    assert "none" in err
    assert not out.exists()
