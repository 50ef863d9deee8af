"""Ranks: no-ops on one process, sums in rank order on two."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError

PROGRAM = """
import json, sys
from anyres_bench.core import distributed as d
d.start()
with d.joined():
    pass  # the group is of the caller and stays
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


@pytest.mark.parametrize("name", ["banana", "", "cpu0", "cuda:x", "cuda:-1", "gpu", "cpu:1"])
def test_only_a_device_that_is_there_is_one(name: str) -> None:
    with pytest.raises(UsageError, match=r"no device|this machine has no|it has cpu"):
        distributed.device(name)


def test_devices_have_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert str(distributed.device("cpu")) == str(distributed.device("cpu:0")) == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert str(distributed.device("cuda")) == "cuda:0"
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "1")
    assert str(distributed.device("cuda")) == "cuda:1"
    with pytest.raises(UsageError, match="this machine has no cuda:2; it has cpu"):
        distributed.device("cuda:2")


def test_what_another_run_left_in_the_environment_is_no_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    distributed.start()
    assert (distributed.rank(), distributed.world_size()) == (0, 1)
    distributed.stop()


def test_a_rank_that_is_no_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "x")
    with pytest.raises(UsageError, match="RANK is 'x'"):
        distributed.rank()
