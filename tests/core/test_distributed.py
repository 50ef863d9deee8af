"""Ranks: no-ops on one process, sums in rank order on two."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from anyres_bench.core import distributed

PROGRAM = """
import json, sys
from anyres_bench.core import distributed as d
d.start()
total = d.reduce([d.rank()], lambda a, b: a + b)
result = [d.rank(), d.world_size(), d.gather("r%d" % d.rank()), total]
d.barrier()
open(sys.argv[1] + "/%d" % d.rank(), "w").write(json.dumps(result))
d.stop()
"""


def test_one_process_needs_no_group() -> None:
    distributed.start()
    assert (distributed.rank(), distributed.world_size(), distributed.is_main()) == (0, 1, True)
    assert distributed.gather("a") == ["a"]
    assert distributed.reduce(3, lambda a, b: a + b) == 3
    distributed.barrier()
    distributed.stop()


@pytest.mark.slow
def test_two_processes_agree(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc-per-node", "2", str(program), str(tmp_path)]
    root = Path(__file__).resolve().parents[2]
    env = {"PYTHONPATH": str(root), "PATH": "", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=env, timeout=120)
    for rank in (0, 1):
        result = json.loads((tmp_path / str(rank)).read_text())
        assert result == [rank, 2, ["r0", "r1"], [0, 1]]
