"""The frame of all commands: how they are stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEAF = """
import signal, sys, time
import click
from anyres_bench.cli import main

class Deaf:
    def __del__(self):
        signal.raise_signal({number})
        print("unheard")

@main.cli.command()
def deaf():
    Deaf()
    time.sleep(60)

main.COMMANDS["deaf"] = ("__main__", "")
command = deaf
main.main(["deaf"])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_falls_into_a_destructor_is_heard(tmp_path: Path, number: int) -> None:
    (tmp_path / "deaf.py").write_text(DEAF.format(number=int(number)))
    run = subprocess.run(
        [sys.executable, str(tmp_path / "deaf.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 130, run.stderr
    assert run.stderr.strip() == "stopped; the same command goes on where it was"
    assert not run.stdout
