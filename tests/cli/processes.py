"""The command line in processes of its own, as it is or with a command that fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FAILING = """
import signal, sys, tempfile
import click
from anyres_bench.cli import main

@main.cli.command()
def failing():
    {body}

main.COMMANDS["failing"] = ("__main__", "")
command = failing
main.main(["failing"])
"""


def run(arguments: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **how.pop("env", {})}
    how = {"capture_output": True, "text": True, "timeout": 60, **how}
    return subprocess.run([sys.executable, *arguments], env=env, **how)


def run_failing(tmp_path: Path, body: str, **how: Any) -> subprocess.CompletedProcess[str]:
    (tmp_path / "failing.py").write_text(FAILING.format(body=body))
    return run([str(tmp_path / "failing.py")], env={"TMPDIR": str(tmp_path)}, **how)
