"""One worker process: its limits, and what it replies."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from anyres_bench.building.decoding_worker import READY
from anyres_bench.building.outcomes import Job, Outcome
from anyres_bench.building.steps import Site
from tests.building.builds import HEADER
from tests.building.rogues import Given, candidate


def test_each_job_has_its_reply_in_order(tmp_path: Path) -> None:
    """What is no fault of an image comes back as text: that ends a run."""
    site = Site(tmp_path, HEADER, Given(()))
    site.incoming(Job(0, candidate("1"))).parent.mkdir(parents=True)
    jobs = [Job(i, candidate(url)) for i, url in enumerate(["1", "bug", "refuse", "full", "2"])]
    asked = pickle.dumps((site, 4096 << 20)) + b"".join(map(pickle.dumps, jobs))
    command = [sys.executable, "-m", "anyres_bench.building.decoding_worker"]
    done = subprocess.run(command, input=asked, capture_output=True, check=True, timeout=120)
    assert done.stdout.startswith(READY)
    said = io.BytesIO(done.stdout[len(READY) :])
    replies = [pickle.load(said) for _ in jobs]
    assert not said.read()
    assert [r.reason if isinstance(r, Outcome) else "text" for r in replies] == [
        *("", "fault", "refused", "text", "")
    ]
    assert "No space left on device; once it can, the same command goes on" in replies[3]


@pytest.mark.slow
def test_a_limit_of_the_shell_is_kept(tmp_path: Path) -> None:
    """A worker may not raise a limit that is below its own; it goes on under that one."""
    folder = tmp_path / "src"
    folder.mkdir()
    Image.new("RGB", (40, 30), (9, 90, 200)).save(folder / "a.png")
    command = f"'{sys.executable}' -m anyres_bench collect folder '{folder}' '{tmp_path / 'out'}'"
    limited = ["bash", "-c", f"ulimit -v 3000000; {command} --processes 1 --memory 4096"]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
