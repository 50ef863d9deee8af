"""`tilers` lists them, and holds an engine's answers against one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from anyres_bench.tilers import TILERS
from tests.cli.calls import call


def test_every_tiler_is_listed_with_its_options(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capfd, "tilers", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(TILERS)
    assert "max_tiles=" in out


def test_an_engine_that_is_silent_or_unknown_is_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = tmp_path / "engine.py"
    engine.write_text("import sys\nsys.exit(3)\n")
    code, _, err = call(capfd, "tilers", "check", "internvl", "--", sys.executable, engine)
    assert (code, bool(err)) == (1, True)
    assert "Traceback" not in err
    code, _, err = call(capfd, "tilers", "check", "intervl", "--", sys.executable, engine)
    assert (code, "internvl" in err) == (2, True)
