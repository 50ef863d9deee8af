"""Under torchrun the numbers are those of one process, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anyres_bench.results import read_results
from tests.evaluation.on_ranks import main
from tests.fakes import write_dataset

ROOT = Path(__file__).resolve().parents[2]
SIZES = [(48 + 2 * i, 50 + 4 * (i % 5)) for i in range(20)]


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(tmp_path: Path) -> None:
    write_dataset(tmp_path / "tiny", SIZES)
    (tmp_path / "one").mkdir()
    main(tmp_path / "tiny", tmp_path / "one")
    (tmp_path / "two").mkdir()
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = [str(tmp_path / "tiny"), str(tmp_path / "two")]
    environment = os.environ | {
        "ANYRES_BENCH_CACHE": str(tmp_path / "cache of two"),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    run = subprocess.run(
        [sys.executable, *launcher, "-m", "tests.evaluation.on_ranks", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    one, two = (read_results([tmp_path / name]).results for name in ("one", "two"))
    assert len(one) == 8
    assert {r.key: r.values for r in one} == {r.key: r.values for r in two}
    assert {r.key: r.intervals for r in one} == {r.key: r.intervals for r in two}
    assert json.loads((tmp_path / "two" / "rank1.txt").read_text()) == [{}, {}]
    shards = sorted(path.name for path in (tmp_path / "cache" / "features").iterdir())
    other = sorted(path.name for path in (tmp_path / "cache of two" / "features").iterdir())
    assert shards == other


@pytest.mark.slow
def test_the_documented_call_starts(tmp_path: Path) -> None:
    """The example in `evaluate --help`, on one process."""
    write_dataset(tmp_path / "tiny", SIZES)
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1"]
    call += [
        "-m",
        "anyres_bench",
        "--",
        "evaluate",
        "constant",
        "--dataset",
        str(tmp_path / "tiny"),
    ]
    call += ["--n", "8", "--suite", "anyres-patch32-min32max0-noflip/frechet"]
    call += ["--out", str(tmp_path / "out")]
    environment = os.environ | {
        "ANYRES_BENCH_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    run = subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert read_results([tmp_path / "out"]).results[0].n_fake == 8
